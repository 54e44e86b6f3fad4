package storetest

import (
	"encoding/binary"
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/store"
)

// RunReopen checks that a store's records are there again after it was closed.
// open returns a new, empty store and a function that opens the same one again
// after Close.
func RunReopen(t *testing.T, open func(t *testing.T) (s store.Store, reopen func() (store.Store, error))) {
	rapid.Check(t, func(rt *rapid.T) {
		s, reopen := open(t)
		m, n := Model{}, 0
		for range rapid.IntRange(1, 4).Draw(rt, "openings") {
			for range rapid.IntRange(0, 5).Draw(rt, "batches") {
				b := drawBatch(rt, &n)
				if err := s.Apply(b); err != nil {
					rt.Fatal(err)
				}
				m.Apply(b)
			}
			if err := s.Close(); err != nil {
				rt.Fatal(err)
			}
			var err error
			if s, err = reopen(); err != nil {
				rt.Fatal(err)
			}
			if err := m.Equal(s, modelTables...); err != nil {
				rt.Fatalf("after Close and opening: %v", err)
			}
		}
		if err := s.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

// RunConcurrent checks a store that many goroutines may use at once.
func RunConcurrent(t *testing.T, open Open) {
	t.Run("WritersAndReaders", func(t *testing.T) { testConcurrent(t, open(t)) })
	t.Run("CloseWaits", func(t *testing.T) { testCloseWaits(t, open(t)) })
}

// Writers move one unit at a time between two records of different tables, so
// that in every moment the sum is the same. Readers check the sum in a batch's
// eyes, and each writer reads his own writes.
func testConcurrent(t *testing.T, s store.Store) {
	defer closeStore(t, s)
	const writers, rounds = 8, 25
	var wg sync.WaitGroup
	for w := range writers {
		put(t, s, "pairs", fmt.Sprintf("%d/left", w), number(rounds))
		put(t, s, "pairs", fmt.Sprintf("%d/right", w), number(0))
		wg.Go(func() {
			left, right := fmt.Appendf(nil, "%d/left", w), fmt.Appendf(nil, "%d/right", w)
			for i := 1; i <= rounds; i++ {
				var b store.Batch
				b.Put("pairs", left, []byte(number(rounds-i)))
				b.Put("log", fmt.Appendf(nil, "%d/%d", w, i), nil)
				b.Put("pairs", right, []byte(number(i)))
				if err := s.Apply(&b); err != nil {
					t.Error(err)
					return
				}
				v, err := s.Get("pairs", right)
				if err != nil || string(v) != number(i) {
					t.Errorf("writer %d does not see its own write: %x, %v", w, v, err)
					return
				}
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for range rounds {
				sum := uint64(0)
				err := s.Scan("pairs", store.Range{}, func(k, v []byte) bool {
					sum += binary.BigEndian.Uint64(v)
					return true
				})
				if err != nil || sum%rounds != 0 {
					t.Errorf("a scan saw half a batch: sum %d, %v", sum, err)
					return
				}
			}
		})
	}
	wg.Wait()
	want(t, "records in the log", len(scan(t, s, "log", store.Range{})), writers*rounds)
}

func number(n int) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func testCloseWaits(t *testing.T, s store.Store) {
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				if s.Put("t", fmt.Appendf(nil, "%d/%d", w, i), nil) != nil {
					return
				}
				if s.Scan("t", store.Range{}, func(k, v []byte) bool { return true }) != nil {
					return
				}
			}
		})
	}
	put(t, s, "t", "k", "v")
	closeStore(t, s)
	wg.Wait()
	if _, err := s.Get("t", []byte("k")); err == nil {
		t.Error("Get works after Close")
	}
}

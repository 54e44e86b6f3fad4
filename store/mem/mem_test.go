package mem_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return mem.New() })
}

func TestContractAfterRestart(t *testing.T) {
	storetest.RunReopen(t, func(t *testing.T) (store.Store, func() (store.Store, error)) {
		s := mem.New()
		return s, func() (store.Store, error) {
			s = s.Clone()
			return s, nil
		}
	})
}

func TestCloneIsASecondStore(t *testing.T) {
	a := mem.New()
	put(t, a, "k", "1")
	b := a.Clone()
	c := b.Clone()
	put(t, a, "k", "2")
	put(t, b, "k", "3")
	put(t, b, "l", "3")
	if err := c.Delete("t", []byte("k")); err != nil {
		t.Fatal(err)
	}
	if get(t, a, "k") != "2" || get(t, b, "k") != "3" || get(t, c, "k") != "" {
		t.Errorf("clones share records: %q %q %q", get(t, a, "k"), get(t, b, "k"), get(t, c, "k"))
	}
	if a.Len() != 1 || b.Len() != 2 || c.Len() != 0 {
		t.Errorf("%d, %d and %d records", a.Len(), b.Len(), c.Len())
	}
}

func TestWipe(t *testing.T) {
	s := mem.New()
	put(t, s, "k", "v")
	s.Wipe()
	if s.Len() != 0 || get(t, s, "k") != "" {
		t.Error("a record survived Wipe")
	}
	put(t, s, "k", "w")
	if get(t, s, "k") != "w" {
		t.Error("a wiped store takes no writes")
	}
}

func TestFaultOnTheNthCall(t *testing.T) {
	s := mem.New()
	full := fmt.Errorf("%w: injected", store.ErrFull)
	var seen []int64
	s.Fail(func(op mem.Op) error {
		seen = append(seen, op.N)
		if op.N == 2 && op.Kind == mem.Write && string(op.Writes[0].Key) == "b" {
			return full
		}
		if op.Kind == mem.Get && op.Table == "t" && string(op.Key) == "bad" {
			return store.ErrCorrupt
		}
		return nil
	})
	put(t, s, "a", "1")
	if err := s.Put("t", []byte("b"), nil); !errors.Is(err, store.ErrFull) {
		t.Fatalf("second call: %v", err)
	}
	put(t, s, "c", "3")
	if get(t, s, "b") != "" || get(t, s.Clone(), "b") != "" {
		t.Error("the failed write is there")
	}
	if _, err := s.Get("t", []byte("bad")); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Get: %v", err)
	}
	if fmt.Sprint(seen) != "[1 2 3 4 5]" {
		t.Errorf("calls %v", seen)
	}
	s.Fail(nil)
	put(t, s, "b", "2")
	if get(t, s, "b") != "2" {
		t.Error("no write after the fault went away")
	}
}

func TestFailedWriteThatLanded(t *testing.T) {
	s := mem.New()
	put(t, s, "k", "old")
	s.Fail(func(op mem.Op) error {
		if op.Kind == mem.Write {
			return mem.Landed(store.ErrFailed)
		}
		return nil
	})
	if err := s.Put("t", []byte("k"), []byte("new")); !errors.Is(err, store.ErrFailed) {
		t.Fatal(err)
	}
	if v := get(t, s, "k"); v != "old" {
		t.Errorf("read shows a write that failed: %q", v)
	}
	if v := get(t, s.Clone(), "k"); v != "new" {
		t.Errorf("after a restart: %q, want the write that landed", v)
	}
	s.Fail(nil)
	put(t, s, "other", "x")
	if v := get(t, s, "k"); v != "new" {
		t.Errorf("after a later write: %q", v)
	}
}

func put(t *testing.T, s *mem.Store, key, value string) {
	t.Helper()
	if err := s.Put("t", []byte(key), []byte(value)); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, s *mem.Store, key string) string {
	t.Helper()
	v, err := s.Get("t", []byte(key))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return string(v)
}

package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/store"
)

// Model is the plainest store there can be: what a store must agree with. Its
// keys are a table and a key, joined so that they sort as the store does.
type Model map[string]string

func modelKey(t store.Table, key []byte) string { return string(t) + "\x00" + string(key) }

// Apply does a batch.
func (m Model) Apply(b *store.Batch) {
	for _, op := range b.Ops() {
		if op.Delete {
			delete(m, modelKey(op.Table, op.Key))
		} else {
			m[modelKey(op.Table, op.Key)] = string(op.Value)
		}
	}
}

// Scan returns what a scan must visit, as "key=value".
func (m Model) Scan(t store.Table, r store.Range) []string {
	var got []string
	for _, mk := range slices.Sorted(maps.Keys(m)) {
		key, ok := bytes.CutPrefix([]byte(mk), []byte(modelKey(t, nil)))
		if !ok || bytes.Compare(key, r.From) < 0 || len(r.To) > 0 && bytes.Compare(key, r.To) >= 0 {
			continue
		}
		got = append(got, fmt.Sprintf("%s=%s", key, m[mk]))
	}
	if r.Reverse {
		slices.Reverse(got)
	}
	if r.Limit > 0 && len(got) > r.Limit {
		got = got[:r.Limit]
	}
	return got
}

// Equal tells whether a store has the model's records, all and no others, in
// the tables named.
func (m Model) Equal(s store.Store, tables ...store.Table) error {
	n := 0
	for _, t := range tables {
		var got []string
		err := s.Scan(t, store.Range{}, func(k, v []byte) bool {
			got = append(got, fmt.Sprintf("%s=%s", k, v))
			return true
		})
		if err != nil {
			return err
		}
		if want := m.Scan(t, store.Range{}); !slices.Equal(got, want) {
			return fmt.Errorf("table %s has %q, want %q", t, got, want)
		}
		n += len(got)
	}
	if n != len(m) {
		return fmt.Errorf("%d records, want %d", n, len(m))
	}
	return nil
}

var (
	modelTables = []store.Table{"a", "ab", "b"}
	modelKeys   = rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0xff}), 1, 3),
		func(k []byte) []byte { return k })
	modelEnds = rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0xff}), 0, 3)
)

// testModel does random calls on a store and on a model, and compares.
func testModel(t *testing.T, open Open) {
	rapid.Check(t, func(rt *rapid.T) {
		s, m, n := open(t), Model{}, 0
		defer closeStore(t, s)
		rt.Repeat(map[string]func(*rapid.T){
			"apply": func(rt *rapid.T) {
				b := drawBatch(rt, &n)
				if err := s.Apply(b); err != nil {
					rt.Fatal(err)
				}
				m.Apply(b)
			},
			"put": func(rt *rapid.T) {
				var b store.Batch
				tab, k := rapid.SampledFrom(modelTables).Draw(rt, "table"), modelKeys.Draw(rt, "key")
				n++
				b.Put(tab, k, fmt.Append(nil, n))
				if err := s.Put(tab, k, fmt.Append(nil, n)); err != nil {
					rt.Fatal(err)
				}
				m.Apply(&b)
			},
			"get": func(rt *rapid.T) {
				tab, k := rapid.SampledFrom(modelTables).Draw(rt, "table"), modelKeys.Draw(rt, "key")
				got, err := s.Get(tab, k)
				want, ok := m[modelKey(tab, k)]
				if ok && (err != nil || string(got) != want) || !ok && !errors.Is(err, store.ErrNotFound) {
					rt.Fatalf("Get %s %x: %q, %v; want %q, %v", tab, k, got, err, want, ok)
				}
			},
			"scan": func(rt *rapid.T) {
				tab, r := rapid.SampledFrom(modelTables).Draw(rt, "table"), drawRange(rt)
				var got []string
				err := s.Scan(tab, r, func(k, v []byte) bool {
					got = append(got, fmt.Sprintf("%s=%s", k, v))
					return true
				})
				if want := m.Scan(tab, r); err != nil || !slices.Equal(got, want) {
					rt.Fatalf("Scan %s %+v: %q, %v; want %q", tab, r, got, err, want)
				}
			},
			"": func(rt *rapid.T) {
				if err := m.Equal(s, modelTables...); err != nil {
					rt.Fatal(err)
				}
			},
		})
	})
}

func drawRange(rt *rapid.T) store.Range {
	return store.Range{
		From:    modelEnds.Draw(rt, "from"),
		To:      modelEnds.Draw(rt, "to"),
		Limit:   rapid.IntRange(0, 4).Draw(rt, "limit"),
		Reverse: rapid.Bool().Draw(rt, "reverse"),
	}
}

// drawBatch draws a batch of random writes. n makes the values different.
func drawBatch(rt *rapid.T, n *int) *store.Batch {
	var b store.Batch
	for range rapid.IntRange(0, 5).Draw(rt, "writes") {
		t, k := rapid.SampledFrom(modelTables).Draw(rt, "table"), modelKeys.Draw(rt, "key")
		if *n++; rapid.IntRange(0, 3).Draw(rt, "delete") == 0 {
			b.Delete(t, k)
		} else {
			b.Put(t, k, fmt.Append(nil, *n))
		}
	}
	return &b
}

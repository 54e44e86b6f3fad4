package mem_test

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
)

// A table of many records, which come and go in any order, reads as a map that is sorted, forwards
// and backwards, whole and in part.
func TestManyRecords(t *testing.T) {
	const keys, steps = 3000, 12_000
	rng := rand.New(rand.NewPCG(1, 2))
	s, want := mem.New(), make(map[string]string)
	key := func() []byte { return binary.BigEndian.AppendUint16(nil, uint16(rng.IntN(keys))) }
	compare := func(r store.Range) {
		t.Helper()
		var list []string
		for _, k := range slices.Sorted(maps.Keys(want)) {
			if k >= string(r.From) && (len(r.To) == 0 || k < string(r.To)) {
				list = append(list, k)
			}
		}
		if r.Reverse {
			slices.Reverse(list)
		}
		if r.Limit > 0 {
			list = list[:min(r.Limit, len(list))]
		}
		var got []string
		err := s.Scan("t", r, func(k, v []byte) bool {
			if want[string(k)] != string(v) {
				t.Errorf("%x is %x, want %x", k, v, want[string(k)])
			}
			got = append(got, string(k))
			return true
		})
		if err != nil || !slices.Equal(got, list) {
			t.Fatalf("%+v: %d records and %v, want %d", r, len(got), err, len(list))
		}
	}
	for step := range steps {
		k := key()
		filling := step < steps/2
		if del := rng.IntN(4) == 0; del == filling {
			if err := s.Delete("t", k); err != nil {
				t.Fatal(err)
			}
			delete(want, string(k))
		} else {
			v := binary.BigEndian.AppendUint32(nil, uint32(step))
			if err := s.Put("t", k, v); err != nil {
				t.Fatal(err)
			}
			want[string(k)] = string(v)
		}
		if s.Len() != len(want) {
			t.Fatalf("step %d: %d records, want %d", step, s.Len(), len(want))
		}
		if step%300 == 0 {
			from, to := key(), key()
			if bytes.Compare(from, to) > 0 {
				from, to = to, from
			}
			for _, reverse := range []bool{false, true} {
				for _, limit := range []int{0, 1, 500} {
					compare(store.Range{From: from, To: to, Limit: limit, Reverse: reverse})
					compare(store.Range{From: from, Limit: limit, Reverse: reverse})
					compare(store.Range{Limit: limit, Reverse: reverse})
				}
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if err := s.Delete("t", []byte(k)); err != nil {
			t.Fatal(err)
		}
	}
	clear(want)
	compare(store.Range{})
	compare(store.Range{Reverse: true})
}

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
	const keys, steps = 1000, 4000
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
		if step%400 == 399 {
			from, to := key(), key()
			if bytes.Compare(from, to) > 0 {
				from, to = to, from
			}
			for _, reverse := range []bool{false, true} {
				for _, limit := range []int{0, 1, 200} {
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

// A record that comes to a full page goes to its place, whichever that is.
func TestFullPage(t *testing.T) {
	const full = 128
	key := func(n int) []byte { return []byte{byte(n >> 8), byte(n)} }
	for at := range full + 1 {
		s := mem.New()
		for i := range full {
			put(t, s, string(key(2*i+1)), "v")
		}
		put(t, s, string(key(2*at)), "v")
		var last []byte
		n := 0
		if err := s.Scan("t", store.Range{}, func(k, _ []byte) bool {
			if bytes.Compare(k, last) <= 0 {
				t.Errorf("inserted at %d: %x after %x", at, k, last)
			}
			n, last = n+1, k
			return true
		}); err != nil || n != full+1 {
			t.Errorf("inserted at %d: %d records and %v", at, n, err)
		}
	}
}

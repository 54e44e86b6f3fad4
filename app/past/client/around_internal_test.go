package client

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// What was named for one key answers for another only where it is surely right, and for a while.
func TestAround(t *testing.T) {
	found := 0
	rapid.Check(t, func(rt *rapid.T) {
		place := func(what string) id.ID {
			return id.ID{Hi: rapid.Uint64().Draw(rt, what)}
		}
		var all []*peer.Handle
		for range rapid.IntRange(12, 60).Draw(rt, "nodes") {
			if h := (&peer.Handle{ID: place("node")}); !Contains(all, h.ID) {
				all = append(all, h)
			}
		}
		nearest := func(key id.ID) []*peer.Handle {
			near := slices.Clone(all)
			sortByDistance(key, near)
			return near
		}
		key, k := place("key"), rapid.IntRange(1, 5).Draw(rt, "k")
		named := nearest(key)[:min(len(all), rapid.IntRange(k, 12).Draw(rt, "named"))]
		var a around
		a.note(surroundings{key, named, farthest(key, named), 0})
		if got := a.find(key, k, Spare, 0); got == nil || got[0] != named[0] {
			rt.Fatal("the answer does not do for its own key")
		}
		other := key.Add(id.ID{Hi: rapid.Uint64Range(0, 1<<62).Draw(rt, "off")})
		got := a.find(other, k, Spare, task.Instant(aroundTime))
		if got == nil {
			return
		}
		found++
		if want := nearest(other)[:k]; !slices.Equal(got[:k], want) {
			rt.Fatalf("the nodes nearest to %s are %v, not %v", other, want, got[:k])
		}
		if a.find(other, k, Spare, task.Instant(aroundTime+time.Nanosecond)) != nil {
			rt.Fatal("it is remembered for too long")
		}
	})
	if found == 0 {
		t.Error("no answer did for another key")
	}
}

// A search that is under way is waited for where its answer may do: as far as half of what the last
// answer reached.
func TestSearchFor(t *testing.T) {
	key := id.ID{Hi: 1 << 60}
	under := &search{key: key}
	cl := &Client{asker: new(Asker), searches: []*search{{key: id.ID{Hi: 1 << 63}}, under}}
	if cl.searchFor(key) != nil {
		t.Error("it is waited for where nobody knows how far an answer goes")
	}
	for range maxAround + 1 {
		cl.asker.around.note(surroundings{reach: id.ID{Hi: 1}})
	}
	cl.asker.around.note(surroundings{reach: id.ID{Hi: 1 << 40}})
	for _, c := range []struct {
		off  id.ID
		want *search
	}{
		{id.ID{}, under}, {id.ID{Hi: 1 << 39}, under}, {id.ID{Hi: 1<<39 + 1}, nil},
	} {
		for _, k := range []id.ID{key.Add(c.off), key.Sub(c.off)} {
			if got := cl.searchFor(k); got != c.want {
				t.Errorf("%s off: %v, want %v", c.off, got, c.want)
			}
		}
	}
}

// Of ids that were paid for those are taken one after another on the ring that pay for enough, and not for
// much more, and whose voucher is good for a while.
func TestSupplyTakes(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	of := func(place byte, size int64, left time.Duration) prepaid {
		d := &voucher.Debit{Date: now.UnixMilli(), Expires: now.Add(left).UnixMilli()}
		return prepaid{payment: &voucher.Payment{Voucher: &voucher.Voucher{Debit: d}, Path: &voucher.Path{Charge: voucher.Charge{Object: id.Hash{place}, Size: size}}}}
	}
	s := &supply{at: id.ID{Hi: 0x50 << 56}}
	s.ready = []prepaid{of(0x90, 1000, time.Hour), of(0x20, 1000, time.Hour), of(0x60, 1000, time.Hour), of(0x70, 900, time.Hour), of(0x80, 2000, time.Hour),
		of(0x65, 1000, 0), of(0xf0, 1100, time.Hour)}
	var took []byte
	for {
		p, ok := s.take(1000, now)
		if !ok {
			break
		}
		took = append(took, p.payment.Path.Charge.Object[0])
	}
	if want := []byte{0x60, 0x90, 0xf0, 0x20}; !slices.Equal(took, want) {
		t.Errorf("%x are taken, want %x", took, want)
	}
	if len(s.ready) != 2 {
		t.Errorf("%d are left, want the two of other sizes", len(s.ready))
	}
}

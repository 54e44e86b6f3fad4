package kbr_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
)

// view is an endpoint at node 0x80 of an 8-bit ring, whose leaf set reaches 0x10 far.
type view struct {
	kbr.Endpoint
	set, known []uint8       // replica set, and who comes nearer to the key
	near       map[uint8]int // proximity, ms
	alone      bool
}

func handle(x uint8) *peer.Handle { return &peer.Handle{ID: id.Tiny(x)} }

func handles(xs []uint8) (hs []*peer.Handle) {
	for _, x := range xs {
		hs = append(hs, handle(x))
	}
	return hs
}

func (v *view) Self() *peer.Handle                          { return handle(0x80) }
func (v *view) ReplicaSet(id.ID, int) []*peer.Handle        { return handles(v.set) }
func (v *view) LocalLookup(id.ID, int, bool) []*peer.Handle { return handles(v.known) }
func (v *view) Proximity(p *peer.Handle) (time.Duration, bool) {
	ms, known := v.near[p.ID.Bytes()[0]]
	return time.Duration(ms) * time.Millisecond, known
}

func (v *view) NeighborSet(int) []*peer.Handle {
	if v.alone {
		return nil
	}
	return handles([]uint8{0x84, 0x7c, 0x88, 0x78, 0x90, 0x70})
}

// Pastry 2001, section 2.5: whoever knows the replicas chooses the nearest, and whoever does
// not looks for one who does.
func TestNearReplica(t *testing.T) {
	for name, c := range map[string]struct {
		view
		key, next, want uint8
	}{
		"this node is the root":          {view{set: []uint8{0x82, 0x84}}, 0x81, 0x80, 0x80},
		"this node is a replica":         {view{set: []uint8{0x84, 0x80}, near: map[uint8]int{0x84: 1}}, 0x83, 0x84, 0x80},
		"the nearest replica":            {view{set: []uint8{0x86, 0x84}, near: map[uint8]int{0x84: 7, 0x86: 9}}, 0x86, 0x86, 0x84},
		"the nearest that is measured":   {view{set: []uint8{0x86, 0x84}, near: map[uint8]int{0x86: 9}}, 0x86, 0x86, 0x86},
		"none is measured":               {view{set: []uint8{0x86, 0x84}}, 0x86, 0x86, 0x86},
		"a ring of fewer than k":         {view{set: []uint8{0x86}, near: map[uint8]int{0x86: 1}}, 0x86, 0x84, 0x84},
		"who knows them, though farther": {view{known: []uint8{0xa0, 0xa8, 0xc0}, near: map[uint8]int{0xa0: 9, 0xa8: 2, 0xc0: 1}}, 0xa0, 0xa0, 0xa8},
		"nobody is near enough to know":  {view{known: []uint8{0xa0, 0xc0}, near: map[uint8]int{0xa0: 9, 0xc0: 1}}, 0xb0, 0xa0, 0xa0},
		"no neighbours to judge by":      {view{known: []uint8{0xa0}, near: map[uint8]int{0xa0: 1}, alone: true}, 0xa0, 0xc0, 0xc0},
	} {
		if got := kbr.NearReplica(&c.view, id.Tiny(c.key), 2, handle(c.next)); got.ID != id.Tiny(c.want) {
			t.Errorf("%s: %s, want %x", name, got.ID.Short(), c.want)
		}
	}
	if got := kbr.NearReplica(&view{}, id.Tiny(1), 2, nil); got != nil {
		t.Errorf("no next hop became %v", got)
	}
}

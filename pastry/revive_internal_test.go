package pastry

import (
	"testing"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// TestRevivedMemberCounts: a leaf-set member that was only heard of is told of, and
// compared, as soon as it gives a sign of life.
func TestRevivedMemberCounts(t *testing.T) {
	n := &Node{leafs: leafSet{self: id.Tiny(1), half: 2}}
	sure := &contact{h: &peer.Handle{ID: id.Tiny(2)}, life: alive, active: true}
	rumour := &contact{h: &peer.Handle{ID: id.Tiny(3)}, life: heardOf, active: true}
	n.leafs.insert(sure)
	n.leafs.insert(rumour)
	before := n.leafs.common(rightSide)
	if got := n.leafs.snapshot(); len(got) != 1 || got[0] != sure.h {
		t.Fatalf("before: %v", got)
	}
	n.revive(rumour)
	if got := n.leafs.snapshot(); len(got) != 2 {
		t.Errorf("the snapshot is still %v", got)
	}
	if n.leafs.common(rightSide) == before {
		t.Error("the digest is still the one without it")
	}
}

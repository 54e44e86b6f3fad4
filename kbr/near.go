package kbr

import (
	"math"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// NearReplica returns where a message goes for which any of the k nodes nearest to its key
// will do, as one that reads what all of them keep (Pastry 2001, section 2.5): to the
// nearest of them by proximity, where this node knows all; before that to the nearest of
// those who, by the density of nodes around this one, do; else to next, which is what
// Forward was given. It is for Forward: at the node that returns itself the message is at a
// replica, or at its root. What was not measured yet is not taken, and is measured then.
func NearReplica(ep Endpoint, key id.ID, k int, next *peer.Handle) *peer.Handle {
	self := ep.Self()
	if next == nil || next.ID == self.ID {
		return next
	}
	set := ep.ReplicaSet(key, k)
	switch {
	case slices.ContainsFunc(set, func(h *peer.Handle) bool { return h.ID == self.ID }):
		return self
	case len(set) == k:
		return nearest(ep, set, next)
	case set != nil:
		return next
	}
	around := ep.NeighborSet(math.MaxInt)
	if len(around) == 0 {
		return next
	}
	// Who knows all of them has them within his leaf set, and some more on either side.
	half := around[len(around)-1].ID.Distance(self.ID)
	knows := slices.DeleteFunc(ep.LocalLookup(key, len(around), false), func(h *peer.Handle) bool {
		return h.ID.Distance(key).Hi > half.Hi/4*3
	})
	return nearest(ep, knows, next)
}

// nearest returns the node of a list with the least proximity, otherwise if none is measured.
func nearest(ep Endpoint, hs []*peer.Handle, otherwise *peer.Handle) *peer.Handle {
	best, least := otherwise, time.Duration(math.MaxInt64)
	for _, h := range hs {
		if d, known := ep.Proximity(h); known && d < least {
			best, least = h, d
		}
	}
	return best
}

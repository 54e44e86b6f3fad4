package pastry

import (
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// snapshot is what a node keeps for its next start.
type snapshot struct {
	Incarnation uint64            `cbor:"1,keyasint"`
	Peers       []*peer.Handle    `cbor:"2,keyasint"`
	Expulsions  []*peer.Expulsion `cbor:"3,keyasint,omitempty"`
}

// Check implements wire.Checker.
func (s *snapshot) Check() error {
	for _, e := range s.Expulsions {
		if e == nil {
			return fmt.Errorf("snapshot with an empty expulsion")
		}
	}
	return peer.CheckList(s.Peers, 256)
}

func parseSnapshot(b []byte) (*snapshot, error) {
	s := new(snapshot)
	if len(b) == 0 {
		return s, nil
	}
	if err := wire.Unmarshal(b, s); err != nil {
		return nil, err
	}
	return s, nil
}

// save keeps the nodes by which this one finds back into its ring: leaf set,
// neighbourhood set, table, in this order, and those that are gone for now.
func (n *Node) save() {
	s := snapshot{Incarnation: n.self.Incarnation, Expulsions: n.removed.All()}
	s.Peers = make([]*peer.Handle, 0, n.cfg.Remember)
	take := func(h *peer.Handle) {
		if len(s.Peers) < n.cfg.Remember {
			s.Peers = append(s.Peers, h)
		}
	}
	n.eachPlaced(func(c *contact) {
		if c.met {
			take(c.h)
		}
	})
	for _, g := range n.gone {
		if c := n.contacts.find(g.h.ID); (c == nil || !slices.Contains(s.Peers, c.h)) && !slices.Contains(s.Peers, g.h) {
			take(g.h)
		}
	}
	if len(s.Peers) == 0 {
		s.Peers = n.saved
	}
	n.SaveLater(func() []byte { return wire.MustMarshal(s) })
}

// SavedIncarnation returns the incarnation that a snapshot was made by, or 0: a
// node's next start needs a higher one.
func SavedIncarnation(saved []byte) uint64 {
	s, err := parseSnapshot(saved)
	if err != nil {
		return 0
	}
	return s.Incarnation
}

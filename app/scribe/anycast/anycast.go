package anycast

import (
	"github.com/phyllo-net/phyllo/app/limit"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
)

// Anycast is the application of one node. Not for several goroutines at once: all is called
// on the node's loop.
type Anycast struct {
	cfg    Config
	ep     kbr.Endpoint
	takers map[id.Hash]*Taker
	offers memory[*offer]
	quests memory[*quest]
	starts limit.Rates
	steps  limit.Rates
	asking int // anycasts of this node that are under way
	stats  Stats
}

var (
	_ kbr.App       = (*Anycast)(nil)
	_ kbr.Forwarder = (*Anycast)(nil)
)

// Stats counts what happened since the start.
type Stats struct {
	Begun    uint64 // walks that began at this node
	Passed   uint64 // walks that passed this node, or began from it, on the way to a tree
	Steps    uint64 // walks handed to a child or parent
	Granted  uint64 // items that this node's member was granted
	BadInput uint64 // messages that made no sense, and items that the charter does not allow
	Refused  uint64 // walks above a limit
}

// New returns an Anycast for one node. The error names a setting out of its range.
func New(c Config) (*Anycast, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Anycast{cfg: c, takers: make(map[id.Hash]*Taker), offers: newMemory[*offer](c.Remember, c.RememberFor),
		quests: newMemory[*quest](c.Remember, c.RememberFor), starts: limit.New(c.PeerStarts), steps: limit.New(c.PeerSteps)}, nil
}

// Start implements kbr.App.
func (a *Anycast) Start(ep kbr.Endpoint) { a.ep = ep }

// Stop implements kbr.App.
func (a *Anycast) Stop() {}

// Update implements kbr.App.
func (a *Anycast) Update(*peer.Handle, bool) {}

// Stats returns what happened since the start.
func (a *Anycast) Stats() Stats { return a.stats }

// Forward implements kbr.Forwarder: the first node of the tree on the way of a walk begins
// the search, but one where the walk was before, and the asker when its first walk was lost.
func (a *Anycast) Forward(t *kbr.Transit) bool {
	m, err := table.Decode(t.Payload)
	w, ok := m.(*walk)
	if err != nil || !ok {
		return true // its end says that it makes no sense
	}
	self := a.ep.Self().ID
	if w.done(self) || w.Round > 0 && t.Via.ID == self && t.Next.ID != self || !a.cfg.Tree.Neighbours(w.Item.Group).InTree() {
		if t.Next.ID != self {
			a.stats.Passed++
		}
		return true
	}
	a.begin(w, t.Via)
	return false
}

// Deliver implements kbr.App.
func (a *Anycast) Deliver(d *kbr.Delivery) {
	m, err := table.Decode(d.Payload)
	if err != nil {
		a.stats.BadInput++
		d.Refuse(refusedMalformed, refusals[refusedMalformed])
		return
	}
	w, walks := m.(*walk)
	switch {
	case walks && !a.neighbour(w.Item.Group, d):
		a.begin(w, d.Via)
		return
	case d.Via.ID != a.ep.Self().ID && !a.steps.Take(d.Via.ID, a.ep.Now()):
		a.stats.Refused++
		d.Refuse(refusedBusy, refusals[refusedBusy])
		if walks {
			a.end(w, whyBusy)
		}
		return
	case walks && !w.Item.timely(a.ep.Wall()):
		a.untimely(w, d.Via)
		return
	case walks:
		a.visit(w)
		return
	}
	switch m := m.(type) {
	case *willing:
		a.onWilling(d, m)
	case *onTheWay:
		a.onWay(m)
	case *over:
		a.onOver(m)
	default:
		a.stats.BadInput++
		d.Refuse(refusedMalformed, refusals[refusedMalformed])
	}
}

// neighbour reports whether a message comes from a child or parent in a group's tree.
func (a *Anycast) neighbour(group id.Hash, d *kbr.Delivery) bool {
	if !d.Direct {
		return false
	}
	n := a.cfg.Tree.Neighbours(group)
	if n.Parent != nil && n.Parent.ID == d.Via.ID {
		return true
	}
	for _, c := range n.Children {
		if c.ID == d.Via.ID {
			return true
		}
	}
	return false
}

package group

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/anycast"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// anycastApp is the number of the application that finds willing members in storms.
const anycastApp wire.AppID = 1004

// offer is an item that a node looks for a taker for, among the members of the group (P9).
type offer struct {
	text  string
	fits  func(sim.NodeRef) bool // whose members are willing
	asked map[sim.NodeRef]bool   // whose members were asked
	took  []sim.NodeRef          // who was told that it is granted to them
	over  bool
	err   error
}

// longestOffer is longer than an anycast takes.
const longestOffer = 3 * time.Minute

// offer lets a node offer an item to the members that fit.
func (gs *Group) offer(n sim.NodeRef, fits func(sim.NodeRef) bool) *offer {
	o := &offer{text: fmt.Sprintf("item %d", len(gs.offers)), fits: fits, asked: make(map[sim.NodeRef]bool)}
	gs.offers[o.text] = o
	gs.Toll.Offered++
	gs.run(n, func(t *task.T, s *seat) error {
		_, err := s.finds.Anycast(t, gs.id, []byte(o.text), anycast.Options{Signer: gs.speakers[0].key})
		return err
	}, func(err error) {
		o.over, o.err = true, err
		if err == nil {
			gs.Toll.Granted++
		}
		if err != nil && len(o.took) > 0 {
			gs.fail("P9: node %d took %s, of which its asker is told: %v", o.took[0], o.text, err)
		}
	})
	return o
}

// takes makes a node's member take items that fit it. More than one may never be granted one.
func (gs *Group) takes(s *seat) {
	s.finds.Take(gs.id, anycast.Taker{
		Willing: func(i *anycast.Item) ([]byte, bool) {
			o := gs.offers[string(i.Body)]
			if o == nil {
				gs.fail("P9: node %d is asked to take %q, which nobody offers", s.node, i.Body)
				return nil, false
			}
			o.asked[s.node] = true
			return nil, o.fits(s.node)
		},
		Decided: func(i *anycast.Item, granted bool) {
			if o := gs.offers[string(i.Body)]; granted && o != nil {
				if o.took = append(o.took, s.node); len(o.took) > 1 {
					gs.fail("P9: %s is granted to the nodes %v", o.text, o.took)
				}
			}
		}})
}

// bazaar offers items in calm: what nobody takes is refused by all, with at most two messages
// for each node of the tree, and what somebody takes is granted to one (P9).
func (gs *Group) bazaar() {
	for _, wanted := range []int{0, 1} {
		var members, tree []sim.NodeRef
		for _, n := range gs.storm.Live() {
			p := gs.placeOf(n)
			if gs.seats[n].member != nil {
				members = append(members, n)
			}
			if p.Root || p.Member || !p.Parent.IsZero() {
				tree = append(tree, n)
			}
		}
		sp := gs.mouth(sim.Nobody)
		if len(members) == 0 || sp == nil {
			return
		}
		taker := members[gs.rng.IntN(len(members))]
		before := gs.steps()
		o := gs.offer(sp.node, func(n sim.NodeRef) bool { return wanted > 0 && n == taker })
		gs.storm.Sim().RunUntil(func() bool { return o.over }, 100*time.Millisecond, longestOffer)
		gs.storm.Sim().RunFor(time.Second)
		switch {
		case !o.over:
			gs.fail("P9: %s has no outcome after %v", o.text, longestOffer)
		case wanted > 0 && (o.err != nil || !slices.Equal(o.took, []sim.NodeRef{taker})):
			gs.fail("P9: node %d would take %s; the nodes %v did, its asker is told: %v", taker, o.text, o.took, o.err)
		case wanted == 0 && !errors.Is(o.err, anycast.ErrNobody):
			gs.fail("P9: nobody takes %s; its asker is told: %v", o.text, o.err)
		case wanted == 0 && slices.ContainsFunc(members, func(n sim.NodeRef) bool { return !o.asked[n] }):
			gs.fail("P9: %s is for nobody, and of the members %v only %v were asked", o.text, members, o.asked)
		}
		// Where some attack a walk may be lost, and another sent.
		if n := gs.steps() - before; n > uint64(2*len(tree)) && len(gs.does) == 0 {
			gs.fail("P9: a walk over a tree of %d nodes took %d messages", len(tree), n)
		}
	}
}

// steps is how many messages walks over the tree took, of the nodes' present lives.
func (gs *Group) steps() (n uint64) {
	for _, s := range gs.seats {
		n += s.finds.Stats().Steps
	}
	return n
}

package group

import (
	"time"

	"github.com/phyllo-net/phyllo/sim"
)

// This file lets a speaker of the group speak fast: what tells a parent that reorders from one that
// catches up counts batches, and at a message a second a storm is over before there are enough.

const (
	// pace is the time between two messages of a speaker that speaks fast.
	pace = 20 * time.Millisecond
	// dash is for how long it does so, each fifty seconds while faults strike, and once in calm. It is some
	// 220 batches, which is enough for a node with three others above it (see scribe's turnedAllowed).
	dash = 10 * time.Second
	// mostDashes is how often at the most it does so in calm, until all are sure who have a node that
	// reorders above them: deep in the tree that takes longer.
	mostDashes = 4
	// dashEvery is how many steps of a storm, of half a second, lie between two of these.
	dashEvery = 100
)

// dashes reports whether speakers speak fast in the storm of a seed: in one of four, and where there
// are attackers.
func dashes(seed uint64) bool { return seed%4 == 1 || seed%4 == 2 }

// dash lets a speaker speak fast from now on.
func (gs *Group) dash(sp *speaker) {
	for at := time.Duration(0); at < dash; at += pace {
		gs.storm.Sim().After(at, func() {
			if gs.storm.Sim().Alive(sp.node) {
				gs.say(sp, nil)
			}
		})
	}
}

// unmask lets a speaker speak fast in calm: whoever hangs below a node that reorders all the time has
// found it out by then, and left it (A11). In calm nobody else is left for that.
func (gs *Group) unmask() {
	sp := gs.mouth(sim.Nobody)
	if sp == nil {
		return // all have gone for good
	}
	below := make(map[sim.NodeRef]sim.NodeRef)
	for _, n := range gs.storm.Live() {
		if by, is := gs.turnedBy(n); is {
			below[n] = by
		}
	}
	gs.strict = true
	for dashed := 0; dashed == 0 || len(below) > 0 && dashed < mostDashes; dashed++ {
		gs.dash(sp)
		for range int(dash / time.Second) {
			gs.storm.Sim().RunFor(time.Second)
			for n, was := range below {
				if by, is := gs.turnedBy(n); !is || by != was {
					delete(below, n)
				}
			}
		}
	}
	gs.settle()
	gs.strict = false
	for _, n := range gs.storm.Live() {
		if by, is := below[n]; is {
			gs.fail("A11: node %d has had a message each %v for %v from node %d, which reorders them, and does not know it", n, pace, mostDashes*dash, by)
		}
	}
}

// turnedBy returns the attacker by which alone a node gets what it reads, each two in the wrong order. One
// below another that reorders brings back into its order what that one turned, and below a swallower nobody
// is handed anything: what these send is no sign of what they are.
func (gs *Group) turnedBy(n sim.NodeRef) (by sim.NodeRef, is bool) {
	by, is = gs.parentOf(n)
	if !is || gs.placeOf(n).Keeper || gs.deedHere(by) != reorders {
		return 0, false
	}
	at := by
	for range gs.seats {
		up, has := gs.parentOf(at)
		if !has {
			return by, gs.placeOf(at).Root
		}
		if does := gs.deedHere(up); does == swallows || does == reorders {
			return 0, false
		}
		at = up
	}
	return 0, false // a circle
}

// parentOf returns the parent of a node that needs one to get messages, if that one is alive.
func (gs *Group) parentOf(n sim.NodeRef) (up sim.NodeRef, has bool) {
	p := gs.placeOf(n)
	if p.Root || p.Parent.IsZero() {
		return 0, false
	}
	up, known := gs.storm.Sim().Find(p.Parent)
	return up, known && gs.storm.Sim().Alive(up)
}

// deedHere is what a node does where it stands: as root and keeper none is an attacker.
func (gs *Group) deedHere(n sim.NodeRef) deed {
	if p := gs.placeOf(n); p.Root || p.Keeper {
		return honest
	}
	return gs.does[n]
}

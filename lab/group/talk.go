package group

import (
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/sim"
)

const (
	// circle is how long a circle of parents may last: two heartbeats.
	circle = 2*time.Minute + 10*time.Second
	// calmTalk is within which time without faults all that was acknowledged is read by all
	// (P7), and shunTalk where some nodes swallow messages: until they are asked about it.
	calmTalk = time.Minute
	shunTalk = 6 * time.Minute
)

// Step lets speakers speak, and nodes come and go, and looks at the tree.
func (gs *Group) Step() {
	if gs.rounds++; gs.fast && gs.rounds%dashEvery == 0 {
		gs.dash(gs.speakers[0])
	}
	for _, sp := range gs.speakers {
		if gs.storm.Sim().Alive(sp.node) && gs.rng.IntN(2) == 0 {
			gs.say(sp, nil)
		}
	}
	for _, n := range gs.storm.Live() {
		s := gs.seats[n]
		switch {
		case s.joining:
		case s.member == nil && gs.rng.IntN(10) == 0:
			gs.join(s)
		case s.member != nil && gs.rng.IntN(400) == 0:
			gs.leave(s)
		}
	}
	if live := gs.storm.Live(); len(live) > 0 && gs.rng.IntN(8) == 0 {
		fit := sim.NodeRef(gs.rng.IntN(6)) // what only some would take, or nobody
		gs.offer(live[gs.rng.IntN(len(live))], func(n sim.NodeRef) bool { return n%5 == fit })
	}
	gs.look()
}

// look checks what must hold at any time (P5).
func (gs *Group) look() {
	for _, n := range gs.storm.Live() {
		if err := gs.seats[n].app.Check(); err != nil {
			gs.fail("P5: node %d: %v", n, err)
		}
	}
	for i := range gs.seats {
		n := sim.NodeRef(i)
		switch since, known := gs.circles[n]; {
		case !gs.inCircle(n):
			delete(gs.circles, n)
		case !known:
			gs.circles[n] = gs.now()
		case gs.now()-since > circle:
			gs.fail("P5: node %d is its own ancestor for %v", n, gs.now()-since)
		}
	}
}

// inCircle reports whether the way from a node to its parent, and on, leads back to it.
func (gs *Group) inCircle(n sim.NodeRef) bool {
	at := n
	for range gs.seats {
		if !gs.storm.Sim().Alive(at) || gs.storm.Sim().Paused(at) {
			return false
		}
		up, known := gs.storm.Sim().Find(gs.seats[at].app.Place(gs.id).Parent)
		if !known {
			return false
		}
		if at = up; at == n {
			return true
		}
	}
	return false
}

// Judge checks, in calm, that the group is whole: everybody may join and speak, and reads all
// (P6, P7), in one tree that holds nobody in vain (P5, P8).
func (gs *Group) Judge() {
	gs.healed = gs.now()
	for _, n := range gs.storm.Live() {
		if s := gs.seats[n]; s.member == nil && !s.joining && n%4 != 3 {
			gs.join(s)
		}
	}
	gs.storm.Sim().RunFor(longestJoin)
	for _, n := range gs.storm.Live() {
		if s := gs.seats[n]; n%4 != 3 && s.member == nil {
			gs.fail("P7: node %d could not join in calm", n)
		}
	}
	gs.lastWords()
	gs.settle()
	gs.look()
	gs.complete()
	gs.tree()
	gs.bazaar()
	if gs.fast {
		gs.unmask()
		gs.complete()
	}
	if len(gs.does) == 0 && gs.storm.Alone() {
		gs.gaps()
		gs.bereave(false)
		gs.bereave(true)
		gs.complete()
		gs.tree()
	}
}

// settle waits until all that was said in calm must have been read.
func (gs *Group) settle() {
	gs.storm.Sim().RunFor(calmTalk)
	if len(gs.does) > 0 {
		gs.storm.Sim().RunFor(shunTalk)
	}
}

// lastWords lets all speakers speak in calm: all is taken.
func (gs *Group) lastWords() {
	said, taken := 0, 0
	for range 10 {
		for _, sp := range gs.speakers {
			if !gs.storm.Sim().Alive(sp.node) {
				continue
			}
			said++
			gs.say(sp, func(err error) {
				if taken++; err != nil {
					gs.fail("P7: node %d speaks in calm: %v", sp.node, err)
				}
			})
		}
		gs.storm.Sim().RunFor(500 * time.Millisecond)
	}
	gs.storm.Sim().RunFor(5 * time.Second)
	if taken < said {
		gs.fail("P7: %d of the last %d messages have no outcome", said-taken, said)
	}
}

// complete checks that each member has read all that was said after it had joined, and was
// acknowledged (P7), or was told that it is lost (P3). In a network that was whole nothing is;
// in one that was parted a root may acknowledge what those in the other part wait for in vain.
func (gs *Group) complete() {
	for _, n := range gs.storm.Live() {
		m := gs.seats[n].member
		if m == nil {
			continue
		}
		var lacks []*line
		for _, l := range gs.order {
			switch {
			case l.taken == 0 || l.at <= m.began || m.read[l.text]:
			case !gs.storm.Whole() && l.at < gs.healed && m.told(l):
				gs.Toll.Told++
			default:
				lacks = append(lacks, l)
			}
		}
		if len(lacks) > 0 {
			gs.fail("P7: node %d, a member since %v, has not read %d acknowledged messages, as %v; it was told of the gaps %v",
				n, m.began, len(lacks), lacks[0], m.missed)
		}
	}
}

// told reports whether the member was told that a message is lost.
func (m *membership) told(l *line) bool {
	return slices.ContainsFunc(m.missed, func(g scribe.Gap) bool { return g.Publisher == l.by && g.From <= l.seq && l.seq <= g.To })
}

// String tells of a message what is needed to find out what became of it.
func (l *line) String() string {
	return fmt.Sprintf("%s of %v, number %d, said at %v, acknowledged at %v", l.text, l.by, l.seq, l.at, l.taken)
}

// tree checks that there is one root, the nearest node, and that all who are in the tree hang
// below it, each a child of one parent, its own (P5), and none in vain (P8).
func (gs *Group) tree() {
	root := gs.storm.Root(gs.id.Place())
	if root == sim.Nobody {
		gs.fail("P5: there is no root")
		return
	}
	for _, n := range gs.storm.Live() {
		if problem := gs.hangs(n, root); problem != "" {
			gs.fail("P5: node %d %s", n, problem)
		}
	}
	gs.adopted()
}

// adopted checks that each child has the node for its parent that has it as a child (P5).
func (gs *Group) adopted() {
	for _, n := range gs.storm.Live() {
		for _, x := range gs.placeOf(n).Children {
			c, known := gs.storm.Sim().Find(x)
			if known && gs.storm.Sim().Alive(c) && gs.placeOf(c).Parent != gs.storm.Sim().Handle(n).ID {
				gs.fail("P5: node %d, a child of node %d, has another parent, or none", c, n)
			}
		}
	}
}

// hangs says what is wrong with a node's place in the tree, if anything.
func (gs *Group) hangs(n, root sim.NodeRef) string {
	p := gs.seats[n].app.Place(gs.id)
	switch {
	case n == root && !p.Root:
		return "is the nearest and no root"
	case n == root:
		return ""
	case p.Root:
		return fmt.Sprintf("is a root besides node %d", root)
	case p.Parent.IsZero() && (p.Member || len(p.Children) > 0):
		return "has no parent"
	case p.Parent.IsZero():
		return ""
	case !p.Member && len(p.Children) == 0:
		return "is in the tree for nobody"
	}
	up, known := gs.storm.Sim().Find(p.Parent)
	switch {
	case !known || !gs.storm.Sim().Alive(up):
		return "has a parent that is dead"
	case !slices.Contains(gs.placeOf(up).Children, gs.storm.Sim().Handle(n).ID):
		return fmt.Sprintf("is no child of its parent, node %d", up)
	}
	return ""
}

func (gs *Group) placeOf(n sim.NodeRef) scribe.Place { return gs.seats[n].app.Place(gs.id) }

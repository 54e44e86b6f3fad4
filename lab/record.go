package lab

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
	"github.com/phyllo-net/phyllo/wire"
)

// Event is something that happens in a storm, for whoever draws it.
type Event struct {
	Time time.Duration // virtual
	Kind EventKind
	Node int // what it happens to; the sender of a message
	// With is another node: the receiver of a message, whom a verdict is about. It is -1
	// if no node of the ring is meant.
	With int
	// ID and Place are a new node's: Place is where it stands, from 0 to 1 both ways.
	ID    id.ID
	Place [2]float64
	// Num tells a routed message from others, at each of its hops; Delay is how long the
	// path takes.
	Num   uint64
	Delay time.Duration
	Yes   bool
	Text  string
}

// EventKind is a kind of event.
type EventKind string

// Kinds of events.
const (
	Joined  EventKind = "node"    // a node was added: ID, Place
	Lived   EventKind = "life"    // what happened to Node stands in Text, as sim.LifeEvent names it
	Claims  EventKind = "claims"  // Node claims keys from now on, or (Yes is false) none any more
	Verdict EventKind = "verdict" // Node holds With to be dead
	Hopped  EventKind = "hop"     // message Num was sent to its next hop; Yes: it is a request to join
	Replied EventKind = "reply"   // an answer was sent to where message Num came from
	Missed  EventKind = "lost"    // such a message will not arrive, for the reason in Text
	Line    EventKind = "line"    // what a person should read
)

// Record runs the storm, tells all that happens in it while it runs, and returns what
// was found wrong.
func (t Tempest) Record(tell func(Event)) []string {
	return t.storm(&transcript{tell: tell}).Run(t.Rage)
}

// Sight is a node at some moment.
type Sight struct {
	Node int
	// View is what it knows; nil if it does not run then.
	View *pastry.View
}

// Look runs the storm and returns all nodes as they were at a virtual time; none if it
// was over by then.
func (t Tempest) Look(at time.Duration) []Sight {
	s := t.storm(nil)
	var seen []Sight
	s.Sim.At(at, func() {
		for i := range s.Sim.Len() {
			sight := Sight{Node: i}
			if n := sim.NodeRef(i); s.Sim.Alive(n) {
				v := s.View(n)
				sight.View = &v
			}
			seen = append(seen, sight)
		}
	})
	s.Run(t.Rage)
	return seen
}

// life tells what happens to a node, and of a new one where it stands.
func (l *transcript) life(n sim.NodeRef, what sim.LifeEvent) {
	if l.tell == nil {
		return
	}
	if l.known == nil {
		l.known = make(map[sim.NodeRef]bool)
	}
	if !l.known[n] {
		l.known[n] = true
		e := Event{Kind: Joined, Node: int(n), ID: l.ring.Sim.Handle(n).ID}
		if p, ok := l.ring.cfg.Sim.Topology.(topo.Placer); ok {
			e.Place[0], e.Place[1] = p.Place(l.ring.Sim.Host(n))
		}
		l.event(e)
	}
	l.event(Event{Kind: Lived, Node: int(n), Text: what.String()})
}

// sent tells of the messages that are routed, and of their answers.
func (l *transcript) sent(from, to sim.NodeRef, m wire.Message) {
	if l.tell == nil || to == sim.Nobody {
		return
	}
	e := Event{Node: int(from), With: int(to)}
	switch m := m.(type) {
	case *msg.Hop:
		if m.Route == nil {
			return
		}
		e.Kind, e.Num, e.Yes = Hopped, m.Route.Num, m.Route.Join
	case *msg.Reply:
		e.Kind, e.Num = Replied, m.Num
	default:
		return
	}
	e.Delay = l.ring.Sim.Delay(from, to)
	l.event(e)
}

// lost tells of a routed message, or an answer, that does not arrive.
func (l *transcript) lost(from, to sim.NodeRef, k wire.Kind, why sim.Loss) {
	if l.tell == nil || to == sim.Nobody {
		return
	}
	if k == (*msg.Hop)(nil).Kind() || k == (*msg.Reply)(nil).Kind() {
		l.event(Event{Kind: Missed, Node: int(from), With: int(to), Text: why.String()})
	}
}

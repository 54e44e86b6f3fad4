package group

import (
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/sim"
)

// This file is within which seconds a calm group notices what it misses (P3) and mends its tree
// (P6).

const (
	// gapNoticed is within which time of the next message what did not come is read (P3).
	gapNoticed = 2 * time.Second
	// forwarderMended and rootMended are within which time of a death members read again what is
	// said then (P6).
	forwarderMended, rootMended = 10 * time.Second, 20 * time.Second
	// missEvery is how many members there are for each that misses a message.
	missEvery = 3
)

// ear is an honest node's part in a group. While it is deaf, messages that come to it over the
// tree, and to a keeper, vanish.
type ear struct {
	*scribe.Scribe
	deaf bool
}

// Deliver implements kbr.App.
func (e *ear) Deliver(d *kbr.Delivery) {
	if e.deaf {
		switch m, _ := msg.Decode(d.Payload); m := m.(type) {
		case *msg.Cast:
			return
		case *msg.Keep:
			if m.Batch != nil {
				return
			}
		}
	}
	e.Scribe.Deliver(d)
}

// gaps lets each third member, not the root, miss a message: it is read soon after the next.
func (gs *Group) gaps() {
	root := gs.storm.Root(gs.id.Place())
	sp := gs.mouth(sim.Nobody)
	if root == sim.Nobody || sp == nil {
		return // judge says so
	}
	var deaf []*seat
	for i, n := range gs.storm.Live() {
		if s := gs.seats[n]; s.member != nil && n != root && i%missEvery == 0 {
			s.ear.deaf = true
			deaf = append(deaf, s)
		}
	}
	missed := gs.say(sp, nil)
	gs.storm.Sim().RunFor(700 * time.Millisecond)
	for _, s := range deaf {
		s.ear.deaf = false
	}
	next := gs.say(sp, nil)
	heard := func(s *seat) bool { return s.member == nil || s.member.read[next.text] }
	gs.storm.Sim().RunUntil(func() bool {
		for _, s := range deaf {
			if !heard(s) {
				return false
			}
		}
		return true
	}, 50*time.Millisecond, gapNoticed+farthest)
	for _, s := range deaf {
		gs.Toll.Missed++
		if s.member != nil && !s.member.read[missed.text] {
			gs.fail("P3: node %d has not read %v, %v after the next message", s.node, missed, gapNoticed)
		}
	}
}

// farthest is longer than a message, and the answer to a question, take in the storm's network.
const farthest = 500 * time.Millisecond

// mouth is a speaker who is there, on another node than one; nil: none is.
func (gs *Group) mouth(but sim.NodeRef) *speaker {
	for _, sp := range gs.speakers {
		if sp.node != but && gs.storm.Sim().Alive(sp.node) {
			return sp
		}
	}
	return nil
}

// bereave kills the forwarder with the most children, or the root, while one speaks, and looks
// how soon all others read again. The dead node comes back.
func (gs *Group) bereave(root bool) {
	victim, sp, most := gs.victim(root), (*speaker)(nil), forwarderMended
	if root {
		most = rootMended
	}
	if victim == sim.Nobody {
		return
	}
	if sp = gs.mouth(victim); sp == nil {
		return
	}
	var waiting []*membership
	for _, n := range gs.storm.Live() {
		if m := gs.seats[n].member; m != nil && n != victim {
			waiting = append(waiting, m)
		}
	}
	died := gs.now()
	gs.storm.Sim().Crash(victim)
	gs.storm.Say("node %d is killed: root %v of the group", victim, root)
	var said []*line
	for gs.now()-died < most+farthest && len(waiting) > 0 {
		said = append(said, gs.say(sp, nil))
		gs.storm.Sim().RunFor(time.Second)
		left := waiting[:0]
		for _, m := range waiting {
			again := false
			for _, l := range said {
				again = again || m.read[l.text]
			}
			if !again {
				left = append(left, m)
			}
		}
		waiting = left
	}
	gs.Toll.Mended++
	for _, m := range waiting {
		gs.fail("P6: node %d reads nothing new %v after node %d was killed, root: %v", m.node, most, victim, root)
	}
	gs.storm.Sim().Restart(victim)
	gs.storm.Sim().RunFor(30 * time.Second)
	if s := gs.seats[victim]; s.member == nil && victim%4 != 3 {
		gs.join(s)
	}
	gs.storm.Sim().RunFor(30 * time.Second)
}

// victim is the root, or of the other honest nodes the one with the most children; Nobody, if
// there is none.
func (gs *Group) victim(root bool) sim.NodeRef {
	victim, children := sim.Nobody, 0
	for _, n := range gs.storm.Live() {
		p := gs.placeOf(n)
		if p.Root == root && (root || len(p.Children) > children) {
			victim, children = n, len(p.Children)
		}
	}
	return victim
}

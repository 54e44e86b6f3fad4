package pastry_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
)

// Who lost the neighbour on its right goes on at once with the new lease of the left one,
// if that one was bound to it all the time. If its own leases ended meanwhile, others may have
// stepped over it: it claims nothing before both sides have linked it in again.
func TestSteppingNeedsALeaseWithoutAGap(t *testing.T) {
	for _, lapses := range []bool{false, true} {
		c := tiny(linked(3), 0x10, 0x30, 0x50, 0x70, 0x90)
		tune, dead := c.Tune, false
		c.Tune = func(p *pastry.Config) {
			tune(p)
			p.Observe.Verdict = func(n *pastry.Node, about *peer.Handle) {
				if n.Self().ID.Hi>>56 != 0x30 {
					return
				}
				dead = true
				if lapses {
					n.Lapse()
				}
			}
		}
		w := grow(t, 5, c)
		key := w.Sim.Handle(1).ID
		w.Sim.Die(2)
		w.request(1, w.Sim.Handle(2).ID, kbr.Options{}) // nobody acknowledges it
		if !w.Sim.RunUntil(func() bool { return dead }, time.Millisecond, time.Minute) {
			t.Fatal("a silent death was not noticed")
		}
		// Its left neighbour grants anew; the next one on the right is bound to the dead one.
		w.Sim.RunFor(2 * time.Second)
		if claims := len(w.claimants(key)) == 1; claims == lapses {
			t.Errorf("its leases ended: %v; it claims its keys 2 s after the verdict: %v", lapses, claims)
		}
		w.vacant(key, time.Minute)
		w.Sim.RunFor(time.Minute)
		w.check(4)
	}
}

// Both neighbours of a node die, and what they had promised it is forgotten, while nothing
// passes from it and to it: it is held dead and counts on their leases. Nobody else claims
// its keys before these have ended.
func TestPromisesOfTheDeadAreInherited(t *testing.T) {
	for _, clog := range []bool{false, true} { // before the deaths, or soon after
		w := grow(t, 5, tiny(linked(3), 0x10, 0x30, 0x50, 0x70, 0x90))
		w.Sim.RunFor(time.Minute)
		key := w.Sim.Handle(2).ID
		cut := func() {
			for _, n := range w.Live() {
				w.Sim.ClogPath(2, n, 2*time.Minute)
				w.Sim.ClogPath(n, 2, 2*time.Minute)
			}
		}
		if clog {
			cut()
		}
		w.Sim.Crash(1)
		w.Sim.Crash(3)
		if !clog {
			w.Sim.RunFor(100 * time.Millisecond)
			cut()
		}
		w.request(0, key, kbr.Options{}) // which nobody acknowledges
		began := w.Sim.Now()
		taken := w.Sim.RunUntil(func() bool {
			who := w.claimants(key)
			if len(who) > 1 {
				t.Fatalf("%v after the deaths nodes %v claim one key", w.Sim.Now()-began, who)
			}
			return len(who) == 1 && who[0] != 2
		}, 10*time.Millisecond, 45*time.Second)
		if !taken {
			t.Error("nobody takes the keys over")
		}
		w.Sim.RunFor(3 * time.Minute)
		w.check(4)
	}
}

// Who asks the next neighbour for a lease because one is gone, compares leaf sets without it.
func TestLeasesDoNotCountTheDead(t *testing.T) {
	for name, end := range map[string]func(s *solo, c, witness *peer.Handle){
		"found dead": func(s *solo, c, witness *peer.Handle) {
			s.step(machine.Input{Kind: machine.InPeerDown, From: c, Why: machine.DownRefused})
			s.hear(witness, &pastry.LeafProbe{Active: true, Quiet: true, Failed: []pastry.Failure{{Node: c.ID, Incarnation: 1, Closed: true}}})
		},
		"born again": func(s *solo, c, _ *peer.Handle) {
			again := *c
			again.Incarnation++
			s.step(machine.Input{Kind: machine.InPeerUp, From: &again})
		},
	} {
		s := soloAt(t, 0x10)
		for _, x := range []uint8{0x20, 0x30, 0xe0, 0xf0} {
			s.Learn(stranger(x), pastry.Place{Leaf: true})
		}
		s.SetActive(true)
		c := stranger(0x20)
		s.hear(c, &pastry.Lease{Ask: 1, For: 35_000, Active: true, Leafs: 1})
		s.sent = nil
		end(s, c, stranger(0xf0))
		want := pastry.NewLeafSet(id.Tiny(0x10), 4)
		for _, x := range []uint8{0x20, 0x30, 0xe0, 0xf0} {
			want.Insert(id.Tiny(x))
		}
		want.Remove(c.ID)
		asked := 0
		for _, e := range s.sent {
			m, ok := e.msg.(*pastry.Lease)
			if !ok || e.to.ID != id.Tiny(0x30) || m.Ask == 0 {
				continue
			}
			if asked++; m.Leafs != want.Common(1) {
				t.Errorf("%s: the digest is %x, without it %x", name, m.Leafs, want.Common(1))
			}
		}
		if asked == 0 {
			t.Errorf("%s: the next neighbour was not asked: %v", name, s.sent)
		}
	}
}

package pastry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
)

// move carries a node's host to new addresses; the node learns of it a while later.
func (w *world) move(n sim.NodeRef, taken bool, later time.Duration, addrs ...string) {
	w.Sim.Move(n, addrs, taken)
	w.Sim.After(later, func() {
		w.Sim.Call(n, func() { w.Node(n).Moved(addrs) })
	})
}

// A laptop is carried to another network while it asks and is asked: no request is
// lost, its keys stay its own, and others find it where it is now, be the old address
// silent or another machine's.
func TestMovedUnderTraffic(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3, 20} {
		for _, taken := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d nodes, taken %v", n, taken), func(t *testing.T) {
				verdicts := 0
				c := coded(uint64(n) + 70)
				c.Tune = func(p *pastry.Config) { p.Observe.Verdict = func(*pastry.Node, *peer.Handle) { verdicts++ } }
				w := grow(t, n, c)
				w.Sim.RunFor(time.Minute)
				mover := sim.NodeRef(n / 2)
				other := (mover + 1) % sim.NodeRef(n)
				key := w.Sim.Handle(mover).ID
				verdicts = 0
				var open []*outcome
				for k := range 60 {
					if k == 20 || k == 40 {
						w.move(mover, taken, 300*time.Millisecond, fmt.Sprintf("elsewhere/%d", k))
					}
					open = append(open, w.request(other, key, kbr.Options{}), w.request(mover, w.Sim.Handle(other).ID, kbr.Options{}))
					w.Sim.RunFor(500 * time.Millisecond)
					if who := w.claimants(key); len(who) != 1 || who[0] != mover {
						t.Errorf("at %v the mover's key is claimed by %v", w.Sim.Now(), who)
					}
				}
				w.Sim.RunFor(31 * time.Second)
				for i, o := range open {
					want := key
					if i%2 == 1 {
						want = w.Sim.Handle(other).ID
					}
					if o.count != 1 || o.err != nil || o.by() != want {
						t.Errorf("request %d: %d outcomes, %v, answered by %s", i, o.count, o.err, o.by().Short())
					}
				}
				if verdicts != 0 {
					t.Errorf("%d nodes were declared dead", verdicts)
				}
				for _, m := range w.Live() {
					for _, h := range w.View(m).Leaf {
						if h.ID == key && h.Addrs[0] != "elsewhere/40" {
							t.Errorf("node %d looks for the mover at %v", m, h.Addrs)
						}
					}
				}
				w.check(32)
			})
		}
	}
}

// Rumours about where a node is, or which life it lives, are overruled by itself: who
// was never met is dialled where others say, until it speaks.
func TestInventedLivesAndPlaces(t *testing.T) {
	true1 := stranger(0x80)
	for _, c := range []struct {
		name string
		f    func(*peer.Handle)
	}{
		{"a place", func(h *peer.Handle) { h.Addrs, h.Moves = []string{"evil"}, 1<<32-1 }},
		{"a life", func(h *peer.Handle) { h.Addrs, h.Incarnation = []string{"evil"}, 1<<64-1 }},
	} {
		s := soloAt(t, 0x10)
		liar := stranger(0x20)
		lie := *true1
		c.f(&lie)
		s.hear(liar, &msg.LeafProbe{Active: true, Leaf: []*peer.Handle{&lie}, Num: 1})
		s.hear(true1, &msg.LeafProbe{Active: true, Num: 1})
		for _, p := range took[*msg.LeafProbe](s) { // it answers what it is asked
			if !p.Reply && p.Num != 0 {
				s.hear(true1, &msg.LeafProbe{Active: true, Reply: true, Num: p.Num})
			}
		}
		s.hear(liar, &msg.LeafProbe{Active: true, Leaf: []*peer.Handle{&lie}, Num: 2})
		var have *peer.Handle
		for _, h := range s.View(clockAt(s.now)).Leaf {
			if h.ID == true1.ID {
				have = h
			}
		}
		if have == nil || have.Addrs[0] != "a" || have.Incarnation != 1 {
			t.Errorf("%s: the node has %+v in its leaf set", c.name, have)
		}
	}
}

// Who says that another node has moved, or itself to a life that it does not live, is
// not heard.
func TestForgedMoves(t *testing.T) {
	s := soloAt(t, 0x10)
	h, liar := stranger(0x80), stranger(0x20)
	s.hear(h, &msg.LeafProbe{Active: true, Num: 1})
	s.hear(liar, &msg.Moved{Seq: 1, Self: h.MovedTo([]string{"evil"})})
	later := h.MovedTo([]string{"evil"})
	later.Incarnation++
	s.hear(h, &msg.Moved{Seq: 1, Self: later})
	s.hear(h, &msg.Moved{Seq: 1, Self: &peer.Handle{ID: h.ID, Key: peer.Key{1}, Incarnation: 1, Addrs: []string{"evil"}, Moves: 7}})
	s.sent = nil
	at := func() string {
		for _, m := range s.View(clockAt(s.now)).Leaf {
			if m.ID == h.ID {
				return m.Addrs[0]
			}
		}
		return "nowhere"
	}
	if at() != "a" {
		t.Errorf("the node looks for its neighbour at %s", at())
	}
	s.hear(h, &msg.Moved{Seq: 5, Self: h.MovedTo([]string{"b"})})
	if at() != "b" {
		t.Errorf("who moved is looked for at %s", at())
	}
	if ps := took[*msg.Pong](s); len(ps) != 1 || ps[0].Seq != 5 {
		t.Errorf("a move is acknowledged with %v", ps)
	}
	s.hear(h, &msg.Moved{Seq: 6, Self: h}) // an echo
	s.hear(h, &msg.LeafProbe{Active: true, Num: 2})
	if at() != "b" {
		t.Errorf("an echo of a former place moved the node to %s", at())
	}
}

// Addresses that are none change nothing.
func TestMovedNowhere(t *testing.T) {
	s := soloAt(t, 0x10)
	s.Learn(stranger(0x80), pastry.Place{Leaf: true})
	self := s.Self()
	for _, addrs := range [][]string{nil, {}, {"a"}, {""}, make([]string, peer.MaxAddrs+1)} {
		s.Moved(addrs)
	}
	if s.Self() != self {
		t.Errorf("the node is at %v", s.Self().Addrs)
	}
}

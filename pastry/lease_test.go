package pastry_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/kbr"
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

package lab

import (
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

// Truth sees the whole simulation, as no node can, and keeps what checkers need:
// who was there when, and what was delivered.
type Truth struct {
	r        *Ring
	problems []string
	// Delivered counts deliveries at roots, Wrong those at another than the
	// nearest live node (which is allowed only around a change of the ring).
	Delivered, Wrong int
	lastChange       time.Duration
	died             map[sim.NodeRef]time.Duration
	paused           map[sim.NodeRef]machine.Clock // when its process was stopped last, by its own clocks
	woken            map[sim.NodeRef]time.Duration // when it went on last
	Sent             int                           // link messages
	log              *transcript
}

func newTruth(r *Ring) *Truth {
	return &Truth{r: r, died: make(map[sim.NodeRef]time.Duration), paused: make(map[sim.NodeRef]machine.Clock),
		woken: make(map[sim.NodeRef]time.Duration)}
}

func (t *Truth) watch(o sim.Observe) sim.Observe {
	send, life := o.Send, o.Life
	o.Send = func(from, to sim.NodeRef, c machine.Class, m wire.Message, bytes int) {
		t.Sent++
		if send != nil {
			send(from, to, c, m, bytes)
		}
	}
	o.Life = func(n sim.NodeRef, what sim.LifeEvent) {
		t.lastChange = t.now()
		switch what {
		case sim.Crashed, sim.Died, sim.Stopped:
			t.died[n] = t.now()
		case sim.Started:
			delete(t.died, n)
		case sim.Paused:
			t.paused[n] = t.r.Sim.Clocks(n)
		case sim.Woken:
			t.woken[n] = t.now()
		}
		if life != nil {
			life(n, what)
		}
	}
	return o
}

func (t *Truth) now() time.Duration {
	if t.r.Sim == nil {
		return 0
	}
	return t.r.Sim.Now()
}

func (t *Truth) observe(o *pastry.Observer) {
	delivered := o.Delivered
	o.Delivered = func(n *pastry.Node, key, origin id.ID, num uint64) {
		t.Delivered++
		self := n.Self()
		if ref, _ := t.r.Sim.Find(self.ID); !t.r.Node(ref).Claims(t.r.Sim.Clocks(ref), key) {
			t.fail("O7: node %d served key %s, which it does not claim", ref, key.Short())
		}
		if root := t.Root(key); root != nil && root.ID != self.ID {
			t.Wrong++
		}
		if delivered != nil {
			delivered(n, key, origin, num)
		}
	}
	ready := o.Ready
	o.Ready = func(n *pastry.Node, ok bool) {
		t.lastChange = t.now()
		if ready != nil {
			ready(n, ok)
		}
	}
}

// stoppedSince reports whether a node's process was stopped for a while after at.
func (t *Truth) stoppedSince(n sim.NodeRef, at time.Duration) bool {
	woken, ok := t.woken[n]
	return ok && woken >= at
}

// Root returns the handle of the live, ready node nearest to key, or nil.
func (t *Truth) Root(key id.ID) *rootInfo {
	var best *rootInfo
	for _, n := range t.r.Live() {
		h := t.r.Sim.Handle(n)
		if best != nil && !id.Closer(key, h.ID, best.ID) {
			continue
		}
		if t.r.Ready(n) {
			best = &rootInfo{ID: h.ID, Ref: n}
		}
	}
	return best
}

// rootInfo is a node as a key's root.
type rootInfo struct {
	ID  id.ID
	Ref sim.NodeRef
}

func (t *Truth) fail(format string, args ...any) {
	t.log.say("WRONG: "+format, args...)
	if len(t.problems) < 50 {
		t.problems = append(t.problems, fmt.Sprintf("at %v: ", t.now())+fmt.Sprintf(format, args...))
	}
}

// Problems returns what checkers found wrong.
func (t *Truth) Problems() []string { return slices.Clone(t.problems) }

package pastry_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
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
	for _, leafSet := range []int{4, 8} { // with 4, who comes next is not known
		for phase := range 8 { // of the leases
			clog := phase%2 == 0 // before the deaths, or soon after
			for name, end := range map[string]func(*sim.Sim, sim.NodeRef){"killed": (*sim.Sim).Crash, "silent": (*sim.Sim).Die} {
				w := grow(t, 5, wide(leafSet, 0x10, 0x30, 0x50, 0x70, 0x90))
				w.Sim.RunFor(time.Minute + time.Duration(phase)*3900*time.Millisecond)
				if clog {
					w.clog(2, 2*time.Minute)
				}
				end(w.Sim, 1)
				end(w.Sim, 3)
				if !clog {
					w.Sim.RunFor(100 * time.Millisecond)
					w.clog(2, 2*time.Minute)
				}
				w.request(0, w.Sim.Handle(2).ID, kbr.Options{}) // which nobody acknowledges
				if !w.taken(2, 75*time.Second) {
					t.Errorf("%s, leaf sets of %d: nobody takes the keys over", name, leafSet)
				}
				w.Sim.RunFor(3 * time.Minute)
				w.check(leafSet)
			}
		}
	}
}

// A node is clogged, one neighbour of it dies, and the other one starts again and forgets
// what it promised. Nobody else claims its keys before its leases have ended.
func TestPromisesBeforeARestartAreInherited(t *testing.T) {
	for seed := range 4 {
		for _, died := range []sim.NodeRef{1, 3} {
			w := grow(t, 7, wide(8, 0x10, 0x30, 0x50, 0x70, 0x90, 0xb0, 0xd0))
			w.Sim.RunFor(time.Minute + time.Duration(seed)*7*time.Second)
			w.clog(2, 2*time.Minute)
			w.Sim.Die(died)
			for _, n := range w.Live() {
				if n != 2 { // which nobody acknowledges
					w.request(n, w.Sim.Handle(2).ID, kbr.Options{})
					w.request(n, w.Sim.Handle(died).ID, kbr.Options{})
				}
			}
			w.Sim.RunFor(10 * time.Second)
			w.Sim.Crash(4 - died)
			w.Sim.Restart(4 - died)
			if !w.taken(2, 75*time.Second) {
				t.Error("nobody takes the keys over")
			}
			w.Sim.RunFor(3 * time.Minute)
			w.check(8)
		}
	}
}

// Two nodes that stand side by side fall silent. Those on either hand of them are bound by
// what they promised, and by no more: the one beyond lives, and knows of the lease that it gave.
func TestTwoWhoFallSilentDelayKeysNoLonger(t *testing.T) {
	c := wide(8, 0x10, 0x30, 0x50, 0x70, 0x90, 0xb0, 0xd0)
	for seed := range 8 {
		w := grow(t, 7, c)
		w.Sim.RunFor(time.Minute + time.Duration(seed)*4*time.Second)
		w.Sim.Die(1)
		w.Sim.Die(2)
		began := w.Sim.Now()
		// A heartbeat and the probes until it is noticed, and LeaseQuiet.
		if !w.taken(2, 47*time.Second) {
			t.Errorf("nobody takes the keys over within %v", w.Sim.Now()-began)
		}
		w.Sim.RunFor(time.Minute)
		w.check(8)
	}
}

// wide is a tiny ring with leaf sets of a size.
func wide(leafSet int, ids ...uint8) lab.Config {
	c := tiny(linked(3), ids...)
	c.Tune = func(p *pastry.Config) { p.LeafSet = leafSet }
	return c
}

// clog lets nothing pass between a node and all others for a while.
func (w *world) clog(n sim.NodeRef, d time.Duration) {
	for _, o := range w.Live() {
		w.Sim.ClogPath(n, o, d)
		w.Sim.ClogPath(o, n, d)
	}
}

// taken reports whether another node claims the id of n within d, and fails the test if two
// claim it.
func (w *world) taken(n sim.NodeRef, d time.Duration) bool {
	w.t.Helper()
	key, began := w.Sim.Handle(n).ID, w.Sim.Now()
	return w.Sim.RunUntil(func() bool {
		who := w.claimants(key)
		if len(who) > 1 {
			w.t.Fatalf("after %v nodes %v claim one key", w.Sim.Now()-began, who)
		}
		return len(who) == 1 && who[0] != n
	}, 10*time.Millisecond, d)
}

// Who asks the next neighbour for a lease because one is gone, compares leaf sets without it.
func TestLeasesDoNotCountTheDead(t *testing.T) {
	for name, end := range map[string]func(s *solo, c, witness *peer.Handle){
		"found dead": func(s *solo, c, witness *peer.Handle) {
			s.step(machine.Input{Kind: machine.InPeerDown, From: c, Why: machine.DownRefused})
			s.hear(witness, &msg.LeafProbe{Active: true, Quiet: true, Failed: []msg.Failure{{Node: c.ID, Incarnation: 1, Closed: true}}})
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
		s.hear(c, &msg.Lease{Ask: 1, For: 35_000, Active: true, Leafs: 1})
		s.sent = nil
		end(s, c, stranger(0xf0))
		want := pastry.NewLeafSet(id.Tiny(0x10), 4)
		for _, x := range []uint8{0x20, 0x30, 0xe0, 0xf0} {
			want.Insert(id.Tiny(x))
		}
		want.Remove(c.ID)
		asked := 0
		for _, e := range s.sent {
			m, ok := e.msg.(*msg.Lease)
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

// members is a node at 0x10 that knows those two on either side.
func members(t *testing.T) *solo {
	s := soloAt(t, 0x10)
	for _, x := range []uint8{0x20, 0x30, 0xe0, 0xf0} {
		s.Learn(stranger(x), pastry.Place{Leaf: true})
	}
	s.SetActive(true)
	return s
}

// leasesTo returns what was sent to a node about leases since it was last asked for.
func (s *solo) leasesTo(x uint8) (ms []*msg.Lease) {
	for _, e := range s.sent {
		if m, ok := e.msg.(*msg.Lease); ok && e.to.ID == id.Tiny(x) {
			ms = append(ms, m)
		}
	}
	s.sent = nil
	return ms
}

// Who is denied a lease because that of a dead node runs asks again when that ends, and
// every two seconds until then, as it may end sooner.
func TestDenialsSayHowLong(t *testing.T) {
	for _, c := range []struct {
		length      uint32 // milliseconds
		early, late time.Duration
	}{
		{0, 180 * time.Millisecond, 320 * time.Millisecond},
		{700, 700 * time.Millisecond, 702 * time.Millisecond},
		{30_000, 1490 * time.Millisecond, 2510 * time.Millisecond},
		{1<<32 - 1, 0, 2510 * time.Millisecond},
	} {
		s := members(t)
		s.hear(stranger(0x20), &msg.Lease{Ask: 1, For: 35_000, Active: true})
		var ask uint32
		for _, m := range s.leasesTo(0x20) {
			ask = max(ask, m.Ask)
		}
		if ask == 0 {
			t.Fatal("no lease was asked for")
		}
		s.hear(stranger(0x20), &msg.Lease{Active: true, Deny: ask, Length: c.length})
		s.run(c.early)
		if ms := s.leasesTo(0x20); len(ms) > 0 && c.early > 0 {
			t.Errorf("denied for %d ms: asked again before %v", c.length, c.early)
		}
		s.run(c.late - c.early)
		if ms := s.leasesTo(0x20); len(ms) == 0 {
			t.Errorf("denied for %d ms: not asked again within %v", c.length, c.late)
		}
	}
}

// A node denies for as long as the lease of the dead one runs. When that is known to have
// ended, it asks by itself, as whom it denied may wait.
func TestWhoDeniedAsks(t *testing.T) {
	s := members(t)
	c, next := stranger(0x20), stranger(0x30)
	s.hear(c, &msg.Lease{Ask: 1, For: 35_000, Active: true})
	s.hear(next, &msg.LeafProbe{Active: true, Quiet: true, Failed: []msg.Failure{{Node: c.ID, Incarnation: 1}}})
	s.run(4 * time.Second) // it answers no probe
	s.hear(next, &msg.Ping{Seq: 1})
	s.run(time.Second)
	asks := s.leasesTo(0x30)
	if len(asks) == 0 {
		t.Fatal("the next neighbour was not asked")
	}
	s.hear(next, &msg.Lease{Active: true, Deny: asks[len(asks)-1].Ask, Length: 30_000}) // it is bound to the dead one, too
	s.hear(next, &msg.Lease{Ask: 1, For: 35_000, Active: true})
	ms := s.leasesTo(0x30)
	if len(ms) != 1 || ms[0].Deny != 1 || ms[0].Length < 25_000 || ms[0].Length > 30_000 {
		t.Fatalf("the answer is %+v, want a denial for what is left of 35 s", ms)
	}
	s.step(machine.Input{Kind: machine.InPeerDown, From: c, Why: machine.DownRefused})
	s.hear(next, &msg.LeafProbe{Active: true, Quiet: true, Failed: []msg.Failure{{Node: c.ID, Incarnation: 1, Closed: true}}})
	if ms := s.leasesTo(0x30); len(ms) == 0 || ms[0].Ask == 0 {
		t.Errorf("the process has ended, and nobody asked: %+v", ms)
	}
}

// One is linked in beside this node, between it and its left neighbour. Until it says that it claims its keys, it may do so
// already. Somebody who comes back between these two, and knows nothing of it, gets no lease past it; the neighbour's goes on.
func TestNoLeasePastOneWhoIsLinkedIn(t *testing.T) {
	s := soloAt(t, 0x10)
	for _, x := range []uint8{0x20, 0x30, 0xd0, 0xe0} {
		s.Learn(stranger(x), pastry.Place{Leaf: true})
	}
	s.SetActive(true)
	left, newcomer, back := stranger(0xe0), stranger(0xf0), stranger(0xe8)
	s.hear(stranger(0x20), &msg.Lease{Ask: 1, For: 35_000, Active: true, Ready: true})
	s.hear(left, &msg.Lease{Ask: 1, For: 35_000, Active: true, Ready: true, Right: true})
	for _, e := range s.sent {
		if m, ok := e.msg.(*msg.Lease); ok && m.Ask != 0 {
			s.hear(e.to, &msg.Lease{Grant: m.Ask, Length: 35_000, Active: true, Ready: true, Right: !m.Right})
		}
	}
	if !s.Claims(clockAt(s.now), id.Tiny(0x11)) {
		t.Fatal("it has both leases, and does not claim its keys")
	}
	asks := func(who *peer.Handle, m *msg.Lease) (granted bool) {
		t.Helper()
		s.sent = nil
		m.For, m.Right = 35_000, true
		s.hear(who, m)
		for _, a := range s.leasesTo(uint8(who.ID.Hi >> 56)) {
			if a.Grant == m.Ask || a.Deny == m.Ask {
				return a.Grant == m.Ask
			}
		}
		t.Fatalf("%s has no answer", who.ID.Short())
		return false
	}
	if !asks(newcomer, &msg.Lease{Ask: 1, Other: left.ID}) {
		t.Error("a newcomer that its left neighbour has linked in gets no lease")
	}
	if !asks(left, &msg.Lease{Ask: 2, Active: true, Ready: true}) {
		t.Error("the lease of the neighbour does not go on")
	}
	if asks(back, &msg.Lease{Ask: 1, Active: true, Other: left.ID}) {
		t.Error("who came back between a newcomer and its neighbour has a lease past it")
	}
}

// A newcomer to the right of this node was linked in, and may claim its keys by the grant of the neighbour beyond, which has ended
// since. What it asked before that comes late, and makes nobody else of the one with whom it is linked: the next one beyond gets no
// lease past it. But a newcomer that only ever asks again does not keep that one out for longer than its first lease runs.
func TestLateRequestNamesNobodyElse(t *testing.T) {
	t.Run("for good", func(t *testing.T) { lateRequest(t, false, 1) })
	for again := range 3 {
		t.Run(fmt.Sprintf("it comes back, and the newcomer has asked %d times again", again), func(t *testing.T) { lateRequest(t, true, again) })
	}
}

// lateRequest is one of them: who has ended comes back, or does not, and the newcomer asks again so often: once before that,
// if at all, and then after it.
func lateRequest(t *testing.T, back bool, again int) {
	s := soloAt(t, 0x10)
	for _, x := range []uint8{0x40, 0x60, 0xd0, 0xe0} {
		s.Learn(stranger(x), pastry.Place{Leaf: true})
	}
	s.SetActive(true)
	newcomer, ended, next, left := stranger(0x30), stranger(0x40), stranger(0x60), stranger(0xe0)
	answer := func(by ...*peer.Handle) { // they grant all leases that it asks for, and are there
		out := s.sent
		s.sent = nil
		for _, e := range out {
			if !slices.ContainsFunc(by, func(h *peer.Handle) bool { return h.ID == e.to.ID }) {
				continue
			}
			switch m := e.msg.(type) {
			case *msg.Lease:
				if m.Ask != 0 && e.to.ID != newcomer.ID {
					s.hear(e.to, &msg.Lease{Grant: m.Ask, Length: 35_000, Active: true, Ready: true, Right: !m.Right})
				}
			case *msg.LeafProbe:
				if !m.Reply {
					s.hear(e.to, &msg.LeafProbe{Reply: true, Num: m.Num, Active: e.to.ID != newcomer.ID})
				}
			}
		}
	}
	asks := func(who *peer.Handle, m *msg.Lease) (granted bool) {
		t.Helper()
		s.sent = nil
		m.For = 35_000
		s.hear(who, m)
		for _, e := range s.sent {
			if a, ok := e.msg.(*msg.Lease); ok && e.to.ID == who.ID && (a.Grant == m.Ask || a.Deny == m.Ask) {
				return a.Grant == m.Ask
			}
		}
		t.Fatalf("%s has no answer", who.ID.Short())
		return false
	}
	s.hear(ended, &msg.Lease{Ask: 1, For: 35_000, Active: true, Ready: true})
	s.hear(left, &msg.Lease{Ask: 1, For: 35_000, Active: true, Ready: true, Right: true})
	answer(ended, left)
	if !s.Claims(clockAt(s.now), id.Tiny(0x11)) {
		t.Fatal("it has both leases, and does not claim its keys")
	}
	if !asks(newcomer, &msg.Lease{Ask: 1}) {
		t.Fatal("a newcomer gets no lease")
	}
	s.step(machine.Input{Kind: machine.InPeerDown, From: ended, Why: machine.DownRefused})
	s.hear(next, &msg.LeafProbe{Active: true, Quiet: true, Failed: []msg.Failure{{Node: ended.ID, Incarnation: 1, Closed: true}}})
	answer(next, left)
	num := uint32(1)
	if again > 0 {
		if num++; !asks(newcomer, &msg.Lease{Ask: num}) {
			t.Fatal("the newcomer's lease does not go on")
		}
		if asks(next, &msg.Lease{Ask: 1, Active: true}) {
			t.Error("the next one beyond has a lease past a newcomer that may have been linked in")
		}
	}
	if back { // and stands beside the newcomer again, which knows it in its earlier life, or has been linked in by the next one
		h := *ended
		h.Incarnation++
		s.hear(&h, &msg.LeafProbe{Active: true})
		answer(&h, next, left)
		if again > 1 {
			if num++; !asks(newcomer, &msg.Lease{Ask: num}) {
				t.Fatal("the newcomer's lease does not go on")
			}
		}
		if asks(&h, &msg.Lease{Ask: 1, Active: true}) {
			t.Error("one that has come back has a lease past a newcomer that it, or the next one, may have linked in")
		}
		return
	}
	for i := range 36 {
		s.run(time.Second)
		answer(newcomer, next, left)
		for _, h := range []*peer.Handle{newcomer, next, left} {
			s.hear(h, &msg.Ping{Seq: uint32(i) + 1})
		}
		if i%5 == 4 {
			if num++; !asks(newcomer, &msg.Lease{Ask: num}) {
				t.Fatalf("the newcomer's lease does not go on after %d s", i)
			}
		}
	}
	if !asks(next, &msg.Lease{Ask: 2, Active: true}) {
		t.Error("a newcomer that comes to nothing keeps the next one out")
	}
}

package pastry_test

import (
	"fmt"
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
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

// Comings and goings: joins, deaths, farewells, leases ("Consistent key mapping",
// TR05-456), restarts, expulsions.

// claimants returns the live nodes that claim a key now.
func (w *world) claimants(key id.ID) (who []sim.NodeRef) {
	for _, n := range w.Live() {
		if w.Node(n).Claims(w.Sim.Clocks(n), key) {
			who = append(who, n)
		}
	}
	return who
}

// vacant runs until the nearest live node claims the key, at most for limit, and
// returns how long that took. That two claim it is an error at any time.
func (w *world) vacant(key id.ID, limit time.Duration) time.Duration {
	w.t.Helper()
	began := w.Sim.Now()
	claimed := w.Sim.RunUntil(func() bool {
		who := w.claimants(key)
		if len(who) > 1 {
			w.t.Fatalf("%v after: nodes %v claim one key", w.Sim.Now()-began, who)
		}
		return len(who) == 1 && who[0] == w.root(key)
	}, 10*time.Millisecond, limit)
	if !claimed {
		w.t.Errorf("nobody claims the key %v after", limit)
	}
	return w.Sim.Now() - began
}

// A process that was killed: its system closes its sockets, and two who are refused
// by it need no more proof. Its keys are served again within 3 s (O4). A lone
// survivor is alone at once.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3, 4, 20} {
		for seed := range uint64(4) {
			w := grow(t, n, linked(10*uint64(n)+seed))
			w.Sim.RunFor(time.Duration(w.Rand().IntN(60)) * time.Second)
			gone := w.pick()
			key := w.Sim.Handle(gone).ID
			w.Sim.Crash(gone)
			if took := w.vacant(key, 10*time.Second); took > 3*time.Second {
				t.Errorf("%d nodes: the keys of a killed node are served after %v, at most 3 s", n, took)
			}
			w.Truth.Dead(0)
			w.problems()
		}
	}
}

// A power cut in a quiet ring: nothing is closed, nothing answers. Within a heartbeat
// and 10 s the keys are served again (O4); never by two.
func TestSilentDeath(t *testing.T) {
	t.Parallel()
	for _, n := range []int{3, 4, 20} {
		for seed := range uint64(3) {
			w := grow(t, n, linked(10*uint64(n)+seed+5))
			w.Sim.RunFor(time.Minute + time.Duration(w.Rand().IntN(60))*time.Second)
			gone := w.pick()
			key := w.Sim.Handle(gone).ID
			w.Sim.Die(gone)
			if took := w.vacant(key, 2*verdictTime); took > verdictTime {
				t.Errorf("%d nodes: the keys of a silent node are served after %v, at most %v", n, took, verdictTime)
			}
			w.problems()
		}
	}
}

// Of two nodes, the one that lost sight of the other cannot know which of them is
// cut off: it claims the other's keys only when the other's lease has surely ended.
func TestSilentDeathOfOneOfTwo(t *testing.T) {
	w := grow(t, 2, linked(2))
	w.Sim.RunFor(time.Minute)
	key := w.Sim.Handle(1).ID
	w.Sim.Die(1)
	if took := w.vacant(key, 3*verdictTime); took > 2*verdictTime {
		t.Errorf("the keys of a silent node are served after %v, at most %v", took, 2*verdictTime)
	}
	w.mustReach(5)
}

// While a node delivers requests its lease is short: a silent death costs seconds,
// not the long lease of a quiet node.
func TestSilentDeathOfABusyNode(t *testing.T) {
	t.Parallel()
	w := grow(t, 20, linked(8))
	gone := sim.NodeRef(7)
	key := w.Sim.Handle(gone).ID
	for range 20 {
		if o := w.ask(3, key, kbr.Options{}); o.err != nil {
			t.Fatal(o.err)
		}
		w.Sim.RunFor(500 * time.Millisecond)
	}
	w.Sim.Die(gone)
	out := w.request(3, key, kbr.Options{})
	if took := w.vacant(key, verdictTime); took > 8*time.Second {
		t.Errorf("the keys of a busy node are served after %v, at most 8 s", took)
	}
	w.Sim.RunFor(5 * time.Second)
	if out.err != nil || out.by() != w.Sim.Handle(w.root(key)).ID {
		t.Errorf("the request that was on its way: %v, answered by %s", out.err, out.by().Short())
	}
}

// A lease is 2.5 s, renewed every second, while a node delivers a request a second
// or more, and 35 s, renewed with the heartbeat, after 10 s of quiet.
func TestLeaseFollowsTheLoad(t *testing.T) {
	type ask struct {
		at  time.Duration
		len time.Duration
	}
	var asked []ask
	c := linked(9)
	const busy = sim.NodeRef(4)
	var w *world
	c.Sim.Observe.Send = func(from, _ sim.NodeRef, _ machine.Class, m wire.Message, _ int) {
		if l, ok := m.(*msg.Lease); ok && from == busy && l.Ask != 0 {
			asked = append(asked, ask{w.Sim.Now(), time.Duration(l.For) * time.Millisecond})
		}
	}
	w = newWorld(t, c)
	w.Grow(12, 300*time.Millisecond, time.Minute)
	w.Sim.RunFor(2 * time.Minute)
	key := w.Sim.Handle(busy).ID

	asked = nil
	for range 12 {
		w.request(0, key, kbr.Options{}) // now and then
		w.Sim.RunFor(10 * time.Second)
	}
	if len(asked) < 7 || len(asked) > 12 {
		t.Errorf("quiet: %d requests for a lease in 2 min, want one in 30 s on each side", len(asked))
	}
	for _, a := range asked {
		if a.len != 35*time.Second {
			t.Errorf("quiet: at %v a lease of %v is asked, want 35 s", a.at, a.len)
		}
	}

	asked = nil
	began := w.Sim.Now()
	for range 60 {
		w.request(0, key, kbr.Options{})
		w.Sim.RunFor(time.Second)
	}
	for _, a := range asked {
		if a.len != 2500*time.Millisecond {
			t.Errorf("busy: %v after the first request a lease of %v is asked, want 2.5 s", a.at-began, a.len)
		}
	}
	if len(asked) < 100 || len(asked) > 160 {
		t.Errorf("busy: %d requests for a lease in 60 s, want one each second on each side", len(asked))
	}

	w.Sim.RunFor(10 * time.Second)
	asked = nil
	w.Sim.RunFor(time.Minute)
	for _, a := range asked {
		if a.len != 35*time.Second {
			t.Errorf("quiet again: at %v a lease of %v is asked, want 35 s", a.at, a.len)
		}
	}
	if got := w.claimants(key); len(got) != 1 || got[0] != busy {
		t.Errorf("the key is claimed by %v", got)
	}
}

// A node that asks for a short lease lives by it from that moment, though the answer
// is lost: whoever granted it counts on the short one.
func TestShorterLeaseCountsFromTheAsking(t *testing.T) {
	t.Parallel()
	w := grow(t, 12, linked(11))
	w.Sim.RunFor(time.Minute)
	const served = sim.NodeRef(5)
	for k := range 2 { // one alone does not make a node busy
		w.request(2, w.Sim.Handle(served).ID, kbr.Options{})
		if !w.Sim.RunUntil(func() bool { return len(w.apps[served].got) == k+1 }, time.Microsecond, 5*time.Second) {
			t.Fatal("the request did not arrive")
		}
	}
	for _, n := range w.Live() {
		w.Sim.Cut(n, served)
	}
	w.Sim.RunFor(2 * time.Second)
	if !w.Ready(served) {
		t.Error("the lease of 2.5 s ended within 2 s")
	}
	w.Sim.RunFor(600 * time.Millisecond)
	if w.Ready(served) {
		t.Error("the lease of 2.5 s runs after 2.6 s")
	}
}

// A process that was stopped finds its lease ended before it handles any other
// input: what waited for it meanwhile is not served by it, but by those who took
// its place, or by it once it holds leases anew.
func TestStoppedProcess(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3, 20} {
		w := grow(t, n, linked(uint64(n)+40))
		w.Sim.RunFor(time.Minute)
		stopped := w.pick()
		from := (stopped + 1) % sim.NodeRef(n)
		key := w.Sim.Handle(stopped).ID
		w.Sim.Pause(stopped)
		w.Sim.RunFor(time.Second)
		sent := w.request(from, key, kbr.Options{Timeout: 3 * time.Minute}) // waits at the stopped node, at first
		w.Sim.RunFor(59 * time.Second)
		if w.Node(stopped).Claims(w.Sim.Clocks(stopped), key) {
			t.Errorf("%d nodes: a node that was stopped for 60 s claims its key", n)
		}
		w.Sim.Wake(stopped)
		for range 3000 {
			w.Sim.RunFor(10 * time.Millisecond)
			if who := w.claimants(key); len(who) > 1 {
				t.Fatalf("%d nodes: %v claim one key", n, who)
			}
		}
		w.Sim.RunFor(time.Minute)
		if sent.count != 1 || sent.err != nil {
			t.Errorf("%d nodes: the request has %d outcomes: %v", n, sent.count, sent.err)
		}
		if w.Truth.Wrong != 0 {
			t.Errorf("%d nodes: %d messages delivered at another than the root", n, w.Truth.Wrong)
		}
		w.check(32)
	}
}

// MSPastry, 3.1: a node that is not ready delivers nothing, and forwards
// nevertheless.
func TestNotReadyStillForwards(t *testing.T) {
	t.Parallel()
	w := grow(t, 60, linked(50))
	w.Sim.RunFor(time.Minute)
	tired := w.pick()
	w.Sim.Pause(tired)
	w.Sim.RunFor(50 * time.Second)
	w.Sim.Wake(tired)
	w.Sim.RunFor(0)
	if w.Ready(tired) {
		t.Fatal("a node that slept for 50 s is ready at once")
	}
	own := w.Sim.Handle(tired).ID
	far := own.Add(id.ID{Hi: 1 << 63})
	root := w.root(far)
	w.Sim.Call(tired, func() {
		w.apps[tired].ep.Route(far, []byte("far"), nil)
		w.apps[tired].ep.Route(own, []byte("own"), nil)
	})
	if !w.Sim.RunUntil(func() bool { return len(w.apps[root].got) == 1 }, time.Millisecond, 2*time.Second) {
		t.Error("a node that is not ready did not forward")
	}
	if !w.Sim.RunUntil(func() bool { return w.Ready(tired) }, time.Second, time.Minute) {
		t.Error("the node is not ready again after a minute")
	}
	w.Sim.RunFor(time.Second)
	if got := w.apps[tired].got; len(got) != 1 || string(got[0].Payload) != "own" {
		t.Errorf("the node's own message was not kept until it was ready: %v", got)
	}
}

// MSPastry, 3.1, and O9: many join at once, over bad links too, and no key ever has
// two claimants.
func TestConcurrentJoins(t *testing.T) {
	simtest.WithoutRace(t)
	t.Parallel()
	for _, drop := range []float64{0, 0.15} {
		for _, c := range []struct{ founders, joiners, seeds int }{{1, 2, 6}, {1, 6, 6}, {3, 6, 6}, {8, 12, 2}} {
			t.Run(fmt.Sprintf("%d into %d, loss %v", c.joiners, c.founders, drop), func(t *testing.T) {
				for seed := range simtest.Some(c.seeds) {
					w := grow(t, c.founders, linked(uint64(seed)))
					w.Sim.Inject(sim.Faults{Drop: drop, Delay: 20 * time.Millisecond})
					for range c.joiners {
						w.Add()
					}
					for range 100 {
						w.Sim.RunFor(50 * time.Millisecond)
						w.Truth.Claims(false)
					}
					w.Sim.Heal()
					w.Sim.RunFor(75 * time.Second)
					if got := len(w.ReadyNodes()); got != c.founders+c.joiners {
						t.Errorf("seed %d: %d of %d nodes are ready", seed, got, c.founders+c.joiners)
					}
					w.check(32)
				}
			})
		}
	}
}

// A node that leaves says goodbye: its applications may still send, and its keys are
// served by others at once.
func TestLeave(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3, 20} {
		w := grow(t, n, coded(uint64(n)+60))
		leaver := w.pick()
		key := w.Sim.Handle(leaver).ID
		heir := w.sorted(key)[1]
		left := w.apps[leaver]
		w.Sim.Stop(leaver)
		w.Sim.RunFor(0)
		if took := w.vacant(key, 5*time.Second); took > time.Second {
			t.Errorf("%d nodes: the keys of a node that left are served after %v, at most 1 s", n, took)
		}
		if !left.stopped {
			t.Errorf("%d nodes: the application was not told to stop", n)
		}
		w.Sim.RunFor(time.Second)
		if o := w.ask(heir, key, kbr.Options{}); o.err != nil || o.by() != w.Sim.Handle(heir).ID {
			t.Errorf("%d nodes: %v, answered by %s", n, o.err, o.by().Short())
		}
		w.Sim.RunFor(time.Minute)
		w.Truth.Dead(0)
		w.check(32)
	}
}

// Who is gone is asked for Config.GoneFor whether he is there again, and then no more.
func TestTheGoneAreForgotten(t *testing.T) {
	const gone = sim.NodeRef(3)
	c := linked(71)
	c.Tune = func(p *pastry.Config) { p.GoneFor = 3 * time.Minute }
	asked := 0
	c.Sim.Observe.Send = func(_, to sim.NodeRef, _ machine.Class, _ wire.Message, _ int) {
		if to == gone {
			asked++
		}
	}
	w := grow(t, 6, c)
	w.Sim.Die(gone)
	w.Sim.RunFor(time.Minute)
	for _, sought := range []bool{true, false} {
		asked = 0
		w.Sim.RunFor(time.Minute)
		if (asked > 0) != sought {
			t.Errorf("at %v: %d messages in a minute to a node that is gone", w.Sim.Now(), asked)
		}
		w.Sim.RunFor(3 * time.Minute)
	}
}

// What applications are told of neighbours is what the leaf set does.
func TestUpdates(t *testing.T) {
	w := grow(t, 6, coded(70))
	gone := w.Sim.Handle(5).ID
	w.Sim.Crash(5)
	w.Sim.RunFor(10 * time.Second)
	for _, n := range w.Live() {
		members := make(map[id.ID]bool)
		for _, u := range w.apps[n].updates {
			if members[u.node] == u.joined {
				t.Errorf("node %d was told twice of %s: joined %v", n, u.node.Short(), u.joined)
			}
			members[u.node] = u.joined
		}
		on, told := members[gone]
		if on || !told || len(members) != 5 {
			t.Errorf("node %d was told of %v", n, w.apps[n].updates)
		}
	}
}

// A node that starts again finds its ring by what it saved, without being told of
// anybody.
func TestRestart(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3, 20} {
		w, forget := forgetful(t, n)
		w.Sim.RunFor(time.Minute)
		again := w.pick()
		w.Sim.Crash(again)
		w.Sim.RunFor(20 * time.Second)
		forget()
		w.Sim.Restart(again)
		if !w.Sim.RunUntil(func() bool { return w.Ready(again) }, 100*time.Millisecond, 20*time.Second) {
			t.Errorf("%d nodes: a node that was started again is not ready after 20 s", n)
		}
		w.Sim.RunFor(time.Minute)
		w.check(32)
		w.mustReach(5)
	}
}

// All nodes of a ring lose power, and start again one by one or at once: they become
// one ring, whoever is first.
func TestRestartOfAll(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 12} {
		for _, gap := range []time.Duration{0, 2 * time.Second, 50 * time.Second} {
			t.Run(fmt.Sprintf("%d nodes, each after %v", n, gap), func(t *testing.T) {
				w, forget := forgetful(t, n)
				w.Sim.RunFor(time.Minute)
				order := w.Live()
				w.Rand().Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
				for _, m := range order {
					w.Sim.Die(m)
				}
				w.Sim.RunFor(time.Minute)
				forget()
				for _, m := range order {
					w.Sim.Restart(m)
					w.Sim.RunFor(gap)
				}
				w.Sim.RunFor(2 * time.Minute)
				w.check(32)
				w.mustReach(5)
			})
		}
	}
}

// forgetful makes a ring whose nodes, once forget was called, are started without
// seeds.
func forgetful(t *testing.T, n int) (w *world, forget func()) {
	on := false
	c := coded(uint64(n) + 80)
	c.Tune = func(p *pastry.Config) {
		if on {
			p.Seeds = nil
		}
	}
	return grow(t, n, c), func() { on = true }
}

// An expelled member loses its links and its place, also at nodes that hear of it from
// others; what it was root of goes to the next. A pardon lets it in again.
func TestExpulsion(t *testing.T) {
	t.Parallel()
	const seed = 90
	w := grow(t, 12, coded(seed))
	out := w.pick()
	x := w.Sim.Handle(out).ID
	authority := standin.NewSigner(seed, 0)
	e := &peer.Expulsion{Node: x, Number: 1, Time: w.Sim.Config().Start.Unix()}
	e.Sign(peer.RingID(authority.Public()), authority, nil)
	at := (out + 1) % 12
	w.Sim.Call(at, func() {
		if !w.Node(at).Expel(e) {
			t.Error("the expulsion was not accepted")
		}
		if w.Node(at).Expel(e) {
			t.Error("the expulsion was accepted twice")
		}
	})
	w.Sim.RunFor(time.Minute)
	for _, n := range w.Live() {
		if n == out {
			continue
		}
		if es := w.Node(n).Expulsions(); len(es) != 1 || es[0].Node != x {
			t.Errorf("node %d knows of %d expulsions", n, len(es))
		}
		v := w.View(n)
		for _, h := range append(v.Leaf, v.Near...) {
			if h.ID == x {
				t.Errorf("node %d keeps the expelled node in its sets", n)
			}
		}
		for _, entry := range v.Table {
			if entry.Node.ID == x {
				t.Errorf("node %d keeps the expelled node in its table", n)
			}
		}
	}
	near := w.sorted(x)
	if o := w.ask(near[5], x, kbr.Options{}); o.err != nil || o.by() != w.Sim.Handle(near[1]).ID {
		t.Errorf("the key of the expelled node: %v, answered by %s", o.err, o.by().Short())
	}

	pardon := &peer.Expulsion{Node: x, Number: 2, Time: w.Sim.Config().Start.Unix() + 60, Pardon: true}
	pardon.Sign(peer.RingID(authority.Public()), authority, nil)
	w.Sim.Call(at, func() {
		if !w.Node(at).Expel(pardon) {
			t.Error("the pardon was not accepted")
		}
	})
	w.Sim.RunFor(30 * time.Second)
	w.Sim.Crash(out)
	w.Sim.RunFor(10 * time.Second)
	w.Sim.Restart(out)
	w.Sim.RunFor(time.Minute)
	w.check(32)
	w.mustReach(5)
}

// An expulsion that nobody who may has signed changes nothing.
func TestForgedExpulsion(t *testing.T) {
	w := grow(t, 5, lab.Config{Seed: 91})
	e := &peer.Expulsion{Node: w.Sim.Handle(2).ID, Number: 1, Time: w.Sim.Config().Start.Unix()}
	mallory := standin.NewSigner(91, 3)
	e.Sign(peer.RingID(standin.NewSigner(91, 0).Public()), mallory, nil)
	w.Sim.Call(0, func() {
		if w.Node(0).Expel(e) {
			t.Error("a forged expulsion was accepted")
		}
		for to := range sim.NodeRef(4) {
			w.Node(0).Send(w.Sim.Handle(to+1), machine.ClassUpkeep, &msg.ExpulsionSet{Entries: []*peer.Expulsion{e}})
		}
	})
	w.Sim.RunFor(10 * time.Second)
	for _, n := range w.Live() {
		if es := w.Node(n).Expulsions(); len(es) != 0 {
			t.Errorf("node %d believes a forged expulsion", n)
		}
	}
	w.check(32)
}

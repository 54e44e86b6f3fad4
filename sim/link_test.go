package sim_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
	"github.com/phyllo-net/phyllo/wire"
)

// linked makes a world of toys with links, past their start.
func linked(t *testing.T, c sim.Config, toys int) *world {
	c.Connections = true
	w := newWorld(t, c, toys)
	w.Run(0)
	for _, l := range w.logs {
		*l = nil
	}
	return w
}

// The first message takes a round trip more, and each end learns of the link before
// it gets a message.
func TestFirstMessageMakesTheLink(t *testing.T) {
	w := linked(t, sim.Config{}, 2)
	w.say(0, 1, "1")
	w.say(0, 1, "2")
	w.Run(100 * ms)
	w.expect(0, "20 up B1", `40 echo "1" from B1`, `40 echo "2" from B1`)
	w.expect(1, "30 up A1", `30 say "1" from A1`, `30 say "2" from A1`)
	w.say(1, 0, "3")
	w.Run(200 * ms)
	w.expect(0, `110 say "3" from B1`)
	w.expect(1, `120 echo "3" from A1`)
	if l := w.Links(0); !slices.Equal(l, []sim.NodeRef{1}) || !slices.Equal(w.Links(1), []sim.NodeRef{0}) {
		t.Errorf("links of A: %v, of B: %v", l, w.Links(1))
	}
}

func TestTwoDialsAtOnceMakeOneLink(t *testing.T) {
	w := linked(t, sim.Config{}, 2)
	w.say(0, 1, "1")
	w.Run(5 * ms)
	w.say(1, 0, "2")
	w.Run(100 * ms)
	w.expect(0, "20 up B1", `40 say "2" from B1`, `40 echo "1" from B1`)
	w.expect(1, "30 up A1", `30 say "1" from A1`, `50 echo "2" from A1`)
}

func TestCrashClosesLinksAndRefusesNewOnes(t *testing.T) {
	w := linked(t, sim.Config{}, 3)
	w.say(0, 1, "x")
	w.Run(100 * ms)
	w.Crash(1)
	w.Run(200 * ms)
	w.say(0, 1, "late")
	w.say(0, 1, "later")
	w.say(2, 1, "never met")
	w.Run(300 * ms)
	w.expect(0, "20 up B1", `40 echo "x" from B1`, "110 down B1 closed", "220 down B1 refused")
	w.expect(2, "220 down B1 refused")
	if n := w.Counts().Lost[sim.LossDown]; n != 3 {
		t.Errorf("%d messages lost with their links, want 3", n)
	}
}

func TestSilentDeathIsFoundByWhatIsNotAcknowledged(t *testing.T) {
	w := linked(t, sim.Config{}, 3)
	w.say(0, 1, "x")
	w.say(2, 1, "y")
	w.Run(time.Second)
	w.Die(1)
	w.Run(2 * time.Second)
	w.say(0, 1, "a")
	w.Run(3 * time.Second)
	w.say(0, 1, "b")
	w.Run(60 * time.Second)
	w.say(0, 1, "c")
	w.Run(100 * time.Second)
	w.expect(0, "20 up B1", `40 echo "x" from B1`, "22000 down B1 lost", "65000 down B1 unreachable")
	w.expect(2, "20 up B1", `40 echo "y" from B1`) // it says nothing, so it learns nothing
}

func TestRestartedNodeIsAnother(t *testing.T) {
	for _, silently := range []bool{false, true} {
		w := linked(t, sim.Config{}, 2)
		old := w.Handle(1)
		w.say(0, 1, "x")
		w.Run(100 * ms)
		down := `110 down B1 closed`
		if silently {
			w.Die(1)
			down = `160 down B1 closed` // the new one's hello tells it
		} else {
			w.Crash(1)
		}
		w.Run(150 * ms)
		w.Restart(1)
		w.say(1, 0, "again")
		w.Run(300 * ms)
		up := "180 up B2"
		w.expect(0, "20 up B1", `40 echo "x" from B1`, down, up, `180 say "again" from B2`)
		w.expect(1, "30 up A1", `30 say "x" from A1`, `150 start 2 saved ""`, "170 up A1", `190 echo "again" from A1`)
		// A handle of the earlier life does not reach the later one, but the link stays.
		w.sayTo(0, old, "to the dead")
		w.say(0, 1, "to the living")
		w.Run(400 * ms)
		w.expect(0, "300 down B1 refused", `320 echo "to the living" from B2`)
		w.expect(1, `310 say "to the living" from A1`)
	}
}

// A seed or remembered handle may be of an earlier life: the link is made, and the
// sender learns both.
func TestOldHandleFindsTheNewLife(t *testing.T) {
	w := linked(t, sim.Config{}, 2)
	old, anyLife := w.Handle(1), *w.Handle(1)
	anyLife.Incarnation = 0
	w.Crash(1)
	w.Restart(1)
	w.sayTo(0, old, "1")
	w.sayTo(0, old, "2")
	w.sayTo(0, &anyLife, "3")
	w.Run(100 * ms)
	w.expect(0, "20 up B2", "20 down B1 refused", `40 echo "3" from B2`)
	w.expect(1, `0 start 2 saved ""`, "30 up A1", `30 say "3" from A1`)
}

// The first start need not be the first incarnation: handles from before are stale.
func TestHandleFromBeforeTheSimulation(t *testing.T) {
	w := linked(t, sim.Config{}, 1)
	w.add(func(s *sim.Spec) { s.Handle.Incarnation = 7 })
	older := *w.Handle(1)
	older.Incarnation = 3
	w.sayTo(0, &older, "x")
	w.Run(100 * ms)
	w.expect(0, "20 up B7", "20 down B3 refused")
	w.Crash(1)
	w.Restart(1)
	w.Run(200 * ms)
	w.say(0, 1, "y")
	w.Run(time.Second)
	w.expect(0, "110 down B7 closed", "220 up B8", `240 echo "y" from B8`)
}

// What is sent over a link that the other end no longer has is answered so.
func TestHalfOpenLinkIsReset(t *testing.T) {
	w := linked(t, sim.Config{}, 2)
	w.say(0, 1, "x")
	w.Run(100 * ms)
	w.Isolate(1) // what tells of the end does not get through
	w.Crash(1)
	w.Run(200 * ms)
	w.Mend()
	w.Restart(1)
	w.Run(300 * ms)
	w.say(0, 1, "y")
	w.Run(400 * ms)
	w.expect(0, "20 up B1", `40 echo "x" from B1`, "320 down B1 closed")
	w.say(0, 1, "z")
	w.Run(500 * ms)
	w.expect(0, "420 up B2", `440 echo "z" from B2`)
}

func TestPartedLinkIsLostAndNewOnesAreUnreachable(t *testing.T) {
	w := linked(t, sim.Config{LostAfter: 10 * time.Second, DialTimeout: 3 * time.Second}, 3)
	w.say(0, 1, "x")
	w.Run(time.Second)
	w.Isolate(1)
	w.say(0, 1, "y")
	w.say(2, 1, "z")
	w.Run(20 * time.Second)
	w.expect(0, "20 up B1", `40 echo "x" from B1`, "11000 down B1 lost")
	w.expect(2, "4000 down B1 unreachable")
	w.expect(1, "30 up A1", `30 say "x" from A1`)
	w.Mend()
	w.say(1, 0, "over the link that A gave up") // B's process lives: its loss is the network's fault
	w.Run(21 * time.Second)
	w.expect(1, "20020 down A1 lost")
	w.say(1, 0, "new")
	w.Run(22 * time.Second)
	w.expect(1, "21020 up A1", `21040 echo "new" from A1`)
	w.expect(0, "21030 up B1", `21030 say "new" from B1`)
}

// Who learns that a dial took too long, and wants the link all the same, begins a new
// one: it does not join the other end's, of which that end is about to learn the same.
func TestDialOverIsNotJoined(t *testing.T) {
	for first := range sim.NodeRef(2) {
		w := linked(t, sim.Config{DialTimeout: 3 * time.Second}, 2)
		w.Isolate(1)
		other := w.toys[1-first]
		other.down = func(h *peer.Handle) { other.Send(h, machine.ClassApp, &say{Text: "again"}) }
		w.say(first, 1-first, "x")
		w.Run(time.Second)
		w.say(1-first, first, "y")
		w.Run(4 * time.Second)
		w.Mend()
		w.Run(20 * time.Second)
		if !slices.Equal(w.Links(0), []sim.NodeRef{1}) || !slices.Equal(w.Links(1), []sim.NodeRef{0}) {
			t.Errorf("node %d dialled first: links %v and %v", first, w.Links(0), w.Links(1))
		}
	}
}

// A hello that comes at the moment at which its dial has taken too long is in vain: it does
// not take the place of the link that the other end begins meanwhile.
func TestHelloOfDialThatIsOver(t *testing.T) {
	w := linked(t, sim.Config{LostAfter: time.Second, DialTimeout: 3 * time.Second}, 2)
	w.say(0, 1, "x")
	w.Run(time.Second)
	w.Isolate(1)
	w.say(0, 1, "lost")
	w.Run(3 * time.Second) // A has given the link up, B has it still
	w.Mend()
	w.toys[1].down = func(h *peer.Handle) { w.toys[1].Send(h, machine.ClassApp, &say{Text: "again"}) }
	w.ClogPath(0, 1, 3*time.Second-topo.Least)
	w.say(0, 1, "y")
	w.Run(20 * time.Second)
	w.say(1, 0, "z") // if B has its end of the old link it learns now that A has not
	w.Run(21 * time.Second)
	if !slices.Equal(w.Links(0), []sim.NodeRef{1}) || !slices.Equal(w.Links(1), []sim.NodeRef{0}) {
		t.Errorf("links %v and %v", w.Links(0), w.Links(1))
	}
	*w.logs[0], *w.logs[1] = nil, nil
	w.say(1, 0, "on")
	w.Run(22 * time.Second)
	w.expect(0, `21010 say "on" from B1`)
}

// A short partition swallows messages and spares links; one way is enough for a
// link to be lost.
func TestShortPartitionSparesLinks(t *testing.T) {
	w := linked(t, sim.Config{}, 2)
	w.say(0, 1, "x")
	w.Run(time.Second)
	w.Isolate(0)
	w.say(0, 1, "swallowed")
	w.Run(10 * time.Second)
	w.Mend()
	w.say(0, 1, "y")
	w.Run(60 * time.Second)
	w.expect(0, "20 up B1", `40 echo "x" from B1`, `10020 echo "y" from B1`)
	*w.logs[1] = nil
	w.OneWay([]sim.NodeRef{0}, []sim.NodeRef{1})
	w.say(0, 1, "one way")
	w.Run(100 * time.Second)
	w.expect(0, "80000 down B1 lost")
	w.expect(1, `60010 say "one way" from A1`, "80010 down A1 lost")
}

func TestAnotherKeyAtTheAddressIsRefused(t *testing.T) {
	w := linked(t, sim.Config{}, 2)
	thief := *w.Handle(1)
	thief.Key = handle(5).Key
	w.sayTo(0, &thief, "x")
	w.Run(time.Second)
	w.expect(0, "20 down B1 refused")
	w.expect(1)
}

func TestUnknownNodeIsUnreachable(t *testing.T) {
	w := linked(t, sim.Config{}, 1)
	w.sayTo(0, handle(7), "x")
	w.Run(10 * time.Second)
	w.expect(0, "5000 down H0 unreachable")
	if n := w.Counts().Lost[sim.LossUnknown]; n != 1 {
		t.Errorf("%d messages to nobody, want 1", n)
	}
}

func TestCertificatesAreCheckedByBothEnds(t *testing.T) {
	refuse := func(*peer.Certificate, time.Time) error { return errors.New("no") }
	cert := func(n int) *peer.Certificate { return &peer.Certificate{Node: handle(n).ID, Key: handle(n).Key} }
	for _, c := range []struct {
		name  string
		specs [2]func(*sim.Spec)
		a, b  []string
	}{
		{"both good", [2]func(*sim.Spec){
			func(s *sim.Spec) {
				s.Cert = cert(0)
				s.Check = func(c *peer.Certificate, now time.Time) error {
					if c.Node != handle(1).ID || now.Year() != 2026 {
						return fmt.Errorf("certificate %v at %v", c, now)
					}
					return nil
				}
			},
			func(s *sim.Spec) { s.Cert = cert(1) },
		}, []string{"20 up B1", `40 echo "x" from B1`}, []string{"30 up A1", `30 say "x" from A1`}},
		{"refused by the one who is called", [2]func(*sim.Spec){nil, func(s *sim.Spec) { s.Check = refuse }},
			[]string{"20 down B1 expelled"}, nil},
		{"refused by the caller", [2]func(*sim.Spec){func(s *sim.Spec) { s.Check = refuse }, nil},
			[]string{"20 down B1 expelled"}, nil},
		{"another node's", [2]func(*sim.Spec){func(s *sim.Spec) { s.Cert = cert(2) }, nil},
			[]string{"20 down B1 expelled"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := linked(t, sim.Config{}, 0)
			for _, f := range c.specs {
				w.add(f)
			}
			w.Run(0)
			*w.logs[0], *w.logs[1] = nil, nil
			w.say(0, 1, "x")
			w.Run(time.Second)
			w.expect(0, c.a...)
			w.expect(1, c.b...)
		})
	}
}

func TestUnusedUnprotectedLinksAreClosed(t *testing.T) {
	w := linked(t, sim.Config{MaxLinks: 3}, 6)
	w.Call(0, func() { w.toys[0].Protect(w.Handle(1), true) }) // before there is a link
	for n := sim.NodeRef(1); n < 4; n++ {
		w.say(0, n, "x")
		w.RunFor(100 * ms)
	}
	w.say(0, 2, "again") // so 3 is the one used longest ago, but for 1
	w.RunFor(100 * ms)
	*w.logs[0] = nil
	w.say(0, 4, "x")
	w.RunFor(100 * ms)
	w.expect(0, "420 up E1", "420 down D1 closed by us", `440 echo "x" from E1`)
	if l := w.Links(0); !slices.Equal(l, []sim.NodeRef{1, 2, 4}) {
		t.Errorf("links %v, want 1 2 4", l)
	}
	w.expect(3, "230 up A1", `230 say "x" from A1`, "430 down A1 closed by us")
	w.Call(0, func() {
		w.toys[0].Protect(w.Handle(1), false)
		w.toys[0].Protect(w.Handle(2), true)
		w.toys[0].Protect(w.Handle(3), true)
		w.toys[0].Protect(w.Handle(3), false)
	})
	w.say(0, 5, "x")
	w.RunFor(100 * ms)
	if l := w.Links(0); !slices.Equal(l, []sim.NodeRef{2, 4, 5}) {
		t.Errorf("links %v, want 2 4 5", l)
	}
}

func TestDropTellsBothEnds(t *testing.T) {
	w := linked(t, sim.Config{}, 2)
	w.say(0, 1, "x")
	w.Run(100 * ms)
	w.Call(1, func() { w.toys[1].Drop(w.Handle(0)) })
	w.Run(200 * ms)
	w.expect(0, "20 up B1", `40 echo "x" from B1`, "110 down B1 closed by us")
	w.expect(1, "30 up A1", `30 say "x" from A1`, "100 down A1 expelled")
	if len(w.Links(0))+len(w.Links(1)) != 0 {
		t.Error("a link is left")
	}
}

// Farewells of a stopping node arrive before its links close.
func TestStopClosesLinksAfterTheFarewells(t *testing.T) {
	w := linked(t, sim.Config{}, 2)
	w.say(0, 1, "x")
	w.Run(100 * ms)
	w.say(0, 1, "bye")
	w.Stop(0)
	w.Run(200 * ms)
	w.expect(1, "30 up A1", `30 say "x" from A1`, `110 say "bye" from A1`, "110 down A1 closed")
}

func TestLinkOfAPausedNodeStands(t *testing.T) {
	w := linked(t, sim.Config{}, 3)
	w.say(0, 1, "x")
	w.Run(100 * ms)
	w.Pause(1)
	w.say(0, 1, "waits")
	w.say(2, 1, "cannot get in")
	w.Run(time.Minute)
	w.expect(0, "20 up B1", `40 echo "x" from B1`)
	w.expect(2, "5100 down B1 unreachable")
	w.Wake(1)
	w.Run(2 * time.Minute)
	w.expect(0, `60010 echo "waits" from B1`)
	w.expect(1, "30 up A1", `30 say "x" from A1`, "60000 wake", `60000 say "waits" from A1`)
}

// A node that is paused while it is called gets up after the caller gave up.
func TestLinkThatStandsTooLateIsLost(t *testing.T) {
	w := linked(t, sim.Config{}, 2)
	w.say(0, 1, "x")
	w.Run(25 * ms) // A is up, its last word is on its way
	w.Pause(1)
	w.Run(10 * time.Second)
	w.Wake(1)
	w.Run(20 * time.Second)
	w.expect(0, "20 up B1", "5000 down B1 lost")
	log := *w.logs[1]
	if len(log) < 2 || log[0] != "10000 wake" || log[len(log)-1] != "10000 down A1 lost" {
		t.Errorf("log of B: %q", log)
	}
}

func TestTooMuchWaitsForALink(t *testing.T) {
	w := linked(t, sim.Config{}, 2)
	for range 70 {
		w.say(0, 1, "x")
	}
	w.Run(time.Second)
	if c := w.Counts(); c.Lost[sim.LossFull] != 6 || c.Delivered != 2*64 {
		t.Errorf("delivered %d, found the queue full %d; want 128 and 6", c.Delivered, c.Lost[sim.LossFull])
	}
}

// Whatever happens, a node gets messages only between InPeerUp and InPeerDown, and
// never has two links with one peer.
func TestLinksKeepTheirPromisesInAStorm(t *testing.T) {
	for seed := range uint64(4) {
		const nodes = 20
		stands := make(map[[2]sim.NodeRef]bool)
		ups, downs := 0, 0
		c := sim.Config{Seed: seed, Connections: true, MaxLinks: 6, Observe: sim.Observe{
			Link: func(n, p sim.NodeRef, why machine.DownReason) {
				pair := [2]sim.NodeRef{n, p}
				switch {
				case why == 0 && stands[pair]:
					t.Errorf("seed %d: node %d has two links with %d", seed, n, p)
				case why == machine.DownRefused && stands[pair]:
					return // said of an earlier life
				case why == 0:
					ups++
				default:
					downs++
				}
				stands[pair] = why == 0
			},
			Deliver: func(from, to sim.NodeRef, _ wire.Message) {
				if !stands[[2]sim.NodeRef{to, from}] {
					t.Errorf("seed %d: node %d got a message of %d without a link", seed, to, from)
				}
			},
			Life: func(n sim.NodeRef, what sim.LifeEvent) {
				for p := range sim.NodeRef(nodes) {
					if what == sim.Started {
						delete(stands, [2]sim.NodeRef{n, p})
					}
				}
			},
		}}
		s := gossipers(t, c, nodes, true, time.Minute)
		if err := s.CheckLinks(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		if err := s.CheckEvents(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		if ups < 100 || downs < 100 {
			t.Errorf("seed %d: only %d ups and %d downs", seed, ups, downs)
		}
	}
}

// Messages of one class that are late keep their order on a link.
func TestOrderOfAClassIsKept(t *testing.T) {
	w := linked(t, sim.Config{}, 2)
	w.Inject(sim.Faults{Delay: 50 * ms, Tail: 0.1, TailMax: time.Second})
	last := [3]int{-1, -1, -1}
	crossed := false
	w.toys[1].heard = func(_ *peer.Handle, m wire.Message) {
		var class, n int
		if _, err := fmt.Sscanf(m.(*say).Text, "%d %d", &class, &n); err != nil || n <= last[class] {
			t.Errorf("message %q after %d (%v)", m.(*say).Text, last[class], err)
		}
		last[class] = n
		crossed = crossed || last[0] > last[1] || last[2] > last[1]
	}
	w.toys[1].quiet = true
	for n := range 300 {
		w.RunFor(5 * ms)
		w.Call(0, func() {
			w.toys[0].Send(w.Handle(1), machine.Class(n%3), &say{Text: fmt.Sprint(n%3, " ", n)})
		})
	}
	w.RunFor(time.Minute)
	if last != [3]int{297, 298, 299} || !crossed {
		t.Errorf("last of each class %v; classes overtake each other: %v", last, crossed)
	}
}

package lab_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/topo"
	"github.com/phyllo-net/phyllo/wire"
)

// echoNumber is that of the tests' application.
const echoNumber wire.AppID = 1001

// sleepers is a ring under traffic, of which some nodes stop for a while.
type sleepers struct {
	*lab.Ring
	t      *testing.T
	asleep []sim.NodeRef
	open   int // requests without an outcome
	wrong  int // answers by one who is not, and was not, the root
}

// asks sends requests from nodes that are awake, one each 100 ms, for d.
func (s *sleepers) asks(d time.Duration) {
	for range int(d / (100 * time.Millisecond)) {
		s.ask()
		s.Sim.RunFor(100 * time.Millisecond)
		s.claims()
	}
}

// ask sends one request from a node that is awake, if there is any.
func (s *sleepers) ask() {
	from := sim.NodeRef(s.Rand().IntN(s.Sim.Len()))
	if s.Sim.Paused(from) {
		return
	}
	key := id.ID{Hi: s.Rand().Uint64(), Lo: s.Rand().Uint64()}
	if len(s.asleep) > 0 && s.Rand().IntN(2) == 0 {
		key = s.Sim.Handle(s.asleep[s.Rand().IntN(len(s.asleep))]).ID
	}
	was := s.Truth.Root(key)
	s.open++
	s.Sim.Call(from, func() {
		s.Node(from).Endpoint(echoNumber).Request(key, nil, kbr.Options{}, func(a kbr.Answer, err error) {
			s.open--
			now := s.Truth.Root(key)
			if err == nil && (was == nil || was.ID != a.From.ID) && (now == nil || now.ID != a.From.ID) {
				s.wrong++
			}
		})
	})
}

// claims checks that no key has two claimants, one of which may be asleep.
func (s *sleepers) claims() {
	for _, n := range s.asleep {
		key := s.Sim.Handle(n).ID
		var who []sim.NodeRef
		for _, m := range s.Live() {
			if s.Node(m).Claims(s.Sim.Clocks(m), key) {
				who = append(who, m)
			}
		}
		if len(who) > 1 {
			s.t.Errorf("at %v: the key of node %d is claimed by %v", s.Sim.Now(), n, who)
		}
	}
}

// whole reports whether all nodes claim keys and know their neighbours.
func (s *sleepers) whole() bool { return len(s.ReadyNodes()) == s.Sim.Len() }

// TestWaking stops processes for a minute, and lets hosts sleep for an hour (nothing
// reaches them, and their clocks go on), in a ring under traffic: one, two neighbours,
// half of them, all. Who wakes is in the ring again within 10 s, and serves no key
// that has become another's.
func TestWaking(t *testing.T) {
	simtest.WithoutRace(t)
	const nodes = 20
	for _, how := range []string{"process", "host"} {
		for _, many := range []int{1, 2, 10, nodes} {
			t.Run(fmt.Sprintf("%s, %d", how, many), func(t *testing.T) {
				t.Parallel()
				s, dead := &sleepers{t: t}, 0
				s.Ring = lab.New(lab.Config{Seed: uint64(many), Sealed: true,
					Tune: func(c *pastry.Config) { c.Observe.Verdict = func(*pastry.Node, *peer.Handle) { dead++ } },
					Sim:  sim.Config{Connections: true, Topology: topo.NewPlane(200, 1, 50*time.Millisecond)},
					Apps: func(int, sim.NodeEnv) []kbr.Mount { return []kbr.Mount{{Number: echoNumber, App: new(answering)}} }})
				defer s.Close()
				if !s.Grow(nodes, 300*time.Millisecond, time.Minute) {
					t.Fatal("no ring")
				}
				s.Sim.RunFor(time.Minute)
				all := s.Live()
				slices.SortFunc(all, func(a, b sim.NodeRef) int { return s.Sim.Handle(a).ID.Cmp(s.Sim.Handle(b).ID) })
				s.asleep = all[3 : 3+min(many, nodes-3)]
				if many == nodes {
					s.asleep = all
				}
				s.asks(15 * time.Second)
				for _, n := range s.asleep {
					s.Sim.Pause(n)
				}
				if how == "host" {
					s.Sim.Partition(s.asleep, all[:0])
					s.asks(time.Minute)
					s.Sim.RunFor(59 * time.Minute)
					s.Sim.Mend()
				} else {
					s.asks(time.Minute)
				}
				if dead == 0 && many < nodes {
					t.Error("nobody found out that nodes were asleep")
				}
				for _, n := range s.asleep {
					s.Sim.Wake(n)
				}
				woke := s.Sim.Now()
				for !s.whole() && s.Sim.Now()-woke < 20*time.Second {
					s.ask()
					s.Sim.RunFor(50 * time.Millisecond)
					s.claims()
				}
				took := s.Sim.Now() - woke
				t.Logf("whole %v after waking", took)
				if took > 10*time.Second {
					t.Errorf("%d of %d nodes are ready %v after waking", len(s.ReadyNodes()), nodes, took)
				}
				s.asks(35 * time.Second)
				s.Sim.RunFor(35 * time.Second)
				s.Truth.Claims(true)
				s.Truth.LeafSets(32)
				problems(t, s.Ring)
				if s.wrong+s.open > 0 {
					t.Errorf("%d wrong answers, %d requests without an outcome", s.wrong, s.open)
				}
			})
		}
	}
}

// TestWallClockJumps: the time of day of hosts jumps by an hour, ahead and back. Nothing
// in the overlay runs by it.
func TestWallClockJumps(t *testing.T) {
	s := &sleepers{t: t}
	verdicts := 0
	s.Ring = lab.New(lab.Config{Seed: 4, Sealed: true, Sim: sim.Config{Connections: true},
		Tune: func(c *pastry.Config) { c.Observe.Verdict = func(*pastry.Node, *peer.Handle) { verdicts++ } },
		Apps: func(int, sim.NodeEnv) []kbr.Mount { return []kbr.Mount{{Number: echoNumber, App: new(answering)}} }})
	defer s.Close()
	if !s.Grow(12, 300*time.Millisecond, time.Minute) {
		t.Fatal("no ring")
	}
	s.asleep = s.Live()[2:5]
	for _, jump := range []time.Duration{time.Hour, -2 * time.Hour} {
		for _, n := range s.asleep {
			s.Sim.JumpWall(n, jump)
		}
		for range 40 {
			s.asks(500 * time.Millisecond)
			if !s.whole() {
				t.Errorf("at %v: only %d of 12 nodes are ready", s.Sim.Now(), len(s.ReadyNodes()))
			}
		}
	}
	s.Sim.RunFor(31 * time.Second)
	s.Truth.Claims(true)
	problems(t, s.Ring)
	if verdicts+s.wrong+s.open > 0 {
		t.Errorf("%d verdicts, %d wrong answers, %d requests without an outcome", verdicts, s.wrong, s.open)
	}
}

// answering is an application that answers every request.
type answering struct{}

func (answering) Start(kbr.Endpoint)        {}
func (answering) Update(*peer.Handle, bool) {}
func (answering) Deliver(d *kbr.Delivery)   { d.Reply(nil) }
func (answering) Stop()                     {}

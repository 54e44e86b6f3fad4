package sim_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
	"github.com/phyllo-net/phyllo/task"
)

// relay passes each message on to a random node and does nothing else, so that
// what is measured is the driver. With timers, it sets one for each message and
// cancels the one before, as a protocol with acknowledgements does.
type relay struct {
	self   *peer.Handle
	all    []*peer.Handle
	rng    uint64
	msg    *say
	timers bool
	set    bool
}

func (r *relay) Self() *peer.Handle { return r.self }
func (r *relay) Halt()              {}

func (r *relay) Step(now machine.Clock, in machine.Input, out *machine.Effects) {
	switch in.Kind {
	case machine.InTimer:
		r.set = false
		return
	case machine.InMessage, machine.InStart:
	default:
		return
	}
	r.rng = r.rng*6364136223846793005 + 1442695040888963407
	to := r.all[(r.rng>>33)%uint64(len(r.all))]
	if to == r.self {
		to = r.all[0]
		if to == r.self {
			to = r.all[1]
		}
	}
	if r.timers {
		if r.set {
			out.List = append(out.List, machine.Effect{Kind: machine.DoCancelTimer})
		}
		r.set = true
		out.List = append(out.List, machine.Effect{Kind: machine.DoSetTimer, At: now.Boot + task.Instant(time.Second)})
	}
	out.List = append(out.List, machine.Effect{Kind: machine.DoSend, To: to, Msg: r.msg})
}

// relays makes a simulation in which each node keeps one message going.
func relays(c sim.Config, nodes int, timers bool) *sim.Sim {
	c.Topology = topo.NewPlane(nodes, 1, 0)
	s := sim.New(c)
	all := make([]*peer.Handle, nodes)
	for i := range all {
		all[i] = &peer.Handle{ID: id.HashOf("relay", uint64(i)).Place(), Incarnation: 1}
	}
	msg := &say{Text: "x"}
	for i := range all {
		s.Add(sim.Spec{Handle: all[i], Host: i, Make: func(env sim.NodeEnv) machine.Machine {
			return &relay{self: env.Self, all: all, rng: env.Rand.Uint64(), msg: msg, timers: timers}
		}})
	}
	return s
}

// BenchmarkMessage measures what the driver costs for a link message, with and
// without a timer that is set and cancelled for it.
func BenchmarkMessage(b *testing.B) {
	for _, nodes := range []int{1000, 10_000, 100_000} {
		for _, v := range []struct {
			name   string
			c      sim.Config
			timers bool
		}{
			{"wheel", sim.Config{}, false},
			{"heap", sim.Config{Queue: sim.Heap}, false},
			{"wheel+timers", sim.Config{}, true},
			{"heap+timers", sim.Config{Queue: sim.Heap}, true},
		} {
			b.Run(fmt.Sprintf("%d/%s", nodes, v.name), func(b *testing.B) {
				s := relays(v.c, nodes, v.timers)
				s.RunFor(2 * time.Second)
				start := s.Counts().Delivered
				b.ReportAllocs()
				for b.Loop() {
					s.Step()
				}
				b.ReportMetric(float64(s.Counts().Delivered-start)/b.Elapsed().Seconds()/1e6, "Mmsg/s")
			})
		}
	}
}

// BenchmarkLinkedMessage measures a message over links that stand, in a group in
// which all have links with all.
func BenchmarkLinkedMessage(b *testing.B) {
	s := relays(sim.Config{Connections: true}, 50, false)
	s.RunFor(10 * time.Second)
	b.ReportAllocs()
	for b.Loop() {
		s.Step()
	}
}

// TestIdleNodeIsSmall measures the driver's memory for a node that does nothing:
// without its machine and handle, but with two timers.
func TestIdleNodeIsSmall(t *testing.T) {
	const nodes, most = 20_000, 500
	handles := make([]*peer.Handle, nodes)
	for i := range handles {
		handles[i] = &peer.Handle{ID: id.HashOf("idle", uint64(i)).Place(), Incarnation: 1}
	}
	idle := make([]sleeper, nodes)
	next := 0
	maker := func(env sim.NodeEnv) machine.Machine {
		m := &idle[next]
		m.self = env.Self
		next++
		return m
	}
	before := heapInUse()
	s := sim.New(sim.Config{Topology: topo.NewUniform(nodes, time.Millisecond)})
	for i, h := range handles {
		s.Add(sim.Spec{Handle: h, Host: i, Make: maker})
	}
	s.RunFor(time.Minute)
	if each := (heapInUse() - before) / nodes; each > most {
		t.Errorf("%d bytes for an idle node, want at most %d", each, most)
	}
	runtime.KeepAlive(s)
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// sleeper sets two timers, for an hour later, and does nothing else.
type sleeper struct{ self *peer.Handle }

func (r *sleeper) Self() *peer.Handle { return r.self }
func (r *sleeper) Halt()              {}

func (r *sleeper) Step(now machine.Clock, in machine.Input, out *machine.Effects) {
	if in.Kind == machine.InStart {
		for slot := range uint32(2) {
			out.List = append(out.List, machine.Effect{Kind: machine.DoSetTimer, Slot: slot, At: now.Boot.Add(time.Hour)})
		}
	}
}

package sim_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
)

// prophet is a toy that notes what it is to foresee.
type prophet struct {
	toy
	foreseen map[machine.InputKind]*[machine.Foresight]int
	came     map[machine.InputKind]int
	wrong    *int
}

func (p *prophet) Foresee(step int, in *machine.Input) {
	if in.Kind == machine.InMessage && (in.From == nil || in.Msg == nil) {
		*p.wrong++
	}
	if p.foreseen[in.Kind] == nil {
		p.foreseen[in.Kind] = new([machine.Foresight]int)
	}
	p.foreseen[in.Kind][step]++
}

func (p *prophet) Step(now machine.Clock, in machine.Input, out *machine.Effects) {
	p.came[in.Kind]++
	p.toy.Step(now, in, out)
}

// crowd runs so many nodes that talk, and returns the trace.
func crowd(t *testing.T, nodes int, queue sim.Queue) (foreseen map[machine.InputKind]*[machine.Foresight]int, came map[machine.InputKind]int, trace uint64) {
	s := sim.New(sim.Config{Seed: 1, Queue: queue})
	defer s.Close()
	foreseen, came = make(map[machine.InputKind]*[machine.Foresight]int), make(map[machine.InputKind]int)
	wrong := 0
	for i := range nodes {
		h := &peer.Handle{ID: id.ID{Hi: uint64(i) << 40, Lo: 1}, Key: peer.Key{byte(i), byte(i >> 8)}}
		s.Add(sim.Spec{Handle: h, Host: i, Make: func(env sim.NodeEnv) machine.Machine {
			p := &prophet{toy{Kernel: machine.NewKernel(env.Rand), env: env, log: new([]string)}, foreseen, came, &wrong}
			p.born = func(t *toy) {
				var again func()
				again = func() {
					other := sim.NodeRef(env.Rand.IntN(nodes))
					if h := s.Handle(other); h.ID != env.Self.ID {
						t.Send(h, machine.ClassApp, &say{Text: "there?"})
					}
					t.After(time.Duration(env.Rand.IntN(100_000))*time.Microsecond, again).Stop()
					t.After(time.Duration(env.Rand.IntN(100_000))*time.Microsecond, again)
				}
				t.After(time.Duration(env.Rand.IntN(100_000))*time.Microsecond, again)
			}
			return p
		}})
	}
	s.RunFor(400 * time.Millisecond)
	if wrong > 0 {
		t.Errorf("%d messages were foreseen without sender or content", wrong)
	}
	return foreseen, came, s.Trace()
}

// TestForeseen: in a large simulation nearly all inputs are foreseen in all steps, in a small
// one none are, and nothing that happens depends on it.
func TestForeseen(t *testing.T) {
	foreseen, came, trace := crowd(t, 1100, sim.Wheel)
	for _, kind := range []machine.InputKind{machine.InMessage, machine.InTimer} {
		if foreseen[kind] == nil {
			t.Fatalf("no input of kind %d was foreseen", kind)
		}
		for step, n := range foreseen[kind] {
			if n < came[kind]*8/10 { // one that is cancelled may have been foreseen, too
				t.Errorf("step %d was taken for %d inputs of kind %d, of which %d came", step, n, kind, came[kind])
			}
		}
	}
	if none, _, heap := crowd(t, 1100, sim.Heap); heap != trace || len(none) > 0 {
		t.Errorf("the trace is %x if events are foreseen, else %x (foreseen: %v)", trace, heap, none)
	}
	if none, _, _ := crowd(t, 100, sim.Wheel); len(none) > 0 {
		t.Errorf("inputs of 100 nodes were foreseen: %v", none)
	}
}

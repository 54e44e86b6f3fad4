package sim_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// say is the message of the toys: a text, and who else is there.
type say struct {
	Text  string         `cbor:"1,keyasint,omitempty"`
	Knows []*peer.Handle `cbor:"2,keyasint,omitempty"`
}

// echo answers a say.
type echo struct {
	Text string `cbor:"1,keyasint,omitempty"`
}

func (*say) Kind() wire.Kind  { return 1 }
func (*echo) Kind() wire.Kind { return 2 }

var table = wire.NewTable((*say)(nil), (*echo)(nil))

// toy is a machine that notes what happens to it and answers each say.
type toy struct {
	*machine.Kernel
	env   sim.NodeEnv
	log   *[]string
	quiet bool // does not answer
	heard func(from *peer.Handle, m wire.Message)
	down  func(*peer.Handle)
	born  func(t *toy)
}

func (t *toy) Self() *peer.Handle { return t.env.Self }

func (t *toy) Step(now machine.Clock, in machine.Input, out *machine.Effects) {
	t.Begin(now, out)
	defer t.End()
	if t.Handle(in) {
		return
	}
	switch in.Kind {
	case machine.InStart:
		t.note("start %d saved %q", t.env.Life, t.env.Saved)
		if t.born != nil {
			t.born(t)
		}
	case machine.InMessage:
		switch m := in.Msg.(type) {
		case *say:
			t.note("say %q from %v", m.Text, name(in.From))
			if !t.quiet {
				t.Send(in.From, machine.ClassApp, &echo{m.Text})
			}
		case *echo:
			t.note("echo %q from %v", m.Text, name(in.From))
		}
		if t.heard != nil {
			t.heard(in.From, in.Msg)
		}
	case machine.InPeerUp:
		t.note("up %v", name(in.From))
	case machine.InPeerDown:
		t.note("down %v %v", name(in.From), in.Why)
		if t.down != nil {
			t.down(in.From)
		}
	case machine.InWake:
		t.note("wake")
	case machine.InStop:
		t.note("stop")
	}
}

// note logs what happened, with the time since the clock of an unskewed node
// began, in milliseconds.
func (t *toy) note(format string, args ...any) {
	if t.log != nil {
		ms := time.Duration(t.Now()).Milliseconds() - time.Hour.Milliseconds()
		*t.log = append(*t.log, fmt.Sprintf("%d ", ms)+fmt.Sprintf(format, args...))
	}
}

// handles are made so that name can tell a node's number.
func handle(n int) *peer.Handle {
	return &peer.Handle{ID: id.Tiny(uint8(n + 1)), Key: peer.Key{byte(n + 1)}, Addrs: []string{"sim"}}
}

// name shows a handle as its node's letter and its incarnation.
func name(h *peer.Handle) string {
	return fmt.Sprintf("%c%d", 'A'+h.ID.Bytes()[0]-1, h.Incarnation)
}

// world is a simulation of toys 10 ms apart.
type world struct {
	*sim.Sim
	t    *testing.T
	toys []*toy
	logs []*[]string
}

func newWorld(t *testing.T, c sim.Config, toys int) *world {
	if c.Topology == nil {
		c.Topology = topo.NewUniform(1000, 10*time.Millisecond)
	}
	w := &world{Sim: sim.New(c), t: t}
	t.Cleanup(w.Close)
	for range toys {
		w.add(nil)
	}
	return w
}

// add adds a toy, changed by f before it is added.
func (w *world) add(f func(*sim.Spec)) sim.NodeRef {
	n := len(w.toys)
	w.toys = append(w.toys, nil)
	w.logs = append(w.logs, new([]string))
	spec := sim.Spec{Handle: handle(n), Host: n, Make: func(env sim.NodeEnv) machine.Machine {
		t := &toy{Kernel: machine.NewKernel(env.Rand), env: env, log: w.logs[n]}
		w.toys[n] = t
		return t
	}}
	if f != nil {
		f(&spec)
	}
	return w.Add(spec)
}

// say lets a toy send a text to another, to its present handle.
func (w *world) say(from, to sim.NodeRef, text string) {
	w.sayTo(from, w.Handle(to), text)
}

func (w *world) sayTo(from sim.NodeRef, to *peer.Handle, text string) {
	w.Call(from, func() { w.toys[from].Send(to, machine.ClassApp, &say{Text: text}) })
}

// expect compares a toy's log so far with the lines given, and empties it.
func (w *world) expect(n sim.NodeRef, lines ...string) {
	w.t.Helper()
	got := *w.logs[n]
	for i := range max(len(got), len(lines)) {
		var g, l string
		if i < len(got) {
			g = got[i]
		}
		if i < len(lines) {
			l = lines[i]
		}
		if g != l {
			w.t.Errorf("node %c, line %d:\n got  %q\n want %q", 'A'+n, i, g, l)
		}
	}
	*w.logs[n] = nil
}

// gossip makes a toy talk: at random moments it says what it knows to a random
// acquaintance, waits for the echo in a task, works, and saves.
func gossip(known ...*peer.Handle) func(*toy) {
	return func(t *toy) {
		knows := append([]*peer.Handle(nil), known...)
		echoes := make(map[string]func(string, error))
		t.heard = func(from *peer.Handle, m wire.Message) {
			if e, ok := m.(*echo); ok {
				if resolve := echoes[e.Text]; resolve != nil {
					resolve(e.Text, nil)
				}
				return
			}
			for _, h := range append(slices.Clip(m.(*say).Knows), from) {
				if len(knows) < 40 && h.ID != t.Self().ID && t.Rand().IntN(2) == 0 {
					knows = append(knows, h)
				}
			}
		}
		t.Tasks().Go(func(k *task.T) error {
			for n := 0; ; n++ {
				if err := k.Sleep(time.Duration(t.Rand().Int64N(int64(200 * time.Millisecond)))); err != nil {
					return err
				}
				to := knows[t.Rand().IntN(len(knows))]
				some := knows[t.Rand().IntN(len(knows)):]
				text := fmt.Sprintf("%d/%d", t.env.Ref, n)
				_, err := task.Await(k, 500*time.Millisecond, func(resolve func(string, error)) {
					echoes[text] = resolve
					t.Send(to, machine.Class(t.Rand().IntN(3)), &say{Text: text, Knows: slices.Clone(some[:min(3, len(some))])})
				})
				delete(echoes, text)
				if err == task.ErrTimeout && len(knows) > 1 && t.Rand().IntN(4) == 0 {
					knows = knows[1:]
				}
				if _, err := task.Work(k, time.Second, func() (int, error) { return n, nil }); err == task.ErrStopped {
					return err
				}
				t.Save([]byte(text))
			}
		}, nil)
	}
}

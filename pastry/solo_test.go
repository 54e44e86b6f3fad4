package pastry_test

import (
	"container/heap"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// clockAt is what a node's clocks say at d.
func clockAt(d time.Duration) machine.Clock {
	return machine.Clock{Boot: task.Instant(time.Hour + d), Wall: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(d)}
}

// solo drives one node by hand: the test plays all others.
type solo struct {
	*pastry.Node
	t      testing.TB
	app    *app
	now    time.Duration
	timers map[uint32]task.Instant
	queue  alarms // of timers, and of some that were cancelled
	sent   []sent // since it was last emptied
	gave   []error
}

// sent is a message that the node sent.
type sent struct {
	to  *peer.Handle
	msg wire.Message
}

// soloAt starts a node with this id on an 8-bit ring, which founds one if it has no seeds.
func soloAt(t testing.TB, x uint8, seeds ...*peer.Handle) *solo { return soloOf(t, x, 4, seeds...) }

// soloOf starts one with a leaf set of that size.
func soloOf(t testing.TB, x uint8, leafSet int, seeds ...*peer.Handle) *solo {
	return soloTuned(t, x, func(c *pastry.Config) { c.LeafSet, c.Seeds = leafSet, seeds })
}

// soloTuned starts one with what tune changes of the defaults.
func soloTuned(t testing.TB, x uint8, tune func(*pastry.Config)) *solo {
	c := config()
	tune(&c)
	s := &solo{t: t, app: new(app), timers: make(map[uint32]task.Instant)}
	c.Apps = mounts(s.app, appNumber)
	c.Observe.Dropped = func(_ *pastry.Node, _ id.ID, why error) { s.gave = append(s.gave, why) }
	var err error
	if s.Node, err = pastry.New(c, stranger(x), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Halt)
	s.step(machine.Input{Kind: machine.InStart})
	return s
}

// stranger is another node of the 8-bit ring, whose key signs as standin's do.
func stranger(x uint8) *peer.Handle {
	return &peer.Handle{ID: id.Tiny(x), Key: standin.NewSigner(9, uint64(x)).Public(), Incarnation: 1, Addrs: []string{"a"}}
}

// step gives the node an input, and notes what it wants.
func (s *solo) step(in machine.Input) {
	var out machine.Effects
	s.Step(clockAt(s.now), in, &out)
	for _, e := range out.List {
		switch e.Kind {
		case machine.DoSend:
			if b, err := msg.Messages.Encode(e.Msg); err != nil {
				s.t.Errorf("the node sends what does not encode: %v", err)
			} else if _, err := msg.Messages.Decode(b); err != nil {
				s.t.Errorf("the node sends what others refuse: %v", err)
			}
			s.sent = append(s.sent, sent{e.To, e.Msg})
		case machine.DoSetTimer:
			s.timers[e.Slot] = e.At
			heap.Push(&s.queue, alarm{e.At, e.Slot})
		case machine.DoCancelTimer:
			delete(s.timers, e.Slot)
		}
	}
}

// hear hands the node a message, as it would come off the wire.
func (s *solo) hear(from *peer.Handle, m wire.Message) {
	s.t.Helper()
	b, err := msg.Messages.Encode(m)
	if err != nil {
		s.t.Fatal(err)
	}
	if m, err = msg.Messages.Decode(b); err != nil {
		s.t.Fatal(err)
	}
	s.step(machine.Input{Kind: machine.InMessage, From: from, Msg: m})
}

// alarm is a timer that was set; alarms is a heap of them.
type alarm struct {
	at   task.Instant
	slot uint32
}

type alarms []alarm

func (q alarms) Len() int { return len(q) }
func (q alarms) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].slot < q[j].slot
}
func (q alarms) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *alarms) Push(a any)   { *q = append(*q, a.(alarm)) }
func (q *alarms) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// run lets time go on, and timers ring in their order.
func (s *solo) run(d time.Duration) {
	end := s.now + d
	for len(s.queue) > 0 && s.queue[0].at <= clockAt(end).Boot {
		a := heap.Pop(&s.queue).(alarm)
		if at, set := s.timers[a.slot]; !set || at != a.at {
			continue // cancelled, or set anew
		}
		s.now = max(s.now, time.Duration(a.at.Sub(clockAt(0).Boot)))
		delete(s.timers, a.slot)
		s.step(machine.Input{Kind: machine.InTimer, Slot: a.slot})
	}
	s.now = end
}

// took returns what the node sent of one type since it was last asked for anything.
func took[M wire.Message](s *solo) (out []M) {
	for _, e := range s.sent {
		if m, ok := e.msg.(M); ok {
			out = append(out, m)
		}
	}
	s.sent = nil
	return out
}

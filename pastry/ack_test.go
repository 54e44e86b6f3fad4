package pastry_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

// An answer that goes straight back acknowledges the hop that brought the question: at
// two nodes nothing else is sent. One that takes its time is acknowledged before.
func TestAnswersAcknowledge(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration
		acks  int
	}{
		{"at once", 0, 0},
		{"a second later", time.Second, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := tiny(coded(1), 0x10, 0x90)
			sent := map[string]int{}
			cfg.Sim.Observe.Deliver = func(_, _ sim.NodeRef, m wire.Message) {
				switch m := m.(type) {
				case *msg.Hop:
					sent["hops"]++
				case *msg.Ack:
					sent["acks"] += len(m.Seqs)
				case *msg.Reply:
					sent["answers"]++
					sent["acks carried"] += len(m.Acks)
				}
			}
			w := grow(t, 2, cfg)
			w.apps[1].deliver = func(d *kbr.Delivery) {
				w.apps[1].ep.After(c.after, func() { d.Reply(nil) })
			}
			if c.after == 0 {
				w.apps[1].deliver = nil
			}
			clear(sent)
			const n = 20
			for range n {
				w.Sim.Call(0, func() {
					w.apps[0].ep.Request(id.Tiny(0x91), []byte{1}, kbr.Options{}, func(_ kbr.Answer, err error) {
						if err != nil {
							t.Error(err)
						}
					})
				})
				w.Sim.RunFor(3 * time.Second)
			}
			want := map[string]int{"hops": n, "answers": n, "acks": n * c.acks, "acks carried": n * (1 - c.acks)}
			for what, times := range want {
				if sent[what] != times {
					t.Errorf("%s: %d, want %d", what, sent[what], times)
				}
			}
			w.problems()
		})
	}
}

// One of many messages that are on their way to a neighbour is lost: it is sent again with a number
// that the neighbour still tells from those that it has taken, and once that is acknowledged, no more.
func TestLostAmongMany(t *testing.T) {
	s := soloAt(t, 0x10)
	next := stranger(0x80)
	s.Learn(next, pastry.Place{Leaf: true, Table: true})
	const many, window = 100, 64
	s.step(machine.Input{Kind: machine.InCall, Call: func() {
		for i := range byte(many) {
			s.app.ep.Route(id.Tiny(0x80), []byte{i}, nil)
		}
	}})
	first := took[*msg.Hop](s)
	if len(first) != many {
		t.Fatalf("%d hops were sent, want %d", len(first), many)
	}
	acks := &msg.Ack{}
	for _, h := range first[1:] {
		acks.Seqs = append(acks.Seqs, h.Seq)
	}
	s.hear(next, acks)
	s.run(time.Second)
	again := took[*msg.Hop](s)
	if len(again) == 0 || again[0].Route.Env.Payload[0] != 0 || again[0].Seq+window <= first[many-1].Seq || first[0].Seq != 1 {
		t.Fatalf("the lost one is sent again as %+v", again)
	}
	for _, h := range again[1:] {
		if h.Seq != again[0].Seq {
			t.Errorf("it has number %d, and then %d, which nothing passed", again[0].Seq, h.Seq)
		}
	}
	s.hear(next, &msg.Ack{Seqs: []uint32{again[0].Seq}})
	s.run(3 * time.Second)
	if more := took[*msg.Hop](s); len(more) > 0 {
		t.Errorf("it was acknowledged, and is sent again: %+v", more[0])
	}
}

// A neighbour is only slow: what is sent to it again keeps its number, however much followed, and
// the acknowledgements of what was sent first end it.
func TestSlowIsNotLost(t *testing.T) {
	s := soloAt(t, 0x10)
	next := stranger(0x80)
	s.Learn(next, pastry.Place{Leaf: true, Table: true, RTT: 10 * time.Millisecond})
	const many = 100
	s.step(machine.Input{Kind: machine.InCall, Call: func() {
		for i := range byte(many) {
			s.app.ep.Route(id.Tiny(0x80), []byte{i}, nil)
		}
	}})
	acks := &msg.Ack{}
	for _, h := range took[*msg.Hop](s) {
		acks.Seqs = append(acks.Seqs, h.Seq)
	}
	s.run(300 * time.Millisecond)
	again := took[*msg.Hop](s)
	if len(acks.Seqs) != many || len(again) != many {
		t.Fatalf("%d hops were sent, %d again, want %d", len(acks.Seqs), len(again), many)
	}
	for i, h := range again {
		if h.Seq != acks.Seqs[i] {
			t.Fatalf("number %d is sent again as %d", acks.Seqs[i], h.Seq)
		}
	}
	s.hear(next, acks)
	s.run(3 * time.Second)
	if more := took[*msg.Hop](s); len(more) > 0 {
		t.Errorf("all were acknowledged, and %d are sent again", len(more))
	}
}

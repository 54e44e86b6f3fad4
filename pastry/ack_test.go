package pastry_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
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

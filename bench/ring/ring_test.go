package ring_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mirror answers with what it gets.
type mirror struct{}

func (mirror) Start(kbr.Endpoint)        {}
func (mirror) Deliver(d *kbr.Delivery)   { d.Reply(d.Payload) }
func (mirror) Update(*peer.Handle, bool) {}
func (mirror) Stop()                     {}

// TestRing forms a ring over each transport, asks the root of a key, and sees that
// what crossed the links was counted, and that all joined in some time.
func TestRing(t *testing.T) {
	for _, over := range []ring.Transport{ring.TCP, ring.QUIC} {
		t.Run(string(over), func(t *testing.T) {
			ctx, end := context.WithTimeout(context.Background(), time.Minute)
			defer end()
			r, err := ring.Start(ctx, 5, ring.Options{Transport: over, App: func() kbr.App { return mirror{} }})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := r.Stop(ctx); err != nil {
					t.Error(err)
				}
			}()
			if err := r.Mesh(ctx); err != nil {
				t.Fatal(err)
			}
			all := r.Nodes()
			last, first := all[4], all[0]
			var answer kbr.Answer
			if err := first.Do(ctx, func(t *task.T, ep kbr.Endpoint) (err error) {
				answer, err = kbr.Call(t, ep, last.Self().ID, []byte("x"), kbr.Options{})
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if answer.From.ID != last.Self().ID || string(answer.Payload) != "x" {
				t.Errorf("node %s answers %q, want node %s", answer.From.ID, answer.Payload, last.Self().ID)
			}
			for _, n := range all {
				s := n.Stats()
				if s.Links != 4 || s.Connections < 4 || s.Frames == 0 || s.BytesIn == 0 || s.BytesOut == 0 {
					t.Errorf("node %s: %+v", n.Self().ID.Short(), s)
				}
				for _, l := range n.Transport().Links() {
					if l.Kind != string(over) {
						t.Errorf("a link over %s", l.Kind)
					}
				}
			}
			if last.Joined() <= 0 || last.Joined() > time.Minute {
				t.Errorf("the last node joined in %s", last.Joined())
			}
			if err := r.Leave(ctx, last); err != nil {
				t.Error(err)
			}
			if n := len(r.Nodes()); n != 4 {
				t.Errorf("%d nodes are left", n)
			}
		})
	}
}

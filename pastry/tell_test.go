package pastry_test

import (
	"testing"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

// What is told to several goes to each once, as one message, and whoever gets it delivers it
// once and says nothing; who is reached past a broken link alone gets it as what is sent.
func TestTell(t *testing.T) {
	s := soloAt(t, 0x10)
	far, between, near := stranger(0x90), stranger(0x20), stranger(0x12)
	for _, h := range []*peer.Handle{far, between, near} {
		s.Learn(h, pastry.Place{Leaf: true, Table: true})
	}
	inner, err := msg.Messages.Encode(&msg.Ping{Seq: 1})
	if err != nil {
		t.Fatal(err)
	}
	m := &msg.Relay{From: far, To: id.Tiny(0x10), Num: 1, Inner: inner}
	m.Sig = standin.NewSigner(9, 0x90).Sign(m.Text(id.Hash{}))
	s.hear(between, m)
	s.sent = nil
	s.step(machine.Input{Kind: machine.InCall, Call: func() {
		s.app.ep.Tell([]*peer.Handle{near, between, far}, []byte("x"))
	}})
	told := make(map[*msg.Direct][]id.ID)
	routed := 0
	for _, e := range s.sent {
		switch d := e.msg.(type) {
		case *msg.Direct:
			if !d.Bare || string(d.Env.Payload) != "x" {
				t.Errorf("%s is sent %+v", e.to, d)
			}
			told[d] = append(told[d], e.to.ID)
		case *msg.Relay:
			inner, err := msg.Messages.Decode(d.Inner)
			if hop, is := inner.(*msg.Hop); err == nil && is && d.To == far.ID && hop.Route.Receipt {
				routed++
			}
		}
	}
	if len(told) != 1 || routed != 1 {
		t.Errorf("%d messages went over links, %d past the broken one: %v", len(told), routed, told)
	}
	for _, to := range told {
		if len(to) != 2 || to[0] != near.ID || to[1] != between.ID {
			t.Errorf("told were %v", to)
		}
	}
	s.sent = nil
	d := &msg.Direct{Num: 7, Bare: true, Env: wire.Envelope{Version: wire.Version, App: appNumber, Payload: []byte("y")}}
	before := len(s.app.got)
	s.hear(near, d)
	s.hear(near, d)
	none := &msg.Direct{Num: 8, Bare: true, Env: wire.Envelope{Version: wire.Version, App: 9999, Payload: []byte("y")}}
	s.hear(near, none)
	if n := len(s.app.got) - before; n != 1 || s.app.got[before].Via.ID != near.ID || !s.app.got[before].Direct {
		t.Errorf("it was delivered %d times", n)
	}
	for _, e := range s.sent {
		if _, is := e.msg.(*msg.Reply); is {
			t.Errorf("it was answered: %+v", e.msg)
		}
	}
}

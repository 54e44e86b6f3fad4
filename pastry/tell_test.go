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
	before := len(s.app.got)
	for _, x := range []struct {
		num  uint64
		news int
	}{{7, 1}, {7, 0}, {9, 1}, {8, 1}, {8, 0}, {7, 0}, {72, 1}, {9, 0}, {10, 1}, {10, 0}, {9000, 1}, {72, 0}, {8936, 0}, {8937, 1}} {
		had := len(s.app.got)
		s.hear(near, &msg.Direct{Num: x.num, Bare: true, Env: wire.Envelope{Version: wire.Version, App: appNumber, Payload: []byte("y")}})
		if n := len(s.app.got) - had; n != x.news {
			t.Errorf("number %d was delivered %d times, want %d", x.num, n, x.news)
		}
	}
	s.hear(between, &msg.Direct{Num: 7, Bare: true, Env: wire.Envelope{Version: wire.Version, App: appNumber, Payload: []byte("z")}})
	none := &msg.Direct{Num: 9001, Bare: true, Env: wire.Envelope{Version: wire.Version, App: 9999, Payload: []byte("y")}}
	s.hear(near, none)
	if got := s.app.got[before:]; got[0].Via.ID != near.ID || !got[0].Direct || got[len(got)-1].Via.ID != between.ID {
		t.Errorf("delivered were %+v", got)
	}
	for _, e := range s.sent {
		if _, is := e.msg.(*msg.Reply); is {
			t.Errorf("it was answered: %+v", e.msg)
		}
	}
}

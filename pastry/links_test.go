package pastry_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/topo"
	"github.com/phyllo-net/phyllo/wire"
)

// question is a request of 0x90's node for a key of 0x10, which came by the nodes of the
// path.
func question(num uint64, attempt uint8, straight bool, path ...uint8) *msg.Hop {
	m := &msg.Hop{Seq: uint32(num), Epoch: 1, Count: uint8(len(path)), Route: &msg.Routed{Key: id.Tiny(0x10), To: true, Origin: stranger(0x90),
		Num: num, Attempt: attempt, Want: true, Straight: straight, Env: wire.Envelope{Version: wire.Version, App: appNumber}}}
	for _, x := range path {
		m.Path = append(m.Path, x, 0, 0, 0)
	}
	return m
}

// An answer goes back to the one who handed the question over, unless it is large, or the
// one who asked wants it over a link of its own, or asks again.
func TestAnswerGoesBack(t *testing.T) {
	for _, c := range []struct {
		name     string
		attempt  uint8
		straight bool
		bare     bool // without a path
		size     int
		to       uint8
		path     int
	}{
		{name: "small", attempt: 1, to: 0x20, path: 2},
		{name: "as large as goes back", attempt: 1, size: 16 << 10, to: 0x20, path: 2},
		{name: "large", attempt: 1, size: 16<<10 + 1, to: 0x90},
		{name: "straight", attempt: 1, straight: true, to: 0x90},
		{name: "asked again", attempt: 2, to: 0x90},
		{name: "of a question that hides its way", attempt: 1, bare: true, to: 0x90},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := soloAt(t, 0x10)
			s.Learn(stranger(0x20), pastry.Place{Leaf: true, Table: true})
			s.Learn(stranger(0x90), pastry.Place{Table: true})
			s.step(machine.Input{Kind: machine.InPeerUp, From: stranger(0x20)})
			var answer func([]byte, *kbr.RefusedError)
			s.app.deliver = func(d *kbr.Delivery) { answer = d.Answer }
			m := question(7, c.attempt, c.straight, 0x90, 0x80, 0x20)
			if c.bare {
				m.Path = nil
			}
			s.hear(stranger(0x20), m)
			if answer == nil {
				t.Fatal("the question was not delivered")
			}
			s.sent = nil
			s.step(machine.Input{Kind: machine.InCall, Call: func() { answer(make([]byte, c.size), nil) }})
			if len(s.sent) != 1 {
				t.Fatalf("%d messages", len(s.sent))
			}
			got := s.sent[0].msg.(*msg.Reply)
			if to := s.sent[0].to.ID; to != id.Tiny(c.to) || len(got.Path) != 4*c.path || got.Num != 7 || len(got.Payload) != c.size {
				t.Errorf("to %s over %d bytes of path, number %d, %d bytes", to.Short(), len(got.Path), got.Num, len(got.Payload))
			}
			if back := got.To == id.Tiny(0x90); back != (c.path > 0) {
				t.Errorf("is on its way back: %v", back)
			}
		})
	}
}

// An answer on its way is passed on over a link that stands, and takes along the
// acknowledgement of the question. Where the next one has gone it is routed.
func TestAnswerIsPassedOn(t *testing.T) {
	answer := func() *msg.Reply {
		return &msg.Reply{Num: 7, Code: msg.ReplyAnswer, Payload: []byte("x"), From: stranger(0x18), To: id.Tiny(0x90), Path: []byte{0x90, 0, 0, 0, 0x80, 0, 0, 0}}
	}
	s := soloAt(t, 0x10)
	for _, x := range []uint8{0x20, 0x80} {
		s.Learn(stranger(x), pastry.Place{Leaf: true, Table: true})
		s.step(machine.Input{Kind: machine.InPeerUp, From: stranger(x)})
	}
	s.sent = nil
	s.hear(stranger(0x20), answer())
	if len(s.sent) != 1 || s.sent[0].to.ID != id.Tiny(0x80) {
		t.Fatalf("sent %+v", s.sent)
	}
	if m := s.sent[0].msg.(*msg.Reply); string(m.Path) != "\x90\x00\x00\x00" || m.To != id.Tiny(0x90) || m.From.ID != id.Tiny(0x18) {
		t.Errorf("passed on as %+v", m)
	}
	s.step(machine.Input{Kind: machine.InPeerDown, From: stranger(0x80), Why: machine.DownOurs})
	s.sent = nil
	s.hear(stranger(0x20), answer())
	hops := took[*msg.Hop](s)
	if len(hops) != 1 || !hops[0].Route.To || hops[0].Route.Key != id.Tiny(0x90) || hops[0].Route.Back == nil {
		t.Errorf("over a way that is broken: %+v", hops)
	}
}

// An answer that came back is taken once, and counts as relayed.
func TestAnswerThatCameBack(t *testing.T) {
	s := soloAt(t, 0x10)
	s.Learn(stranger(0x20), pastry.Place{Leaf: true, Table: true})
	s.step(machine.Input{Kind: machine.InPeerUp, From: stranger(0x20)})
	var got []kbr.Answer
	s.step(machine.Input{Kind: machine.InCall, Call: func() {
		s.app.ep.Request(id.Tiny(0x21), nil, kbr.Options{}, func(a kbr.Answer, err error) {
			if err != nil {
				t.Error(err)
			}
			got = append(got, a)
		})
	}})
	hops := took[*msg.Hop](s)
	if len(hops) != 1 {
		t.Fatalf("%d hops", len(hops))
	}
	for range 2 {
		s.hear(stranger(0x20), &msg.Reply{Num: hops[0].Route.Num, Code: msg.ReplyAnswer, Attempt: 1, From: stranger(0x22), To: id.Tiny(0x10), Acks: []uint32{hops[0].Seq}})
	}
	if len(got) != 1 || !got[0].Relayed || got[0].From.ID != id.Tiny(0x22) || got[0].First != id.Tiny(0x20) {
		t.Errorf("got %+v", got)
	}
}

// A message goes to a linked node that is the key's root, as far as can be guessed,
// rather than to a table entry; and to a linked one rather than to an entry without a link.
func TestLinkedHops(t *testing.T) {
	s := soloAt(t, 0x10)
	for _, x := range []uint8{0x0c, 0x0e, 0x12, 0x14} { // 2 apart, which makes the ring look as if they were 128
		s.Learn(stranger(x), pastry.Place{Leaf: true})
		s.step(machine.Input{Kind: machine.InPeerUp, From: stranger(x)})
	}
	s.Learn(stranger(0x9e), pastry.Place{Table: true})
	for _, x := range []uint8{0x91, 0x97} {
		s.Learn(stranger(x), pastry.Place{})
	}
	next := func(key uint8) id.ID {
		s.sent = nil
		s.step(machine.Input{Kind: machine.InCall, Call: func() { s.app.ep.Route(id.Tiny(key), nil, nil) }})
		if len(s.sent) != 1 {
			t.Fatalf("%d messages", len(s.sent))
		}
		if first := s.lookup(key)[0]; first.ID != s.sent[0].to.ID {
			t.Errorf("key %02x goes to %s, LocalLookup says %s", key, s.sent[0].to.ID.Short(), first.ID.Short())
		}
		return s.sent[0].to.ID
	}
	for _, c := range []struct {
		what string
		up   uint8
		key  uint8
		next uint8
	}{
		{"nobody else is linked", 0, 0x98, 0x9e},
		{"the entry has no link, another one has", 0x91, 0x98, 0x91},
		{"both have", 0x9e, 0x98, 0x9e},
		{"the root has", 0x97, 0x98, 0x97},
		{"not for another key", 0, 0x9b, 0x9e},
	} {
		if c.up != 0 {
			s.step(machine.Input{Kind: machine.InPeerUp, From: stranger(c.up)})
		}
		if got := next(c.key); got != id.Tiny(c.next) {
			t.Errorf("%s: key %02x goes to %s, want %02x", c.what, c.key, got.Short(), c.next)
		}
	}
}

// lookup is what LocalLookup says of a key.
func (s *solo) lookup(key uint8) (to []*peer.Handle) {
	s.step(machine.Input{Kind: machine.InCall, Call: func() { to = s.app.ep.LocalLookup(id.Tiny(key), 1, false) }})
	return to
}

// In a ring of a hundred whose nodes keep sixty links, requests make few new ones.
func TestRequestsMakeFewLinks(t *testing.T) {
	simtest.WithoutRace(t)
	const n, asked = 100, 400
	made := 0
	c := linked(3)
	c.Sealed = false
	c.Sim.Topology = topo.NewUniform(n, 5*time.Millisecond)
	c.Sim.Observe.Link = func(_, _ sim.NodeRef, why machine.DownReason) {
		if why == 0 {
			made++
		}
	}
	w := grow(t, n, c)
	w.Sim.RunFor(2 * time.Minute)
	done, draw := 0, rand.New(rand.NewPCG(3, 3))
	ask := func(times int) {
		for range times {
			from := draw.IntN(n)
			w.Sim.Call(sim.NodeRef(from), func() {
				ep := w.apps[from].ep
				ep.Request(id.ID{Hi: ep.Rand().Uint64()}, []byte{1}, kbr.Options{}, func(_ kbr.Answer, err error) {
					done++
					if err != nil {
						t.Error(err)
					}
				})
			})
			w.Sim.RunFor(50 * time.Millisecond)
		}
	}
	ask(10 * n)
	made, done = 0, 0
	ask(asked)
	w.Sim.RunFor(time.Minute)
	if done != asked {
		t.Errorf("%d outcomes of %d requests", done, asked)
	}
	if made/2 > asked/10 {
		t.Errorf("%d requests made %d links", asked, made/2)
	}
}

package pastry_test

import (
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

// A node that was reached past a broken link alone is spoken with directly as soon as a
// link to it stands: what must not be routed gets there, too.
func TestLinkEndsDetour(t *testing.T) {
	s := soloAt(t, 0x10)
	far, between := stranger(0x90), stranger(0x20)
	for _, h := range []uint8{0x90, 0x20} {
		s.Learn(stranger(h), pastry.Place{Leaf: true, Table: true})
	}
	inner, err := msg.Messages.Encode(&msg.Ping{Seq: 1})
	if err != nil {
		t.Fatal(err)
	}
	m := &msg.Relay{From: far, To: id.Tiny(0x10), Num: 1, Inner: inner}
	m.Sig = standin.NewSigner(9, 0x90).Sign(m.Text(id.Hash{}))
	s.hear(between, m)
	ask := func() (direct int) {
		s.sent = nil
		s.step(machine.Input{Kind: machine.InCall, Call: func() {
			s.app.ep.Ask(far, []byte("x"), kbr.Options{}, func(kbr.Answer, error) {})
		}})
		for _, e := range s.sent {
			if _, is := e.msg.(*msg.Direct); is && e.to.ID == far.ID {
				direct++
			}
		}
		return direct
	}
	if n := ask(); n != 0 {
		t.Errorf("%d questions went over the broken link", n)
	}
	s.step(machine.Input{Kind: machine.InPeerUp, From: far})
	if n := ask(); n != 1 {
		t.Errorf("%d questions went over the link that stands", n)
	}
}

// A link that did not work is tried again: with a ping while its other end has a place here, or is heard
// past it, and by what there is to say to one that has none and was silent for long. Else what
// needs a link of its own, as an application's answer to whom it believes, would never get there.
func TestDetourEnds(t *testing.T) {
	far, between := stranger(0x90), stranger(0x20)
	for _, c := range []struct {
		what   string
		place  pastry.Place
		again  bool // it is heard again and again, past the link
		pinged bool
		direct int // questions that go over the link then
	}{
		{"member", pastry.Place{Leaf: true}, true, true, 0},
		{"of the table, heard", pastry.Place{Table: true}, true, true, 0},
		{"of the table, silent", pastry.Place{Table: true}, false, true, 0},
		{"neither, heard", pastry.Place{}, true, true, 0},
		{"neither, silent", pastry.Place{}, false, false, 1},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := soloTuned(t, 0x10, func(p *pastry.Config) { p.LeafSet, p.ProbeFloor = 4, p.ProbeCap }) // the table is quiet
			s.Learn(between, pastry.Place{Leaf: true, Table: true})
			s.Learn(far, c.place)
			num := uint64(0)
			hear := func() {
				num++
				s.relayed(between, far, num, &msg.Pong{Seq: 1})
			}
			pinged := false
			look := func() {
				for _, e := range s.sent {
					m, is := e.msg.(*msg.Ping)
					pinged = pinged || is && m.Seq == 0 && e.to.ID == far.ID
				}
				s.sent = nil
			}
			hear()
			for i := range 150 {
				s.run(time.Second)
				s.hear(between, &msg.LeafProbe{Active: true})
				if look(); c.again {
					hear()
				}
				pinged = pinged && i > 80 // in the last minute
			}
			if pinged != c.pinged {
				t.Errorf("its link is pinged: %v, want %v", pinged, c.pinged)
			}
			s.step(machine.Input{Kind: machine.InCall, Call: func() {
				s.app.ep.Ask(far, []byte("x"), kbr.Options{}, func(kbr.Answer, error) {})
			}})
			direct := 0
			for _, e := range s.sent {
				if _, is := e.msg.(*msg.Direct); is && e.to.ID == far.ID {
					direct++
				}
			}
			if direct != c.direct {
				t.Errorf("%d questions go over its link, want %d", direct, c.direct)
			}
		})
	}
}

// Who was reached past its link alone and said goodbye is not asked whether the link works again.
func TestNoPingToWhoLeft(t *testing.T) {
	s := soloAt(t, 0x10)
	far, between := stranger(0x90), stranger(0x20)
	s.Learn(between, pastry.Place{Leaf: true, Table: true})
	s.Learn(far, pastry.Place{Leaf: true})
	for num, m := range []wire.Message{&msg.Pong{Seq: 1}, &msg.Leave{Incarnation: 1}} {
		s.relayed(between, far, uint64(num)+1, m)
	}
	for range 100 {
		s.hear(between, &msg.LeafProbe{Active: true})
		s.run(time.Second)
	}
	for _, e := range s.sent {
		if e.to.ID == far.ID {
			t.Errorf("who left is sent %T", e.msg)
		}
	}
}

// One who is no member yet, is heard past its link alone and has a place among the members, is probed that way too: it would be
// found dead, and never come in.
func TestCandidatePastItsLink(t *testing.T) {
	s := soloAt(t, 0x10)
	far, between := stranger(0x90), stranger(0x20)
	s.Learn(between, pastry.Place{Leaf: true, Table: true})
	s.Learn(far, pastry.Place{})
	s.relayed(between, far, 1, &msg.Pong{Seq: 1})
	s.sent = nil
	s.hear(between, &msg.LeafProbe{Active: true, Leaf: []*peer.Handle{far}})
	for num := range uint64(4) {
		for _, r := range took[*msg.Relay](s) {
			inner, err := msg.Messages.Decode(r.Inner)
			if err != nil {
				t.Fatal(err)
			}
			if m, is := inner.(*msg.LeafProbe); is && r.To == far.ID && !m.Reply {
				s.relayed(between, far, num+2, &msg.LeafProbe{Reply: true, Num: m.Num, Active: true})
			}
		}
		s.run(time.Second)
	}
	if !slices.ContainsFunc(s.View(clockAt(s.now)).Leaf, func(h *peer.Handle) bool { return h.ID == far.ID }) {
		t.Error("it is not a member")
	}
}

// relayed lets the node hear by another what from said.
func (s *solo) relayed(by, from *peer.Handle, num uint64, m wire.Message) {
	s.t.Helper()
	inner, err := msg.Messages.Encode(m)
	if err != nil {
		s.t.Fatal(err)
	}
	r := &msg.Relay{From: from, To: s.Self().ID, Num: num, Inner: inner}
	r.Sig = standin.NewSigner(9, from.ID.Hi>>56).Sign(r.Text(id.Hash{}))
	s.hear(by, r)
}

// Relayed messages are heard once each, in whatever order the relays bring them: one of these
// may be seconds behind another, and what comes by it is no copy. Answers go by the relay that
// brought the newest. What is so old that it may have been heard is not heard.
func TestRelayedInAnyOrder(t *testing.T) {
	s := soloAt(t, 0x10)
	far, quick, slow := stranger(0x90), stranger(0x20), stranger(0x30)
	for _, h := range []*peer.Handle{far, quick, slow} {
		s.Learn(h, pastry.Place{Leaf: true, Table: true})
	}
	inner, err := msg.Messages.Encode(&msg.Ping{Seq: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range []struct {
		num   uint64
		by    *peer.Handle
		heard bool
	}{
		{10, quick, true}, {9, slow, true}, {9, quick, false}, {10, slow, false}, {2000, quick, true}, {1999, slow, true},
		{1000, slow, true}, {1000, quick, false}, {1999, slow, false}, {976, slow, false}, {977, slow, true}, {9, slow, false}, {11, slow, false},
		{2100, quick, true}, {2099, slow, true}, {1999, slow, false}, {2000, slow, false}, {1 << 63, quick, true}, {1<<63 - 100, slow, true}, {2101, slow, false},
	} {
		m := &msg.Relay{From: far, To: id.Tiny(0x10), Num: x.num, Inner: inner}
		m.Sig = standin.NewSigner(9, 0x90).Sign(m.Text(id.Hash{}))
		s.sent = nil
		s.hear(x.by, m)
		answers := 0
		for _, e := range s.sent {
			if _, is := e.msg.(*msg.Relay); is {
				if answers++; e.to.ID != quick.ID {
					t.Errorf("message %d, number %d: the answer goes by %s", i, x.num, e.to)
				}
			}
		}
		if heard := answers == 1; heard != x.heard || answers > 1 {
			t.Errorf("message %d, number %d: answered %d times, heard should be %v", i, x.num, answers, x.heard)
		}
	}
}

// A relay keeps back what a node wrote before it died, and hands one on each second: that is no
// sign of life, once something later has been heard.
func TestKeptBackIsNoLife(t *testing.T) {
	for _, m := range []wire.Message{&msg.Ping{Seq: 1}, &msg.LeafProbe{Active: true}} {
		s := soloAt(t, 0x10)
		far, by := stranger(0x90), stranger(0x20)
		for _, h := range []*peer.Handle{far, by} {
			s.Learn(h, pastry.Place{Leaf: true, Table: true})
		}
		inner, err := msg.Messages.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		say := func(num uint64) {
			r := &msg.Relay{From: far, To: id.Tiny(0x10), Num: num, Inner: inner}
			r.Sig = standin.NewSigner(9, 0x90).Sign(r.Text(id.Hash{}))
			s.hear(by, r)
		}
		lives := func() bool {
			return slices.ContainsFunc(s.View(clockAt(s.now)).Leaf, func(h *peer.Handle) bool { return h.ID == far.ID })
		}
		say(1000)
		if s.run(time.Second); !lives() {
			t.Fatalf("%T: its author is not a neighbour", m)
		}
		for num := range uint64(90) {
			say(num + 1)
			s.run(time.Second)
		}
		if lives() {
			t.Errorf("%T: its author has been dead for 90 s, and is a neighbour", m)
		}
		s.sent = nil
		if say(91); len(s.sent) > 0 {
			t.Errorf("%T: the dead one is sent %T", m, s.sent[0].msg)
		}
		say(1001)
		if got := took[*msg.Relay](s); len(got) == 0 || got[len(got)-1].To != far.ID {
			t.Errorf("%T: what is newer is not heard", m)
		}
	}
}

// Who answers a probe is there, also if the answer comes by a slow relay, after something newer
// by a quick one that did not end the probe: a member that is told of failures, and one whom
// others named, who comes in.
func TestAnswerBySlowRelay(t *testing.T) {
	far, quick, slow := stranger(0x90), stranger(0x20), stranger(0x30)
	for name, begin := range map[string]func(*solo){
		"told": func(s *solo) {
			s.Learn(far, pastry.Place{Leaf: true, Table: true})
			s.step(machine.Input{Kind: machine.InCall, Call: func() { s.Tell(far.ID) }})
		},
		"named": func(s *solo) {
			s.hear(quick, &msg.LeafProbe{Active: true, Leaf: []*peer.Handle{far}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := soloAt(t, 0x10)
			for _, h := range []*peer.Handle{quick, slow} {
				s.Learn(h, pastry.Place{Leaf: true, Table: true})
			}
			say := func(by *peer.Handle, num uint64, m wire.Message) {
				inner, err := msg.Messages.Encode(m)
				if err != nil {
					t.Fatal(err)
				}
				r := &msg.Relay{From: far, To: id.Tiny(0x10), Num: num, Inner: inner}
				r.Sig = standin.NewSigner(9, 0x90).Sign(r.Text(id.Hash{}))
				s.hear(by, r)
			}
			begin(s)
			i := slices.IndexFunc(s.sent, func(e sent) bool {
				m, is := e.msg.(*msg.LeafProbe)
				return is && !m.Reply && e.to.ID == far.ID
			})
			if i < 0 {
				t.Fatal("it is not probed")
			}
			answer := &msg.LeafProbe{Reply: true, Num: s.sent[i].msg.(*msg.LeafProbe).Num, Active: true}
			if say(quick, 101, &msg.Ping{Seq: 1}); !s.Alive(far.ID) {
				t.Fatal("who gave a sign of life is not alive")
			}
			if s.run(time.Second); s.Alive(far.ID) {
				t.Fatal("who left a try unanswered is not suspected")
			}
			if say(slow, 100, answer); !s.Alive(far.ID) {
				t.Error("who answered is not alive")
			}
			if !slices.ContainsFunc(s.View(clockAt(s.now)).Leaf, func(h *peer.Handle) bool { return h.ID == far.ID }) {
				t.Error("who answered is not in the leaf set")
			}
		})
	}
}

// Who leaves a probe unanswered is asked past its link too, each time through another member: the one
// that is known to reach it, then those that stand nearest to it, whose leaf sets hold it. Who found it dead does
// not hand on, and where others may, two tries are enough after its word, if the link was not known to be broken.
func TestWhoHandsProbesOn(t *testing.T) {
	for _, c := range []struct {
		what    string
		members []uint8
		teller  uint8 // who found it dead; 0: its link ended
		via     uint8 // by whom it was heard just now; 0: by its own link
		relays  []uint8
		tries   int
	}{
		{"by itself", nil, 0, 0, []uint8{0x22, 0x1f}, 3},
		{"after the word of one beside it", nil, 0x22, 0, []uint8{0x1f}, 2},
		{"after the word of one far off", nil, 0x2c, 0, []uint8{0x22}, 2},
		{"over a detour", nil, 0x22, 0x2b, []uint8{0x2b, 0x1f, 0x23}, 3},
		{"nobody else is there", []uint8{0x21, 0x22}, 0x22, 0, nil, 3},
	} {
		s := soloOf(t, 0x20, 32)
		members := c.members
		for x := uint8(0x10); c.members == nil && x <= 0x30; x++ {
			if x != 0x20 {
				members = append(members, x)
			}
		}
		for _, x := range members {
			s.Learn(stranger(x), pastry.Place{Leaf: true})
		}
		s.SetActive(true)
		silent := stranger(0x21)
		if c.via != 0 {
			inner, err := msg.Messages.Encode(&msg.Ping{Seq: 1})
			if err != nil {
				t.Fatal(err)
			}
			r := &msg.Relay{From: silent, To: id.Tiny(0x20), Num: 1, Inner: inner}
			r.Sig = standin.NewSigner(9, 0x21).Sign(r.Text(id.Hash{}))
			s.hear(stranger(c.via), r)
		}
		s.sent = nil
		if c.teller != 0 {
			s.hear(stranger(c.teller), &msg.LeafProbe{Active: true, Quiet: true, Failed: []msg.Failure{{Node: silent.ID, Incarnation: 1}}})
		} else {
			s.step(machine.Input{Kind: machine.InPeerDown, From: silent, Why: machine.DownLost})
		}
		var relays []uint8
		tries := 0
		for s.now < 4*time.Second {
			for _, e := range s.sent {
				switch m := e.msg.(type) {
				case *msg.Relay:
					if inner, err := msg.Messages.Decode(m.Inner); err != nil {
						t.Fatal(err)
					} else if _, is := inner.(*msg.LeafProbe); is && m.To == silent.ID {
						relays = append(relays, uint8(e.to.ID.Hi>>56))
					}
				case *msg.LeafProbe:
					if e.to.ID == silent.ID && !m.Reply {
						tries++
					}
				}
			}
			s.sent = nil
			for _, x := range members {
				if x != 0x21 {
					s.hear(stranger(x), &msg.Ping{Seq: 1})
				}
			}
			s.run(100 * time.Millisecond)
		}
		if !slices.Equal(relays, c.relays) || tries != c.tries {
			t.Errorf("%s: it was asked %d times, and past its link by %x, want %d and %x", c.what, tries, relays, c.tries, c.relays)
		}
	}
}

// A message is on its way to a node of which others named a later life than it has. It is met by its own link, and the message
// has an outcome by that.
func TestOnTheWayToAnInventedLife(t *testing.T) {
	s := soloAt(t, 0x10)
	later := stranger(0x80)
	later.Incarnation = 2
	s.call(func() { s.app.ep.Route(id.Tiny(0x80), []byte("x"), later) })
	s.step(machine.Input{Kind: machine.InPeerUp, From: stranger(0x80)})
	s.run(time.Minute)
}

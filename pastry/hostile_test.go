package pastry_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

// What members that lie get: RELIABILITY.md, section 5, as far as it is the
// overlay's. Messages beyond the limits (row 14) stand in msg_test.go.

// Row 12: a message of an unknown kind is an error, unless its kind may be skipped;
// one of an unknown version is refused.
func TestUnknownMessages(t *testing.T) {
	for k := range 256 {
		var unknown *wire.UnknownKindError
		_, err := msg.Messages.Decode([]byte{byte(k), 0xa0})
		if errors.As(err, &unknown) && unknown.Skip != (k >= 128) {
			t.Errorf("kind %d: skip %v", k, unknown.Skip)
		}
		if k >= 19 && unknown == nil {
			t.Errorf("kind %d: %v", k, err)
		}
	}
}

// passing is a message on its way from far to a key, as a neighbour hands it over.
func passing(seq uint32, key uint8, f func(*msg.Hop)) *msg.Hop {
	m := &msg.Hop{Seq: seq, Epoch: 1, Count: 1, Path: []byte{0xaa, 0, 0, 0}, Route: &msg.Routed{Key: id.Tiny(key), Origin: stranger(0xaa), Num: 7,
		Attempt: 1, Want: true, Env: wire.Envelope{Version: 1, App: appNumber, Payload: []byte("x")}}}
	f(m)
	return m
}

// Row 19: a hop count of 255, or a way that led here before, ends a message; its
// origin gets a typed error.
func TestHopLimitAndLoop(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(*msg.Hop)
		code uint8
	}{
		{"255 hops", func(m *msg.Hop) { m.Count = 255 }, msg.ReplyHopLimit},
		{"32 hops", func(m *msg.Hop) { m.Count = 32 }, msg.ReplyHopLimit},
		{"loop", func(m *msg.Hop) { m.Count, m.Path = 2, []byte{0xaa, 0, 0, 0, 0x10, 0, 0, 0} }, msg.ReplyLoop},
		{"31 hops", func(m *msg.Hop) { m.Count = 31 }, msg.ReplyAnswer},
	} {
		s := soloAt(t, 0x10)
		s.hear(stranger(0x20), passing(1, 0x10, c.f))
		if rs := took[*msg.Reply](s); len(rs) != 1 || rs[0].Code != c.code || rs[0].Num != 7 {
			t.Errorf("%s: the origin gets %v", c.name, rs)
		}
	}
}

// The origin of a message that went in a circle, or nowhere, learns of it, once.
func TestOriginLearnsOfLoops(t *testing.T) {
	t.Parallel()
	w := grow(t, 20, coded(1))
	from := w.pick()
	bad := w.pick()
	for _, a := range w.apps {
		a.forward = func(t *kbr.Transit) bool { // whoever gets it sends it back there
			if t.Next.ID != w.Sim.Handle(from).ID {
				t.Next = w.Sim.Handle(bad)
			}
			return true
		}
	}
	w.apps[bad].forward = func(t *kbr.Transit) bool {
		t.Next = w.Sim.Handle((bad + 1) % 20)
		return true
	}
	if o := w.ask(from, w.key(), kbr.Options{Timeout: 8 * time.Second}); o.count != 1 || !errors.Is(o.err, kbr.ErrLoop) {
		t.Errorf("%d outcomes, %v, want %v", o.count, o.err, kbr.ErrLoop)
	}
}

// A message that was brought to the limit of what it may carry must not make the
// honest node that passes it on send what its next hop refuses.
func TestNothingGrowsBeyondItsLimits(t *testing.T) {
	full := &peer.Handle{ID: id.Tiny(0x77), Key: peer.Key{1}, Incarnation: 1}
	for range peer.MaxAddrs {
		full.Addrs = append(full.Addrs, string(bytes.Repeat([]byte("a"), peer.MaxAddrLen)))
	}
	for _, c := range []struct {
		name string
		f    func(*msg.Hop)
	}{
		{"path", func(m *msg.Hop) { m.Count, m.Path = 31, make([]byte, 4*31) }},
		{"trail", func(m *msg.Hop) {
			m.Count, m.Trail, m.Route.Env.Flags = 31, make([]msg.Trail, 31), wire.FlagTrace
			for i, h := range many(31) {
				m.Trail[i].Node = h
			}
		}},
		{"trail and payload", func(m *msg.Hop) {
			m.Count, m.Route.Env.Flags, m.Route.Env.Payload = 12, wire.FlagTrace, make([]byte, wire.MaxPayload)
			for range 12 {
				m.Trail = append(m.Trail, msg.Trail{Node: full})
			}
		}},
		{"rows", func(m *msg.Hop) {
			for i, all := 0, many(msg.MaxTable); len(all) > 0; i++ {
				k := min(len(all), 200)
				m.Join = append(m.Join, msg.Row{Index: uint8(i), Nodes: all[:k]})
				all = all[k:]
			}
			m.Route.Join = true
			m.Route.Origin = stranger(0x81)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := soloAt(t, 0x10)
			for _, x := range []uint8{0x20, 0x80, 0xe0} {
				s.Learn(stranger(x), pastry.Place{Leaf: true, Table: true})
			}
			s.hear(stranger(0x20), passing(1, 0x81, c.f))
			s.hear(stranger(0x20), passing(2, 0x10, c.f))
			s.run(5 * time.Second)
		})
	}
}

// Row 20: who claims another's request gets no answer himself; the node whose name he
// used gets one, over its own link, and it changes nothing there.
func TestAnswersGoToTheOriginAlone(t *testing.T) {
	s := soloAt(t, 0x10)
	liar, victim := stranger(0x20), stranger(0xaa)
	before := fmt.Sprintf("%+v", s.View(clockAt(s.now)))
	s.hear(liar, passing(1, 0x10, func(*msg.Hop) {}))
	s.run(100 * time.Millisecond)
	replies := 0
	for _, e := range s.sent {
		if _, is := e.msg.(*msg.Reply); is {
			replies++
			if e.to.ID != victim.ID {
				t.Errorf("an answer went to %s", e.to.ID.Short())
			}
		}
	}
	if replies != 1 {
		t.Errorf("%d answers to one request", replies)
	}
	if after := fmt.Sprintf("%+v", s.View(clockAt(s.now))); after != before {
		t.Errorf("a message changed what the node knows:\n%s\n%s", before, after)
	}

	other := soloAt(t, 0xaa) // the victim asked nothing
	other.hear(stranger(0x10), &msg.Reply{Num: 7, Code: msg.ReplyAnswer, Payload: []byte("x")})
	if len(other.sent) != 0 {
		t.Errorf("an answer to no question makes the node send %v", other.sent)
	}
}

// An application that answers twice, or late, has answered once.
func TestOneAnswer(t *testing.T) {
	s := soloAt(t, 0x10)
	var late func([]byte, *kbr.RefusedError)
	s.app.deliver = func(d *kbr.Delivery) {
		late = d.Answer
		d.Reply([]byte("first"))
		d.Reply([]byte("second"))
	}
	s.hear(stranger(0x20), passing(1, 0x10, func(*msg.Hop) {}))
	s.step(machine.Input{Kind: machine.InCall, Call: func() { late(nil, &kbr.RefusedError{Code: 1}) }})
	if rs := took[*msg.Reply](s); len(rs) != 1 || string(rs[0].Payload) != "first" {
		t.Errorf("the origin gets %v", rs)
	}
}

// Row 16: a leaf set with the receiver's own id, in any order, with nodes that nobody
// can reach. It is asked, not believed: nothing of it enters.
func TestForgedLeafSet(t *testing.T) {
	t.Parallel()
	w := grow(t, 30, coded(2))
	liar, victim := sim.NodeRef(3), sim.NodeRef(11)
	self := w.Sim.Handle(victim).ID
	known := w.View(victim)
	for round := range 5 {
		hs := []*peer.Handle{{ID: self, Key: peer.Key{6}, Incarnation: 99, Addrs: []string{"evil"}}}
		for i := range 31 { // nearer than anybody, on both sides
			x := self.Add(id.ID{Lo: uint64(i + 1 + 100*round)})
			if i%2 == 1 {
				x = self.Sub(id.ID{Lo: uint64(i + 1 + 100*round)})
			}
			hs = append(hs, &peer.Handle{ID: x, Key: peer.Key{byte(i), 5}, Incarnation: 1, Addrs: []string{"192.0.2.1"}})
		}
		for _, h := range known.Leaf { // real ones, with another key and a later life
			hs = append(hs, &peer.Handle{ID: h.ID, Key: peer.Key{7}, Incarnation: 1 << 60, Addrs: []string{"evil"}})
		}
		w.Rand().Shuffle(len(hs), func(i, j int) { hs[i], hs[j] = hs[j], hs[i] })
		w.send(liar, victim, &msg.LeafProbe{Active: true, Leaf: hs, Num: 1})
		w.send(liar, victim, &msg.RowAnnounce{Nodes: hs[:20]})
		w.mustReach(5)
		w.Sim.RunFor(5 * time.Second)
	}
	w.Sim.RunFor(20 * time.Second)
	if w.inexact(32) != 0 {
		t.Errorf("%d nodes have another leaf set than before", w.inexact(32))
	}
	for _, h := range w.View(victim).Leaf {
		if n, ok := w.Sim.Find(h.ID); !ok || h.Key != w.Sim.Handle(n).Key || h.Incarnation != w.Sim.Handle(n).Incarnation {
			t.Errorf("the leaf set has %v with another key or life", h)
		}
	}
	w.check(32)
}

// send lets a member send a message that its node would not.
func (w *world) send(from, to sim.NodeRef, m wire.Message) {
	w.Sim.Call(from, func() { w.Node(from).Send(w.Sim.Handle(to), machine.ClassLiveness, m) })
}

// A forged failure is verified, not believed, also if it says that the process is
// gone.
func TestForgedFailures(t *testing.T) {
	t.Parallel()
	verdicts := 0
	c := coded(3)
	c.Tune = func(p *pastry.Config) { p.Observe.Verdict = func(*pastry.Node, *peer.Handle) { verdicts++ } }
	w := grow(t, 20, c)
	const liar, victim = sim.NodeRef(0), sim.NodeRef(7)
	h := w.Sim.Handle(victim)
	for range 20 {
		for _, n := range w.Live() {
			if n != liar {
				w.send(liar, n, &msg.LeafProbe{Active: true, Quiet: true, Failed: []msg.Failure{{Node: h.ID, Incarnation: h.Incarnation, Closed: true}}})
			}
		}
		w.Sim.RunFor(500 * time.Millisecond)
		if who := w.claimants(h.ID); len(who) != 1 || who[0] != victim {
			t.Fatalf("the key of the slandered node is claimed by %v", who)
		}
	}
	if verdicts != 0 {
		t.Errorf("%d verdicts about nodes that live", verdicts)
	}
	w.check(32)
}

// Row 18: a joining node with the id of a member takes nothing from it.
func TestJoinWithTheIDOfAMember(t *testing.T) {
	w := grow(t, 12, coded(4))
	const liar, victim = sim.NodeRef(0), sim.NodeRef(7)
	h := w.Sim.Handle(victim)
	fake := &peer.Handle{ID: h.ID, Key: peer.Key{9}, Incarnation: h.Incarnation + 5, Addrs: []string{"evil"}}
	for i, n := range w.Live() {
		if n == liar {
			continue
		}
		w.send(liar, n, &msg.Hop{Seq: uint32(1000 + i), Epoch: 1 << 20, Count: 1, Path: []byte{1, 2, 3, 4},
			Route: &msg.Routed{Key: h.ID, Origin: fake, Num: uint64(i), Join: true, Env: wire.Envelope{Version: 1}}})
		w.send(liar, n, &msg.Introduce{Seq: 1, Joiner: fake})
	}
	w.Sim.RunFor(10 * time.Second)
	for _, n := range w.Live() {
		for _, m := range w.View(n).Leaf {
			if m.ID == h.ID && m.Key != h.Key {
				t.Errorf("node %d has the impostor in its leaf set", n)
			}
		}
	}
	w.check(32)
	for range 10 {
		key := w.key()
		if o := w.ask(5, key, kbr.Options{}); o.err != nil || o.by() != w.Sim.Handle(w.root(key)).ID {
			t.Errorf("%v, answered by %s", o.err, o.by().Short())
		}
	}
}

// Introductions of nodes that do not exist cost the receiver none of its neighbours
// (row 16: a leaf set full of nodes nearer than the true ones).
func TestInventedNewcomers(t *testing.T) {
	t.Parallel()
	w := grow(t, 20, coded(5))
	const liar, victim = sim.NodeRef(0), sim.NodeRef(7)
	self := w.Sim.Handle(victim).ID
	for i := range 64 {
		x := self.Add(id.ID{Lo: uint64(i + 1)})
		if i%2 == 1 {
			x = self.Sub(id.ID{Lo: uint64(i + 1)})
		}
		w.send(liar, victim, &msg.Introduce{Seq: uint32(i + 1), Joiner: &peer.Handle{ID: x, Key: peer.Key{byte(i), 8}, Incarnation: 1, Addrs: []string{"nowhere"}}})
	}
	for range 80 {
		w.Sim.RunFor(500 * time.Millisecond)
		if who := w.claimants(self); len(who) != 1 || who[0] != victim {
			t.Fatalf("at %v the key of the victim is claimed by %v", w.Sim.Now(), who)
		}
		if v := w.View(victim); len(v.Left) < 8 || len(v.Right) < 8 {
			t.Fatalf("at %v the victim knows %d left and %d right neighbours", w.Sim.Now(), len(v.Left), len(v.Right))
		}
	}
	w.check(32)
}

// What others name is forgotten again, and never more than some thousands of it kept.
func TestInventedNodesAreForgotten(t *testing.T) {
	simtest.WithoutRace(t)
	s := soloAt(t, 0x10)
	liar := stranger(0x20)
	rounds := 400
	if simtest.Race {
		rounds = 150
	}
	for i := range rounds {
		var hs []*peer.Handle
		for k := range 64 {
			hs = append(hs, &peer.Handle{ID: id.ID{Hi: uint64(i)<<40 | uint64(k)<<20, Lo: 1}, Key: peer.Key{1}, Incarnation: 1, Addrs: []string{"nowhere"}})
		}
		s.hear(liar, &msg.LeafProbe{Active: true, Leaf: hs, Num: uint32(i + 1)})
		s.hear(liar, &msg.RowAnnounce{Row: 0, Nodes: hs})
		s.hear(liar, passing(uint32(i+1), 0x10, func(m *msg.Hop) { m.Route.Origin, m.Route.Num = hs[0], uint64(i) }))
		s.run(10 * time.Millisecond)
	}
	if n := s.Contacts(); n > 8192 {
		t.Errorf("%d nodes are remembered", n)
	}
	if asked := len(s.sent); asked > 5000 {
		t.Errorf("%d messages of a liar made the node send %d", 3*rounds, asked)
	}
	s.run(10 * time.Minute)
	if n := s.Contacts(); n > 100 {
		t.Errorf("%d nodes are remembered after 10 min", n)
	}
}

// A relayed message counts only if its author signed it, for this node, and once.
func TestRelayedMessages(t *testing.T) {
	author, by := stranger(0x80), stranger(0x20)
	signer := standin.NewSigner(9, 0x80)
	goodbye, err := msg.Messages.Encode(&msg.Leave{Incarnation: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		f       func(*msg.Relay)
		signer  peer.Signer
		believe bool
	}{
		{"true", func(*msg.Relay) {}, signer, true},
		{"signed by another", func(*msg.Relay) {}, standin.NewSigner(9, 0x20), false},
		{"for another node", func(m *msg.Relay) { m.To = id.Tiny(0x11) }, signer, false},
		{"of another life", func(m *msg.Relay) { h := *author; h.Incarnation = 2; m.From = &h }, signer, false},
		{"nonsense inside", func(m *msg.Relay) { m.Inner = []byte{1, 2, 3} }, signer, false},
	} {
		s := soloAt(t, 0x10)
		for _, h := range []*peer.Handle{author, by} {
			s.Learn(h, pastry.Place{Leaf: true})
		}
		m := &msg.Relay{From: author, To: id.Tiny(0x10), Num: 1, Inner: goodbye}
		c.f(m)
		m.Sig = c.signer.Sign(m.Text(id.Hash{}))
		s.hear(by, m)
		gone := !slices.ContainsFunc(s.View(clockAt(s.now)).Leaf, func(h *peer.Handle) bool { return h.ID == author.ID })
		if gone != c.believe {
			t.Errorf("%s: believed %v", c.name, gone)
		}
	}
}

// Answers and grants that nobody asked for change nothing.
func TestUnaskedAnswers(t *testing.T) {
	w := grow(t, 8, lab.Config{Seed: 6})
	const liar, victim = sim.NodeRef(0), sim.NodeRef(5)
	other := w.Sim.Handle(3)
	for _, m := range []wire.Message{
		&msg.JoinReply{Num: 1, Leaf: []*peer.Handle{{ID: id.Tiny(1), Key: peer.Key{1}}}},
		&msg.StateReply{Seq: 1, What: msg.AskLeaf, Nodes: []*peer.Handle{{ID: id.Tiny(2), Key: peer.Key{1}}}},
		&msg.Introduced{Seq: 1}, &msg.Pong{Seq: 1, Active: true}, &msg.Ack{Seqs: []uint32{1, 2, 3}},
		&msg.Reply{Num: 1, Code: msg.ReplyAnswer}, &msg.Lease{Grant: 1, Length: 1 << 31},
		&msg.Lease{Deny: 1, Nearer: &peer.Handle{ID: id.Tiny(3), Key: peer.Key{1}}},
		&msg.Leave{Incarnation: 77}, &msg.StateRequest{Seq: 1, What: 200, Row: 255}, &msg.StateRequest{Seq: 2, What: msg.AskRow, Row: 255},
		&msg.LeafProbe{Failed: []msg.Failure{{Node: other.ID, Incarnation: 99, Closed: true}, {Node: w.Sim.Handle(victim).ID, Incarnation: 1}}},
	} {
		w.send(liar, victim, m)
	}
	w.Sim.RunFor(10 * time.Second)
	w.check(32)
	w.mustReach(5)
}

// An acknowledgement that is late, of a link's earlier epoch, must not stand for a
// message that was sent since.
func TestLateAcknowledgement(t *testing.T) {
	s := soloAt(t, 0x10)
	next := stranger(0x80)
	s.Learn(next, pastry.Place{Leaf: true, Table: true})
	ask := func() {
		s.step(machine.Input{Kind: machine.InCall, Call: func() { s.app.ep.Route(id.Tiny(0x80), []byte("x"), nil) }})
	}
	ask()
	old := took[*msg.Hop](s)
	if len(old) != 1 {
		t.Fatalf("%d hops were sent", len(old))
	}
	s.run(20 * time.Second) // nobody answers: 80 is found dead
	s.sent = nil
	s.Learn(next, pastry.Place{Leaf: true, Table: true})
	ask()
	fresh := took[*msg.Hop](s)
	if len(fresh) == 0 || fresh[0].Epoch == old[0].Epoch {
		t.Fatalf("the link has no new epoch: %v", fresh)
	}
	s.hear(next, &msg.Ack{Seqs: []uint32{old[0].Seq}})
	s.run(2 * time.Second)
	if again := took[*msg.Hop](s); len(again) == 0 {
		t.Error("a late acknowledgement of an earlier epoch ended the custody of a new message")
	}
}

// A node that was found dead is not raised by an echo of its former life, a frame that
// was long on its way: it has to answer a probe.
func TestEchoesDoNotRaiseTheDead(t *testing.T) {
	s := soloAt(t, 0x10)
	other := stranger(0x80)
	s.hear(other, &msg.LeafProbe{Active: true, Num: 1})
	member := func() bool { return len(s.View(clockAt(s.now)).Leaf) > 0 }
	if !member() {
		t.Fatal("who spoke is no member")
	}
	s.step(machine.Input{Kind: machine.InPeerDown, From: other, Why: machine.DownRefused})
	s.run(time.Minute)
	if member() {
		t.Fatal("who was refused by, and is silent, is still a member")
	}
	s.sent = nil
	for num := range uint32(3) {
		s.hear(other, &msg.LeafProbe{Active: true, Num: 90 + num}) // an echo
		s.hear(other, &msg.LeafProbe{Active: true, Reply: true, Num: 90 + num})
		if member() {
			t.Fatal("an echo raised the dead")
		}
	}
	var asked *msg.LeafProbe
	for _, p := range took[*msg.LeafProbe](s) {
		if !p.Reply && !p.Quiet {
			asked = p
		}
	}
	if asked == nil {
		t.Fatal("the node does not ask whether the dead one is there")
	}
	s.hear(other, &msg.LeafProbe{Active: true, Reply: true, Num: asked.Num})
	if !member() {
		t.Error("who answered a probe is no member")
	}
}

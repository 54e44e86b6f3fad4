package pastry_test

import (
	"math"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

// What one member, or one message, can make others do: RELIABILITY.md, sections 3 and 5.

// joining is a request to join of a node with the given number, as a neighbour hands it on.
func joining(seq uint32, key uint8, h *peer.Handle, num uint64) *msg.Hop {
	return passing(seq, key, func(m *msg.Hop) {
		m.Route = &msg.Routed{Key: id.Tiny(key), Origin: h, Num: num, Join: true, Env: wire.Envelope{Version: 1}}
	})
}

// member is a node with two neighbours, of which the test plays all.
func member(t *testing.T) *solo {
	s := soloAt(t, 0x10)
	for _, x := range []uint8{0x20, 0x80} {
		s.Learn(stranger(x), pastry.Place{Leaf: true, Table: true})
	}
	return s
}

// Row 18: of 1,000 nodes that join within a second through one root, 20 are served; the
// others are told to wait.
func TestJoinStorm(t *testing.T) {
	s := soloAt(t, 0x10)
	for i := range 1000 {
		h := &peer.Handle{ID: id.ID{Hi: 0x10<<56 | uint64(i+1), Lo: 1}, Key: peer.Key{byte(i), byte(i >> 8), 3}, Incarnation: 1, Addrs: []string{"a"}}
		s.hear(stranger(0x20), joining(uint32(i+1), 0x10, h, uint64(i+1)))
		s.run(time.Millisecond)
	}
	s.run(10 * time.Second)
	served, told := 0, 0
	for _, r := range took[*msg.JoinReply](s) {
		if r.Wait {
			told++
		} else {
			served++
		}
	}
	if served < 20 || served > 41 || served+told != 1000 {
		t.Errorf("%d were served and %d told to wait, want 20 a second (and as many at once) of 1,000", served, told)
	}
}

// Row 18: who lives, or lived, in the ring under an id is not introduced anew by an echo
// or a replay of its request, nor is another under its id.
func TestJoinOfTheLiving(t *testing.T) {
	alive := stranger(0x20)
	for _, c := range []struct {
		name string
		h    *peer.Handle
		want int
	}{
		{"a member", alive, 0},
		{"a member's earlier life", &peer.Handle{ID: alive.ID, Key: alive.Key, Addrs: alive.Addrs}, 0},
		{"another with its id", &peer.Handle{ID: alive.ID, Key: peer.Key{9}, Incarnation: 7, Addrs: alive.Addrs}, 0},
		{"its next life", &peer.Handle{ID: alive.ID, Key: alive.Key, Incarnation: 2, Addrs: alive.Addrs}, 1},
		{"a stranger", stranger(0x15), 1},
	} {
		s := soloAt(t, 0x10)
		if c.want == 0 { // otherwise the root is alone, and so ready
			s.hear(alive, &msg.LeafProbe{Active: true, Num: 1})
		}
		s.sent = nil
		for seq := range uint32(3) { // once, and replayed
			s.hear(stranger(0xf0), joining(seq+1, 0x10, c.h, 77))
			s.run(200 * time.Millisecond)
		}
		if rs := took[*msg.JoinReply](s); len(rs) != c.want {
			t.Errorf("%s: %d answers, want %d", c.name, len(rs), c.want)
		}
	}
}

// Row 21: what was heard once is not heard again: within a second, and, where a signature
// vouches for its author, an hour later.
func TestReplays(t *testing.T) {
	author, by := stranger(0x80), stranger(0x20)
	inner, err := msg.Messages.Encode(&msg.Ping{Seq: 9})
	if err != nil {
		t.Fatal(err)
	}
	relay := &msg.Relay{From: author, To: id.Tiny(0x10), Num: 1, Inner: inner}
	relay.Sig = standin.NewSigner(9, 0x80).Sign(relay.Text(id.Hash{}))
	for _, c := range []struct {
		name string
		m    func(i uint32) wire.Message
		wait time.Duration
		done func(s *solo) int
	}{
		{"direct, at once", func(uint32) wire.Message {
			return &msg.Direct{Num: 5, Env: wire.Envelope{Version: 1, App: appNumber, Payload: []byte("x")}}
		}, time.Second / 2, func(s *solo) int { return len(s.app.got) }},
		{"routed, by the same hop", func(uint32) wire.Message { return passing(1, 0x10, func(*msg.Hop) {}) }, time.Second / 2,
			func(s *solo) int { return len(s.app.got) }},
		{"routed, by another hop", func(i uint32) wire.Message { return passing(i, 0x10, func(*msg.Hop) {}) }, time.Minute,
			func(s *solo) int { return len(s.app.got) }},
		{"relayed", func(uint32) wire.Message { return relay }, time.Second / 2, func(s *solo) int { return len(took[*msg.Relay](s)) }},
	} {
		s := soloAt(t, 0x10)
		s.hear(author, &msg.Pong{})
		done := 0
		for i := range uint32(3) {
			s.hear(by, c.m(i+1))
			done += c.done(s)
			s.app.got = nil
			s.run(c.wait)
		}
		if done != 1 {
			t.Errorf("%s: heard %d times", c.name, done)
		}
		if c.name == "relayed" {
			s.run(time.Hour)
			s.hear(author, &msg.Pong{})
			s.hear(by, relay)
			if c.done(s) != 0 {
				t.Error("a relayed message is heard again an hour later")
			}
		}
	}
}

// Row 29: numbers beyond all reason, in every field that has one, are clamped or do no
// more than a reasonable one: the node goes on, claims its keys again when the liar is
// silent, and asks about as much as before.
func TestAbsurdNumbers(t *testing.T) {
	const big = math.MaxUint32
	liar := stranger(0x20)
	for _, m := range []wire.Message{
		&msg.Lease{Ask: big, For: big, Right: true, Ready: true, Active: true, Period: big, Expulsions: math.MaxUint64},
		&msg.Lease{Ask: big, For: big, Active: true, Period: 0},
		&msg.Lease{Grant: big, Deny: big, Release: big, Length: big},
		&msg.LeafProbe{Active: true, Period: big, Num: big, Failed: []msg.Failure{{Node: id.Tiny(0x80), Incarnation: math.MaxUint64, Closed: true}}},
		&msg.StateRequest{Seq: big, What: 255, Row: 255},
		&msg.StateReply{Seq: big, What: 255, Row: 255},
		&msg.RowAnnounce{Row: 255, RTT: big, Nodes: []*peer.Handle{stranger(0x90)}},
		&msg.Ping{Seq: big}, &msg.Pong{Seq: big},
		&msg.Ack{Seqs: []uint32{big, 0, big}},
		&msg.Leave{Incarnation: math.MaxUint64},
		&msg.Moved{Seq: big, Self: &peer.Handle{ID: liar.ID, Key: liar.Key, Incarnation: math.MaxUint64, Moves: big, Addrs: []string{"a"}}},
		&msg.Reply{Num: math.MaxUint64, Code: 255, App: math.MaxUint16, Hops: 255, Attempt: 255, Trail: []msg.Trail{{Node: liar, RTT: big}}},
		passing(big, 0x10, func(m *msg.Hop) { m.Epoch, m.Route.Attempt, m.Route.Num = big, 255, math.MaxUint64 }),
		passing(1, 0x10, func(m *msg.Hop) {
			m.Route.Join, m.Join = true, []msg.Row{{Index: 255, Nodes: []*peer.Handle{stranger(0x70)}}}
		}),
	} {
		s := member(t)
		s.hear(liar, m)
		s.hear(liar, m)
		s.run(2 * time.Minute) // all others are silent, and die
		s.sent = nil
		s.run(10 * time.Minute)
		if !s.Claims(clockAt(s.now), id.Tiny(0x12)) {
			t.Errorf("after %T the node does not claim its keys again", m)
		}
		if n := len(s.sent); n > 400 {
			t.Errorf("after %T the node sends %d messages in 10 min", m, n)
		}
		s.hear(stranger(0x30), &msg.Ping{Seq: 1})
		if ps := took[*msg.Pong](s); len(ps) != 1 {
			t.Errorf("after %T a ping has %d answers", m, len(ps))
		}
	}
}

// A member that broadcasts without end, or under invented names, makes the others work
// no more than the rate allows.
func TestBroadcastFlood(t *testing.T) {
	for _, invent := range []bool{false, true} {
		s := member(t)
		for i := range 2000 {
			origin := stranger(0x20)
			if invent {
				origin = &peer.Handle{ID: id.ID{Hi: uint64(i + 1), Lo: 7}, Key: peer.Key{1}, Incarnation: 1}
			}
			s.hear(stranger(0x20), &msg.Hop{Seq: uint32(i + 1), Epoch: 1, Count: 1, Cast: &msg.Cast{Origin: origin, Num: uint64(i),
				Part: id.Range{Full: true}, Env: wire.Envelope{Version: 1, App: appNumber, Payload: []byte("x")}}})
			s.run(time.Millisecond)
		}
		limit := map[bool]int{false: 16 + 2*4, true: 80 + 2*40}[invent]
		if n := len(s.app.got); n == 0 || n > limit+1 {
			t.Errorf("invented names %v: %d broadcasts of 2,000 were taken, at most %d", invent, n, limit)
		}
	}
}

// One request of a member, of whatever kind, causes at most 64 messages in all, those of
// the leases that it makes short included. The exceptions are a broadcast, one message
// and its acknowledgement for each node, and a join, which are limited in rate.
func TestAmplification(t *testing.T) {
	simtest.WithoutRace(t)
	t.Parallel()
	const nodes = 70
	messages := func(seed uint64, request func(*world, kbr.Endpoint)) int {
		w := grow(t, nodes, linked(seed))
		w.Sim.RunFor(time.Minute)
		before := w.Truth.Sent
		w.Sim.Call(5, func() { request(w, w.apps[5].ep) })
		w.Sim.RunFor(20 * time.Second)
		return w.Truth.Sent - before
	}
	without := make(map[uint64]int)
	for i := range 2 {
		seed := uint64(3 + i)
		without[seed] = messages(seed, func(*world, kbr.Endpoint) {})
	}
	for _, c := range []struct {
		name string
		f    func(w *world, ep kbr.Endpoint)
	}{
		{"route", func(w *world, ep kbr.Endpoint) { ep.Route(w.key(), []byte("x"), nil) }},
		{"request", func(w *world, ep kbr.Endpoint) {
			ep.Request(w.key(), []byte("x"), kbr.Options{Trace: true}, func(kbr.Answer, error) {})
		}},
		{"ask", func(w *world, ep kbr.Endpoint) {
			ep.Ask(w.Sim.Handle(40), []byte("x"), kbr.Options{}, func(kbr.Answer, error) {})
		}},
		{"send", func(w *world, ep kbr.Endpoint) { ep.Send(w.Sim.Handle(41), []byte("x"), nil) }},
		{"find", func(w *world, ep kbr.Endpoint) { ep.Find(w.Sim.Handle(42).ID, func(*peer.Handle, error) {}) }},
		{"find nobody", func(w *world, ep kbr.Endpoint) { ep.Find(w.key(), func(*peer.Handle, error) {}) }},
		{"watch", func(w *world, ep kbr.Endpoint) { ep.Watch(w.Sim.Handle(43), func(kbr.Down) {}) }},
	} {
		for seed, quiet := range without {
			if n := messages(seed, c.f) - quiet; n > 64 {
				t.Errorf("%s, seed %d: %d messages, at most 64", c.name, seed, n)
			}
		}
	}
	for _, c := range []struct {
		name string
		m    wire.Message
	}{
		{"ping", &msg.Ping{Seq: 1}}, {"state", &msg.StateRequest{Seq: 1, What: msg.AskLeaf}},
		{"lease", &msg.Lease{Ask: 1, For: 1000}}, {"introduce", &msg.Introduce{Seq: 1, Joiner: stranger(0x77)}},
		{"leaf probe", &msg.LeafProbe{Num: 1, Active: true, Failed: []msg.Failure{{Node: id.Tiny(0x80), Incarnation: 1, Closed: true}}}},
		{"leave", &msg.Leave{Incarnation: 1}},
	} {
		s := member(t)
		s.sent = nil
		quiet := member(t)
		quiet.sent = nil
		s.hear(stranger(0x20), c.m)
		s.run(10 * time.Second)
		quiet.run(10 * time.Second)
		if n := len(s.sent) - len(quiet.sent); n > 32 {
			t.Errorf("%s: the receiver sends %d messages, at most 32", c.name, n)
		}
	}
}

// A broadcast costs about two messages for each node: the one and its acknowledgement.
func TestBroadcastCost(t *testing.T) {
	t.Parallel()
	w := grow(t, 70, linked(9))
	w.Sim.RunFor(time.Minute)
	before := w.Sim.Counts().ByKind
	w.broadcast(4, everywhere, 3*time.Second)
	after := w.Sim.Counts().ByKind
	if n := after[1] - before[1] + after[2] - before[2]; n < 69 || n > 2*70 {
		t.Errorf("a broadcast to 70 nodes takes %d messages", n)
	}
}

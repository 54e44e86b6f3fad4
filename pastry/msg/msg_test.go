package msg_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

var (
	drawID = rapid.Custom(func(t *rapid.T) id.ID {
		return id.ID{Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64Min(1).Draw(t, "lo")}
	})
	drawHandle = rapid.Custom(func(t *rapid.T) *peer.Handle {
		h := &peer.Handle{ID: drawID.Draw(t, "id"), Incarnation: rapid.Uint64().Draw(t, "incarnation")}
		copy(h.Key[:], rapid.SliceOfN(rapid.Byte(), peer.KeySize, peer.KeySize).Draw(t, "key"))
		h.Addrs = some(t, 0, 3, rapid.StringMatching(`/ip4/[0-9]{1,3}/tcp/[0-9]{1,5}`))
		return h
	})
	drawEnvelope = rapid.Custom(func(t *rapid.T) wire.Envelope {
		return wire.Envelope{Version: wire.Version, App: wire.AppID(rapid.Uint16().Draw(t, "app")),
			Flags: wire.Flags(rapid.Uint16().Draw(t, "flags")), Trace: rapid.Uint64().Draw(t, "trace"), Payload: some(t, 0, 99, rapid.Byte())}
	})
	drawTrail = rapid.Custom(func(t *rapid.T) msg.Trail {
		return msg.Trail{Node: drawHandle.Draw(t, "node"), RTT: rapid.Uint32().Draw(t, "rtt")}
	})
	drawRow = rapid.Custom(func(t *rapid.T) msg.Row {
		return msg.Row{Index: rapid.Byte().Draw(t, "index"), Nodes: nodes(t, 3)}
	})
	drawReply = rapid.Custom(func(t *rapid.T) *msg.Reply {
		m := &msg.Reply{Num: rapid.Uint64().Draw(t, "num"), Code: rapid.Byte().Draw(t, "code"), Payload: some(t, 0, 99, rapid.Byte()),
			App: rapid.Uint16().Draw(t, "app"), Text: rapid.StringN(0, 20, msg.MaxText).Draw(t, "text"), Hops: rapid.Byte().Draw(t, "hops"),
			Trail: some(t, 0, 3, drawTrail), Attempt: rapid.Byte().Draw(t, "attempt"), From: drawHandle.Draw(t, "from"),
			To: drawID.Draw(t, "to")}
		if steps := rapid.IntRange(0, 3).Draw(t, "steps"); steps > 0 && !m.To.IsZero() {
			m.Path = slices.Repeat([]byte{rapid.Byte().Draw(t, "print")}, 4*steps)
		}
		return m
	})
)

// some draws a list, which is nil if it is empty, as in what was decoded.
func some[E any](t *rapid.T, from, to int, g *rapid.Generator[E]) []E {
	return slices.Clip(append([]E(nil), rapid.SliceOfN(g, from, to).Draw(t, "list")...))
}

// nodes draws different nodes.
func nodes(t *rapid.T, most int) []*peer.Handle {
	hs := some(t, 0, most, drawHandle)
	for i, h := range hs {
		h.ID.Lo = uint64(i + 1)
	}
	return hs
}

func drawHop(t *rapid.T) *msg.Hop {
	m := &msg.Hop{Seq: rapid.Uint32Min(1).Draw(t, "seq"), Epoch: rapid.Uint32Min(1).Draw(t, "epoch"), Acks: some(t, 0, 5, rapid.Uint32()),
		Count: rapid.Uint8Range(5, msg.MaxHops).Draw(t, "count"), Trail: some(t, 0, 3, drawTrail), Join: some(t, 0, 3, drawRow)}
	for range rapid.IntRange(0, 5).Draw(t, "path") {
		m.Path = append(m.Path, 1, 2, 3, 4)
	}
	if rapid.Bool().Draw(t, "cast") {
		m.Cast = &msg.Cast{Origin: drawHandle.Draw(t, "origin"), Num: rapid.Uint64().Draw(t, "num"),
			Part: id.Range{From: drawID.Draw(t, "from"), To: drawID.Draw(t, "to"), Full: rapid.Bool().Draw(t, "full")}, Env: drawEnvelope.Draw(t, "env")}
		return m
	}
	flag := rapid.Bool()
	m.Route = &msg.Routed{Key: drawID.Draw(t, "key"), Origin: drawHandle.Draw(t, "origin"), Num: rapid.Uint64().Draw(t, "num"),
		Attempt: rapid.Byte().Draw(t, "attempt"), Want: flag.Draw(t, "want"), To: flag.Draw(t, "to"), Join: flag.Draw(t, "join"),
		Found: flag.Draw(t, "found"), Receipt: flag.Draw(t, "receipt"), Straight: flag.Draw(t, "straight"), Env: drawEnvelope.Draw(t, "env")}
	if flag.Draw(t, "back") {
		m.Route.Back = drawReply.Draw(t, "reply")
	}
	return m
}

func drawFailure(t *rapid.T) msg.Failure {
	return msg.Failure{Node: drawID.Draw(t, "node"), Incarnation: rapid.Uint64().Draw(t, "incarnation"), Closed: rapid.Bool().Draw(t, "closed"),
		Announced: rapid.Bool().Draw(t, "announced"), Served: rapid.Bool().Draw(t, "served")}
}

func drawLease(t *rapid.T) *msg.Lease {
	flag, number := rapid.Bool(), rapid.Uint32()
	m := &msg.Lease{Right: flag.Draw(t, "right"), Ask: number.Draw(t, "ask"), For: number.Draw(t, "for"), Grant: number.Draw(t, "grant"),
		Deny: number.Draw(t, "deny"), Length: number.Draw(t, "length"), Other: drawID.Draw(t, "other"), Ready: flag.Draw(t, "ready"),
		Active: flag.Draw(t, "active"), Expulsions: rapid.Uint64().Draw(t, "expulsions"), Between: flag.Draw(t, "between"),
		Release: number.Draw(t, "release"), Beat: number.Draw(t, "beat")}
	if flag.Draw(t, "has nearer") {
		m.Nearer = drawHandle.Draw(t, "nearer")
	}
	return m
}

// messages draws one message of each kind.
func messages(t *rapid.T) []wire.Message {
	flag, b, number, long := rapid.Bool(), rapid.Byte(), rapid.Uint32(), rapid.Uint64()
	return []wire.Message{
		drawHop(t),
		&msg.Ack{Seqs: some(t, 1, 9, number)},
		&msg.LeafProbe{Reply: flag.Draw(t, "reply"), Active: flag.Draw(t, "active"), Leaf: nodes(t, 5), Failed: some(t, 0, 3, rapid.Custom(drawFailure)),
			Expulsions: long.Draw(t, "expulsions"), Period: number.Draw(t, "period"), Quiet: flag.Draw(t, "quiet"), Num: number.Draw(t, "num")},
		drawLease(t),
		&msg.Ping{Seq: number.Draw(t, "seq")},
		&msg.Pong{Seq: number.Draw(t, "seq"), Active: flag.Draw(t, "active")},
		&msg.StateRequest{Seq: number.Draw(t, "seq"), What: b.Draw(t, "what"), Row: b.Draw(t, "row")},
		&msg.StateReply{Seq: number.Draw(t, "seq"), What: b.Draw(t, "what"), Row: b.Draw(t, "row"), Nodes: nodes(t, 5)},
		&msg.Introduce{Seq: number.Draw(t, "seq"), Joiner: drawHandle.Draw(t, "joiner")},
		&msg.Introduced{Seq: number.Draw(t, "seq")},
		&msg.JoinReply{Num: long.Draw(t, "num"), Rows: some(t, 0, 3, drawRow), Leaf: nodes(t, 5), Wait: flag.Draw(t, "wait")},
		&msg.RowAnnounce{Row: b.Draw(t, "row"), Nodes: nodes(t, 5), RTT: number.Draw(t, "rtt")},
		&msg.Direct{Num: long.Draw(t, "num"), Want: flag.Draw(t, "want"), Bare: flag.Draw(t, "bare"), Env: drawEnvelope.Draw(t, "env")},
		drawReply.Draw(t, "reply"),
		&msg.Leave{Incarnation: long.Draw(t, "incarnation")},
		&msg.Relay{From: drawHandle.Draw(t, "from"), To: drawID.Draw(t, "to"), Num: long.Draw(t, "num"), Inner: some(t, 1, 99, b), Sig: make([]byte, peer.SignatureSize)},
		&msg.ExpulsionSet{Entries: []*peer.Expulsion{expulsion(drawID.Draw(t, "node"), rapid.Uint64Range(1, peer.MaxAdmitterNumber).Draw(t, "number"))}},
		&msg.Moved{Seq: number.Draw(t, "seq"), Self: drawHandle.Draw(t, "self")},
	}
}

// expulsion is an entry of the set, signed by the authority of the tests.
func expulsion(node id.ID, number uint64) *peer.Expulsion {
	authority := standin.NewSigner(1, 1)
	return &peer.Expulsion{Node: node, Number: number, Time: 1767225600,
		By: []peer.Signature{{Authority: authority.Public(), Sig: make([]byte, peer.SignatureSize)}}}
}

func TestMessagesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := make(map[wire.Kind]bool)
		for _, m := range messages(t) {
			kinds[m.Kind()] = true
			b, err := msg.Messages.Encode(m)
			if err != nil {
				t.Fatalf("%T: %v", m, err)
			}
			got, err := msg.Messages.Decode(b)
			if err != nil {
				t.Fatalf("%T: %v", m, err)
			}
			clear(b) // a driver uses the memory again
			if d := cmp.Diff(m, got); d != "" {
				t.Fatalf("%T: %s", m, d)
			}
		}
		for k := range wire.Kind(255) {
			var unknown *wire.UnknownKindError
			if _, err := msg.Messages.Decode([]byte{byte(k), 0xa0}); errors.As(err, &unknown) == kinds[k] {
				t.Fatalf("kind %d: drawn %v, decoding says %v", k, kinds[k], err)
			}
		}
	})
}

// many returns n different nodes.
func many(n int) []*peer.Handle {
	hs := make([]*peer.Handle, n)
	for i := range hs {
		hs[i] = &peer.Handle{ID: id.ID{Hi: uint64(i), Lo: 1}, Addrs: []string{"a"}}
	}
	return hs
}

// rows returns rows with n nodes together.
func rows(n int) (rs []msg.Row) {
	for i := 0; n > 0; i++ {
		k := min(n, 200)
		rs = append(rs, msg.Row{Index: uint8(i), Nodes: many(k)})
		n -= k
	}
	return rs
}

func trail(n int) []msg.Trail {
	ts := make([]msg.Trail, n)
	for i, h := range many(n) {
		ts[i].Node = h
	}
	return ts
}

// routed is a good hop, changed by f.
func routed(f func(*msg.Hop)) *msg.Hop {
	m := &msg.Hop{Seq: 1, Epoch: 1, Route: &msg.Routed{Origin: many(1)[0], Env: wire.Envelope{Version: 1}}}
	f(m)
	return m
}

// limitCases are messages at a limit, and just beyond it (hostile input, rows 14 and 16).
var limitCases = []struct {
	name      string
	good, bad wire.Message
}{
	{"leaf set", &msg.LeafProbe{Leaf: many(msg.MaxLeaf)}, &msg.LeafProbe{Leaf: many(msg.MaxLeaf + 1)}},
	{"leaf set, a node twice", &msg.LeafProbe{Leaf: many(2)}, &msg.LeafProbe{Leaf: append(many(2), many(1)...)}},
	{"leaf set, nobody", &msg.LeafProbe{}, &msg.LeafProbe{Leaf: []*peer.Handle{nil}}},
	{"leaf set, no id", &msg.LeafProbe{Leaf: many(1)}, &msg.LeafProbe{Leaf: []*peer.Handle{{}}}},
	{"addresses", &msg.LeafProbe{Leaf: []*peer.Handle{addressed(peer.MaxAddrs, "a")}}, &msg.LeafProbe{Leaf: []*peer.Handle{addressed(peer.MaxAddrs+1, "a")}}},
	{"length of an address", &msg.LeafProbe{Leaf: []*peer.Handle{addressed(1, strings.Repeat("a", peer.MaxAddrLen))}},
		&msg.LeafProbe{Leaf: []*peer.Handle{addressed(1, strings.Repeat("a", peer.MaxAddrLen+1))}}},
	{"empty address", &msg.LeafProbe{Leaf: []*peer.Handle{addressed(1, "a")}}, &msg.LeafProbe{Leaf: []*peer.Handle{addressed(1, "")}}},
	{"failures", &msg.LeafProbe{Failed: make([]msg.Failure, msg.MaxFailed)}, &msg.LeafProbe{Failed: make([]msg.Failure, msg.MaxFailed+1)}},
	{"acknowledgements", &msg.Ack{Seqs: make([]uint32, msg.MaxAcks)}, &msg.Ack{Seqs: make([]uint32, msg.MaxAcks+1)}},
	{"acknowledgements on a hop", routed(func(m *msg.Hop) { m.Acks = make([]uint32, msg.MaxAcks) }), routed(func(m *msg.Hop) { m.Acks = make([]uint32, msg.MaxAcks+1) })},
	{"hop number", routed(func(*msg.Hop) {}), routed(func(m *msg.Hop) { m.Seq = 0 })},
	{"hop epoch", routed(func(*msg.Hop) {}), routed(func(m *msg.Hop) { m.Epoch = 0 })},
	{"body", routed(func(*msg.Hop) {}), routed(func(m *msg.Hop) { m.Route = nil })},
	{"two bodies", routed(func(*msg.Hop) {}), routed(func(m *msg.Hop) { m.Cast = &msg.Cast{Origin: many(1)[0], Env: m.Route.Env} })},
	{"origin", routed(func(*msg.Hop) {}), routed(func(m *msg.Hop) { m.Route.Origin = nil })},
	{"version", routed(func(*msg.Hop) {}), routed(func(m *msg.Hop) { m.Route.Env.Version = 255 })},
	{"path", routed(func(m *msg.Hop) { m.Count, m.Path = 5, make([]byte, 4*5) }), routed(func(m *msg.Hop) { m.Count, m.Path = 5, make([]byte, 4*6) })},
	{"path of whole steps", routed(func(m *msg.Hop) { m.Count, m.Path = 2, make([]byte, 8) }), routed(func(m *msg.Hop) { m.Count, m.Path = 2, make([]byte, 7) })},
	{"trail", routed(func(m *msg.Hop) { m.Count, m.Trail = 5, trail(5) }), routed(func(m *msg.Hop) { m.Count, m.Trail = 5, trail(6) })},
	{"trail over nobody", routed(func(m *msg.Hop) { m.Count, m.Trail = 1, trail(1) }), routed(func(m *msg.Hop) { m.Count, m.Trail = 1, make([]msg.Trail, 1) })},
	{"rows of a hop", routed(func(m *msg.Hop) { m.Join = rows(msg.MaxTable) }), routed(func(m *msg.Hop) { m.Join = rows(msg.MaxTable + 1) })},
	{"broadcast's origin", &msg.Hop{Seq: 1, Epoch: 1, Cast: &msg.Cast{Origin: many(1)[0], Env: wire.Envelope{Version: 1}}},
		&msg.Hop{Seq: 1, Epoch: 1, Cast: &msg.Cast{Env: wire.Envelope{Version: 1}}}},
	{"answer on its way back", routed(func(m *msg.Hop) { m.Route.Back = &msg.Reply{Text: strings.Repeat("x", msg.MaxText)} }),
		routed(func(m *msg.Hop) { m.Route.Back = &msg.Reply{Text: strings.Repeat("x", msg.MaxText+1)} })},
	{"payload", &msg.Direct{Env: wire.Envelope{Version: 1, Payload: make([]byte, wire.MaxPayload)}}, &msg.Direct{Env: wire.Envelope{Version: 1, Payload: make([]byte, wire.MaxPayload+1)}}},
	{"payload of an answer", &msg.Reply{Payload: make([]byte, wire.MaxPayload)}, &msg.Reply{Payload: make([]byte, wire.MaxPayload+1)}},
	{"trail of an answer", &msg.Reply{Trail: trail(msg.MaxTrail)}, &msg.Reply{Trail: trail(msg.MaxTrail + 1)}},
	{"way of an answer", back(4 * msg.MaxHops), back(4*msg.MaxHops + 4)},
	{"way of an answer, in whole steps", back(8), back(7)},
	{"way of an answer to nobody", back(4), &msg.Reply{From: many(1)[0], Path: make([]byte, 4)}},
	{"answer on its way of nobody", back(0), &msg.Reply{To: id.Tiny(1)}},
	{"row", &msg.StateReply{Nodes: many(256)}, &msg.StateReply{Nodes: many(257)}},
	{"round trips of a row", &msg.StateReply{Nodes: many(2), RTTs: make([]uint32, 2)}, &msg.StateReply{Nodes: many(2), RTTs: make([]uint32, 3)}},
	{"row, a node twice", &msg.StateReply{Nodes: many(2)}, &msg.StateReply{Nodes: append(many(2), many(1)...)}},
	{"announced row", &msg.RowAnnounce{Nodes: many(256)}, &msg.RowAnnounce{Nodes: many(257)}},
	{"table of a joining node", &msg.JoinReply{Rows: rows(msg.MaxTable)}, &msg.JoinReply{Rows: rows(msg.MaxTable + 1)}},
	{"number of rows", &msg.JoinReply{Rows: make([]msg.Row, id.Bits)}, &msg.JoinReply{Rows: make([]msg.Row, id.Bits+1)}},
	{"leaf set of a joining node", &msg.JoinReply{Leaf: many(msg.MaxLeaf + 1)}, &msg.JoinReply{Leaf: many(msg.MaxLeaf + 2)}},
	{"joiner", &msg.Introduce{Joiner: many(1)[0]}, &msg.Introduce{}},
	{"who moves", &msg.Moved{Self: many(1)[0]}, &msg.Moved{}},
	{"author of what is relayed", relayed(peer.SignatureSize, 1), &msg.Relay{Sig: make([]byte, peer.SignatureSize)}},
	{"signature of what is relayed", relayed(peer.SignatureSize, 1), relayed(peer.SignatureSize-1, 1)},
	{"length of what is relayed", relayed(peer.SignatureSize, msg.MaxRelayed), relayed(peer.SignatureSize, msg.MaxRelayed+1)},
	{"expulsions", &msg.ExpulsionSet{Entries: expulsions(msg.MaxEntries)}, &msg.ExpulsionSet{Entries: expulsions(msg.MaxEntries + 1)}},
}

func addressed(n int, addr string) *peer.Handle {
	h := &peer.Handle{ID: id.Tiny(1)}
	for range n {
		h.Addrs = append(h.Addrs, addr)
	}
	return h
}

// back is an answer on its way, which is so many bytes long.
func back(path int) *msg.Reply {
	return &msg.Reply{From: many(1)[0], To: id.Tiny(1), Path: make([]byte, path)}
}

func relayed(sig, inner int) *msg.Relay {
	return &msg.Relay{From: many(1)[0], Inner: make([]byte, inner), Sig: make([]byte, sig)}
}

func expulsions(n int) (es []*peer.Expulsion) {
	for i := range n {
		es = append(es, expulsion(id.Tiny(uint8(i+1)), 1))
	}
	return es
}

func TestLimits(t *testing.T) {
	for _, c := range limitCases {
		b, err := msg.Messages.Encode(c.good)
		if err == nil {
			_, err = msg.Messages.Decode(b)
		}
		if err != nil {
			t.Errorf("%s: at the limit: %v", c.name, err)
		}
		if b, err = msg.Messages.Encode(c.bad); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if m, err := msg.Messages.Decode(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: beyond the limit: got %T, %v, want %v", c.name, m, err, wire.ErrMalformed)
		}
	}
	if _, err := msg.Messages.Decode([]byte{byte((*msg.ExpulsionSet)(nil).Kind()), 0xa1, 0x01, 0x81, 0xf6}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("set of expulsions with nothing in it: %v", err)
	}
}

// Whatever decodes has one encoding, and nothing panics.
func FuzzMessages(f *testing.F) {
	for _, c := range limitCases {
		for _, m := range []wire.Message{c.good, c.bad} {
			if b, err := msg.Messages.Encode(m); err == nil && len(b) < 2000 {
				f.Add(b)
			}
		}
	}
	for k := range 20 {
		f.Add([]byte{byte(k), 0xa0})
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { msg.Messages.Decode(b) })
		sameAsCodec(t, b)
		m, err := msg.Messages.Decode(b)
		var unknown *wire.UnknownKindError
		switch {
		case err == nil:
		case errors.Is(err, wire.ErrMalformed), errors.Is(err, wire.ErrTooLarge), errors.As(err, &unknown):
			return
		default:
			t.Fatalf("error of another kind: %v", err)
		}
		one, err := msg.Messages.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := msg.Messages.Decode(one)
		if err != nil {
			t.Fatalf("%x decodes, encodes to %x, and that fails: %v", b, one, err)
		}
		if two, _ := msg.Messages.Encode(again); !bytes.Equal(one, two) {
			t.Fatalf("%x and %x", one, two)
		}
	})
}

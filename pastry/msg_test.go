package pastry_test

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
	"github.com/phyllo-net/phyllo/pastry"
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
	drawTrail = rapid.Custom(func(t *rapid.T) pastry.Trail {
		return pastry.Trail{Node: drawHandle.Draw(t, "node"), RTT: rapid.Uint32().Draw(t, "rtt")}
	})
	drawRow = rapid.Custom(func(t *rapid.T) pastry.Row {
		return pastry.Row{Index: rapid.Byte().Draw(t, "index"), Nodes: nodes(t, 3)}
	})
	drawReply = rapid.Custom(func(t *rapid.T) *pastry.Reply {
		m := &pastry.Reply{Num: rapid.Uint64().Draw(t, "num"), Code: rapid.Byte().Draw(t, "code"), Payload: some(t, 0, 99, rapid.Byte()),
			App: rapid.Uint16().Draw(t, "app"), Text: rapid.StringN(0, 20, pastry.MaxText).Draw(t, "text"), Hops: rapid.Byte().Draw(t, "hops"),
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

func drawHop(t *rapid.T) *pastry.Hop {
	m := &pastry.Hop{Seq: rapid.Uint32Min(1).Draw(t, "seq"), Epoch: rapid.Uint32Min(1).Draw(t, "epoch"), Acks: some(t, 0, 5, rapid.Uint32()),
		Count: rapid.Uint8Range(5, pastry.MaxHops).Draw(t, "count"), Trail: some(t, 0, 3, drawTrail), Join: some(t, 0, 3, drawRow)}
	for range rapid.IntRange(0, 5).Draw(t, "path") {
		m.Path = append(m.Path, 1, 2, 3, 4)
	}
	if rapid.Bool().Draw(t, "cast") {
		m.Cast = &pastry.Cast{Origin: drawHandle.Draw(t, "origin"), Num: rapid.Uint64().Draw(t, "num"),
			Part: id.Range{From: drawID.Draw(t, "from"), To: drawID.Draw(t, "to"), Full: rapid.Bool().Draw(t, "full")}, Env: drawEnvelope.Draw(t, "env")}
		return m
	}
	flag := rapid.Bool()
	m.Route = &pastry.Routed{Key: drawID.Draw(t, "key"), Origin: drawHandle.Draw(t, "origin"), Num: rapid.Uint64().Draw(t, "num"),
		Attempt: rapid.Byte().Draw(t, "attempt"), Want: flag.Draw(t, "want"), To: flag.Draw(t, "to"), Join: flag.Draw(t, "join"),
		Found: flag.Draw(t, "found"), Receipt: flag.Draw(t, "receipt"), Straight: flag.Draw(t, "straight"), Env: drawEnvelope.Draw(t, "env")}
	if flag.Draw(t, "back") {
		m.Route.Back = drawReply.Draw(t, "reply")
	}
	return m
}

func drawFailure(t *rapid.T) pastry.Failure {
	return pastry.Failure{Node: drawID.Draw(t, "node"), Incarnation: rapid.Uint64().Draw(t, "incarnation"), Closed: rapid.Bool().Draw(t, "closed"),
		Announced: rapid.Bool().Draw(t, "announced")}
}

func drawLease(t *rapid.T) *pastry.Lease {
	flag, number := rapid.Bool(), rapid.Uint32()
	m := &pastry.Lease{Right: flag.Draw(t, "right"), Ask: number.Draw(t, "ask"), For: number.Draw(t, "for"), Grant: number.Draw(t, "grant"),
		Deny: number.Draw(t, "deny"), Length: number.Draw(t, "length"), Other: drawID.Draw(t, "other"), Ready: flag.Draw(t, "ready"),
		Active: flag.Draw(t, "active"), Expulsions: rapid.Uint64().Draw(t, "expulsions"), Between: flag.Draw(t, "between"),
		Release: number.Draw(t, "release")}
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
		&pastry.Ack{Seqs: some(t, 1, 9, number)},
		&pastry.LeafProbe{Reply: flag.Draw(t, "reply"), Active: flag.Draw(t, "active"), Leaf: nodes(t, 5), Failed: some(t, 0, 3, rapid.Custom(drawFailure)),
			Expulsions: long.Draw(t, "expulsions"), Period: number.Draw(t, "period"), Quiet: flag.Draw(t, "quiet"), Num: number.Draw(t, "num")},
		drawLease(t),
		&pastry.Ping{Seq: number.Draw(t, "seq")},
		&pastry.Pong{Seq: number.Draw(t, "seq"), Active: flag.Draw(t, "active")},
		&pastry.StateRequest{Seq: number.Draw(t, "seq"), What: b.Draw(t, "what"), Row: b.Draw(t, "row")},
		&pastry.StateReply{Seq: number.Draw(t, "seq"), What: b.Draw(t, "what"), Row: b.Draw(t, "row"), Nodes: nodes(t, 5)},
		&pastry.Introduce{Seq: number.Draw(t, "seq"), Joiner: drawHandle.Draw(t, "joiner")},
		&pastry.Introduced{Seq: number.Draw(t, "seq")},
		&pastry.JoinReply{Num: long.Draw(t, "num"), Rows: some(t, 0, 3, drawRow), Leaf: nodes(t, 5), Wait: flag.Draw(t, "wait")},
		&pastry.RowAnnounce{Row: b.Draw(t, "row"), Nodes: nodes(t, 5), RTT: number.Draw(t, "rtt")},
		&pastry.Direct{Num: long.Draw(t, "num"), Want: flag.Draw(t, "want"), Env: drawEnvelope.Draw(t, "env")},
		drawReply.Draw(t, "reply"),
		&pastry.Leave{Incarnation: long.Draw(t, "incarnation")},
		&pastry.Relay{From: drawHandle.Draw(t, "from"), To: drawID.Draw(t, "to"), Num: long.Draw(t, "num"), Inner: some(t, 1, 99, b), Sig: make([]byte, peer.SignatureSize)},
		&pastry.ExpulsionSet{Entries: []*peer.Expulsion{expulsion(drawID.Draw(t, "node"), rapid.Uint64Range(1, peer.MaxAdmitterNumber).Draw(t, "number"))}},
		&pastry.Moved{Seq: number.Draw(t, "seq"), Self: drawHandle.Draw(t, "self")},
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
			b, err := pastry.Messages.Encode(m)
			if err != nil {
				t.Fatalf("%T: %v", m, err)
			}
			got, err := pastry.Messages.Decode(b)
			if err != nil {
				t.Fatalf("%T: %v", m, err)
			}
			if d := cmp.Diff(m, got); d != "" {
				t.Fatalf("%T: %s", m, d)
			}
		}
		for k := range wire.Kind(255) {
			var unknown *wire.UnknownKindError
			if _, err := pastry.Messages.Decode([]byte{byte(k), 0xa0}); errors.As(err, &unknown) == kinds[k] {
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
func rows(n int) (rs []pastry.Row) {
	for i := 0; n > 0; i++ {
		k := min(n, 200)
		rs = append(rs, pastry.Row{Index: uint8(i), Nodes: many(k)})
		n -= k
	}
	return rs
}

func trail(n int) []pastry.Trail {
	ts := make([]pastry.Trail, n)
	for i, h := range many(n) {
		ts[i].Node = h
	}
	return ts
}

// routed is a good hop, changed by f.
func routed(f func(*pastry.Hop)) *pastry.Hop {
	m := &pastry.Hop{Seq: 1, Epoch: 1, Route: &pastry.Routed{Origin: many(1)[0], Env: wire.Envelope{Version: 1}}}
	f(m)
	return m
}

// limitCases are messages at a limit, and just beyond it (hostile input, rows 14 and 16).
var limitCases = []struct {
	name      string
	good, bad wire.Message
}{
	{"leaf set", &pastry.LeafProbe{Leaf: many(pastry.MaxLeaf)}, &pastry.LeafProbe{Leaf: many(pastry.MaxLeaf + 1)}},
	{"leaf set, a node twice", &pastry.LeafProbe{Leaf: many(2)}, &pastry.LeafProbe{Leaf: append(many(2), many(1)...)}},
	{"leaf set, nobody", &pastry.LeafProbe{}, &pastry.LeafProbe{Leaf: []*peer.Handle{nil}}},
	{"leaf set, no id", &pastry.LeafProbe{Leaf: many(1)}, &pastry.LeafProbe{Leaf: []*peer.Handle{{}}}},
	{"addresses", &pastry.LeafProbe{Leaf: []*peer.Handle{addressed(peer.MaxAddrs, "a")}}, &pastry.LeafProbe{Leaf: []*peer.Handle{addressed(peer.MaxAddrs+1, "a")}}},
	{"length of an address", &pastry.LeafProbe{Leaf: []*peer.Handle{addressed(1, strings.Repeat("a", peer.MaxAddrLen))}},
		&pastry.LeafProbe{Leaf: []*peer.Handle{addressed(1, strings.Repeat("a", peer.MaxAddrLen+1))}}},
	{"empty address", &pastry.LeafProbe{Leaf: []*peer.Handle{addressed(1, "a")}}, &pastry.LeafProbe{Leaf: []*peer.Handle{addressed(1, "")}}},
	{"failures", &pastry.LeafProbe{Failed: make([]pastry.Failure, pastry.MaxFailed)}, &pastry.LeafProbe{Failed: make([]pastry.Failure, pastry.MaxFailed+1)}},
	{"acknowledgements", &pastry.Ack{Seqs: make([]uint32, pastry.MaxAcks)}, &pastry.Ack{Seqs: make([]uint32, pastry.MaxAcks+1)}},
	{"acknowledgements on a hop", routed(func(m *pastry.Hop) { m.Acks = make([]uint32, pastry.MaxAcks) }), routed(func(m *pastry.Hop) { m.Acks = make([]uint32, pastry.MaxAcks+1) })},
	{"hop number", routed(func(*pastry.Hop) {}), routed(func(m *pastry.Hop) { m.Seq = 0 })},
	{"hop epoch", routed(func(*pastry.Hop) {}), routed(func(m *pastry.Hop) { m.Epoch = 0 })},
	{"body", routed(func(*pastry.Hop) {}), routed(func(m *pastry.Hop) { m.Route = nil })},
	{"two bodies", routed(func(*pastry.Hop) {}), routed(func(m *pastry.Hop) { m.Cast = &pastry.Cast{Origin: many(1)[0], Env: m.Route.Env} })},
	{"origin", routed(func(*pastry.Hop) {}), routed(func(m *pastry.Hop) { m.Route.Origin = nil })},
	{"version", routed(func(*pastry.Hop) {}), routed(func(m *pastry.Hop) { m.Route.Env.Version = 255 })},
	{"path", routed(func(m *pastry.Hop) { m.Count, m.Path = 5, make([]byte, 4*5) }), routed(func(m *pastry.Hop) { m.Count, m.Path = 5, make([]byte, 4*6) })},
	{"path of whole steps", routed(func(m *pastry.Hop) { m.Count, m.Path = 2, make([]byte, 8) }), routed(func(m *pastry.Hop) { m.Count, m.Path = 2, make([]byte, 7) })},
	{"trail", routed(func(m *pastry.Hop) { m.Count, m.Trail = 5, trail(5) }), routed(func(m *pastry.Hop) { m.Count, m.Trail = 5, trail(6) })},
	{"trail over nobody", routed(func(m *pastry.Hop) { m.Count, m.Trail = 1, trail(1) }), routed(func(m *pastry.Hop) { m.Count, m.Trail = 1, make([]pastry.Trail, 1) })},
	{"rows of a hop", routed(func(m *pastry.Hop) { m.Join = rows(pastry.MaxTable) }), routed(func(m *pastry.Hop) { m.Join = rows(pastry.MaxTable + 1) })},
	{"broadcast's origin", &pastry.Hop{Seq: 1, Epoch: 1, Cast: &pastry.Cast{Origin: many(1)[0], Env: wire.Envelope{Version: 1}}},
		&pastry.Hop{Seq: 1, Epoch: 1, Cast: &pastry.Cast{Env: wire.Envelope{Version: 1}}}},
	{"answer on its way back", routed(func(m *pastry.Hop) { m.Route.Back = &pastry.Reply{Text: strings.Repeat("x", pastry.MaxText)} }),
		routed(func(m *pastry.Hop) { m.Route.Back = &pastry.Reply{Text: strings.Repeat("x", pastry.MaxText+1)} })},
	{"payload", &pastry.Direct{Env: wire.Envelope{Version: 1, Payload: make([]byte, wire.MaxPayload)}}, &pastry.Direct{Env: wire.Envelope{Version: 1, Payload: make([]byte, wire.MaxPayload+1)}}},
	{"payload of an answer", &pastry.Reply{Payload: make([]byte, wire.MaxPayload)}, &pastry.Reply{Payload: make([]byte, wire.MaxPayload+1)}},
	{"trail of an answer", &pastry.Reply{Trail: trail(pastry.MaxTrail)}, &pastry.Reply{Trail: trail(pastry.MaxTrail + 1)}},
	{"way of an answer", back(4 * pastry.MaxHops), back(4*pastry.MaxHops + 4)},
	{"way of an answer, in whole steps", back(8), back(7)},
	{"way of an answer to nobody", back(4), &pastry.Reply{From: many(1)[0], Path: make([]byte, 4)}},
	{"answer on its way of nobody", back(0), &pastry.Reply{To: id.Tiny(1)}},
	{"row", &pastry.StateReply{Nodes: many(256)}, &pastry.StateReply{Nodes: many(257)}},
	{"round trips of a row", &pastry.StateReply{Nodes: many(2), RTTs: make([]uint32, 2)}, &pastry.StateReply{Nodes: many(2), RTTs: make([]uint32, 3)}},
	{"row, a node twice", &pastry.StateReply{Nodes: many(2)}, &pastry.StateReply{Nodes: append(many(2), many(1)...)}},
	{"announced row", &pastry.RowAnnounce{Nodes: many(256)}, &pastry.RowAnnounce{Nodes: many(257)}},
	{"table of a joining node", &pastry.JoinReply{Rows: rows(pastry.MaxTable)}, &pastry.JoinReply{Rows: rows(pastry.MaxTable + 1)}},
	{"number of rows", &pastry.JoinReply{Rows: make([]pastry.Row, id.Bits)}, &pastry.JoinReply{Rows: make([]pastry.Row, id.Bits+1)}},
	{"leaf set of a joining node", &pastry.JoinReply{Leaf: many(pastry.MaxLeaf + 1)}, &pastry.JoinReply{Leaf: many(pastry.MaxLeaf + 2)}},
	{"joiner", &pastry.Introduce{Joiner: many(1)[0]}, &pastry.Introduce{}},
	{"who moves", &pastry.Moved{Self: many(1)[0]}, &pastry.Moved{}},
	{"author of what is relayed", relayed(peer.SignatureSize, 1), &pastry.Relay{Sig: make([]byte, peer.SignatureSize)}},
	{"signature of what is relayed", relayed(peer.SignatureSize, 1), relayed(peer.SignatureSize-1, 1)},
	{"length of what is relayed", relayed(peer.SignatureSize, pastry.MaxRelayed), relayed(peer.SignatureSize, pastry.MaxRelayed+1)},
	{"expulsions", &pastry.ExpulsionSet{Entries: expulsions(pastry.MaxEntries)}, &pastry.ExpulsionSet{Entries: expulsions(pastry.MaxEntries + 1)}},
}

func addressed(n int, addr string) *peer.Handle {
	h := &peer.Handle{ID: id.Tiny(1)}
	for range n {
		h.Addrs = append(h.Addrs, addr)
	}
	return h
}

// back is an answer on its way, which is so many bytes long.
func back(path int) *pastry.Reply {
	return &pastry.Reply{From: many(1)[0], To: id.Tiny(1), Path: make([]byte, path)}
}

func relayed(sig, inner int) *pastry.Relay {
	return &pastry.Relay{From: many(1)[0], Inner: make([]byte, inner), Sig: make([]byte, sig)}
}

func expulsions(n int) (es []*peer.Expulsion) {
	for i := range n {
		es = append(es, expulsion(id.Tiny(uint8(i+1)), 1))
	}
	return es
}

func TestLimits(t *testing.T) {
	for _, c := range limitCases {
		b, err := pastry.Messages.Encode(c.good)
		if err == nil {
			_, err = pastry.Messages.Decode(b)
		}
		if err != nil {
			t.Errorf("%s: at the limit: %v", c.name, err)
		}
		if b, err = pastry.Messages.Encode(c.bad); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if m, err := pastry.Messages.Decode(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: beyond the limit: got %T, %v, want %v", c.name, m, err, wire.ErrMalformed)
		}
	}
	if _, err := pastry.Messages.Decode([]byte{byte((*pastry.ExpulsionSet)(nil).Kind()), 0xa1, 0x01, 0x81, 0xf6}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("set of expulsions with nothing in it: %v", err)
	}
}

// Whatever decodes has one encoding, and nothing panics.
func FuzzMessages(f *testing.F) {
	for _, c := range limitCases {
		for _, m := range []wire.Message{c.good, c.bad} {
			if b, err := pastry.Messages.Encode(m); err == nil && len(b) < 2000 {
				f.Add(b)
			}
		}
	}
	for k := range 20 {
		f.Add([]byte{byte(k), 0xa0})
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { pastry.Messages.Decode(b) })
		sameAsCodec(t, b)
		m, err := pastry.Messages.Decode(b)
		var unknown *wire.UnknownKindError
		switch {
		case err == nil:
		case errors.Is(err, wire.ErrMalformed), errors.Is(err, wire.ErrTooLarge), errors.As(err, &unknown):
			return
		default:
			t.Fatalf("error of another kind: %v", err)
		}
		one, err := pastry.Messages.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := pastry.Messages.Decode(one)
		if err != nil {
			t.Fatalf("%x decodes, encodes to %x, and that fails: %v", b, one, err)
		}
		if two, _ := pastry.Messages.Encode(again); !bytes.Equal(one, two) {
			t.Fatalf("%x and %x", one, two)
		}
	})
}

func TestSnapshotRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &pastry.Snapshot{Incarnation: rapid.Uint64().Draw(t, "incarnation"), Peers: nodes(t, 9),
			Expulsions: []*peer.Expulsion{expulsion(drawID.Draw(t, "node"), 1)}}
		b := wire.MustMarshal(s)
		got, err := pastry.ParseSnapshot(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(s, got); d != "" {
			t.Fatal(d)
		}
		if i := pastry.SavedIncarnation(b); i != s.Incarnation {
			t.Fatalf("incarnation %d, want %d", i, s.Incarnation)
		}
		if i := pastry.SavedIncarnation(b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")]); i != 0 {
			t.Fatalf("incarnation %d from a part of a snapshot", i)
		}
	})
}

// A snapshot may have been written by anybody with access to the disk, or by half.
func FuzzSnapshot(f *testing.F) {
	f.Add(wire.MustMarshal(&pastry.Snapshot{Incarnation: 3, Peers: many(3), Expulsions: expulsions(1)}))
	f.Add([]byte{0xa0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { pastry.ParseSnapshot(b) })
		s, err := pastry.ParseSnapshot(b)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		if len(b) == 0 {
			return
		}
		again, err := pastry.ParseSnapshot(wire.MustMarshal(s))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(s, again); d != "" {
			t.Fatal(d)
		}
	})
}

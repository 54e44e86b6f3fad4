package transporttest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// The link protocol as it is on the wire.
const (
	linkProtocol = "/phyllo/link/1"

	kindHello    = 192
	kindRefusal  = 193
	kindCredit   = 194
	kindOptional = 250
)

func frame(kind byte, body []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)))
	return append(b, body...)
}

// hello returns the first frame of a node, as it is or altered.
func helloFrame(t *testing.T, n *node, alter func(*transport.Hello)) []byte {
	t.Helper()
	h := *n.handle()
	c := *n.cert
	hello := transport.NewHello(&h, &c, 1)
	if alter != nil {
		alter(hello)
	}
	b, err := hello.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return frame(kindHello, b)
}

// answer reads the first frame of the other end: its kind and body.
func answer(st transport.Stream) (byte, []byte, error) {
	var kind [1]byte
	if _, err := io.ReadFull(st, kind[:]); err != nil {
		return 0, nil, err
	}
	body, err := wire.ReadFrame(st, wire.MaxFrame)
	return kind[0], body, err
}

// Hellos that are wrong make no link, are counted, and get an answer that says no
// more than why.
func testHostileHello(t *testing.T, f Factory) {
	victim, other := f.start(t, 1), f.start(t, 2)
	other.connect(victim)
	victim.rec.awaitUp(t, other.handle(), 1)
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 64<<10)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	noise[0] = 77 // no kind
	old := func(alter func(*transport.Hello)) func(*node) []byte {
		return func(evil *node) []byte { return helloFrame(t, evil, alter) }
	}
	raw := func(b []byte) func(*node) []byte { return func(*node) []byte { return b } }
	version := frame(kindHello, wire.MustMarshal(map[int]any{1: 9, 2: 12, 3: []byte("new"), 4: "other"}))
	cases := []struct {
		name, counted string
		first         func(*node) []byte
		refusal       transport.RefusalReason
	}{
		{"another ring", "certificate", old(func(h *transport.Hello) { h.Cert.Ring = id.HashOf("x") }), transport.RefusedCertificate},
		{"the key of another in the certificate", "identity", old(func(h *transport.Hello) { h.Cert.Key = other.key }), transport.RefusedHello},
		{"the certificate of another", "identity", old(func(h *transport.Hello) {
			h.Handle, h.Cert = other.handle(), other.cert
		}), transport.RefusedHello},
		{"the key of another in the handle", "identity", old(func(h *transport.Hello) { h.Handle.Key = other.key }), transport.RefusedHello},
		{"the id of another", "identity", old(func(h *transport.Hello) { h.Handle.ID = other.handle().ID }), transport.RefusedHello},
		{"the victim's own id", "self", old(func(h *transport.Hello) {
			h.Handle.ID, h.Cert.Node = victim.handle().ID, victim.handle().ID
		}), transport.RefusedHello},
		{"another version", "version", old(func(h *transport.Hello) { h.Min, h.Max = 9, 12 }), transport.RefusedVersion},
		{"another version with another layout", "malformed", raw(version), transport.RefusedHello},
		{"versions the wrong way round", "malformed", old(func(h *transport.Hello) { h.Min, h.Max = 3, 0 }), transport.RefusedHello},
		{"no CBOR", "malformed", raw(frame(kindHello, noise[1:100])), transport.RefusedHello},
		{"an empty hello", "malformed", raw(frame(kindHello, nil)), transport.RefusedHello},
		{"a hello of 4 GiB", "too_large", raw([]byte{kindHello, 255, 255, 255, 255, 0}), transport.RefusedHello},
		{"a hello of 5 KiB", "too_large", raw(frame(kindHello, noise[:5<<10])), transport.RefusedHello},
		{"a frame before the hello", "malformed", raw(frame(1, []byte("x"))), transport.RefusedHello},
		{"a refusal in place of a hello", "malformed", raw(frame(kindRefusal, []byte{1})), transport.RefusedHello},
		{"64 KiB of noise", "malformed", raw(noise), transport.RefusedHello},
		{"half a hello", "truncated", func(evil *node) []byte { return helloFrame(t, evil, nil)[:50] }, transport.RefusedHello},
		{"an address of 200 bytes", "malformed", old(func(h *transport.Hello) {
			h.Handle.Addrs = []string{string(bytes.Repeat([]byte("a"), 200))}
		}), transport.RefusedHello},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			evil := f.start(t, byte(10+i)) // one that offended thrice would be banned
			first := c.first(evil)
			before := victim.metrics().BadInput
			st := evil.open(victim, linkProtocol)
			defer st.Reset()
			st.Write(first)
			st.CloseWrite()
			kind, body, err := answer(st)
			if err == nil { // a reset may overtake the answer when more is sent than is read
				r, perr := transport.ParseRefusal(body)
				if kind != kindRefusal || perr != nil || r.Reason != c.refusal || r.Min != wire.MinVersion || r.Max != wire.Version {
					t.Errorf("the answer is %d %v %v, want refusal %d", kind, r, perr, c.refusal)
				}
			} else if len(first) < 1<<10 {
				t.Errorf("no answer: %v", err)
			}
			poll(t, "the count", func() bool { return victim.metrics().BadInput[c.counted] == before[c.counted]+1 })
			if m := victim.metrics(); m.Links != 1 {
				t.Errorf("%d links", m.Links)
			}
			if n := count(victim.rec.all(), "up", evil.handle()); n != 0 {
				t.Errorf("up %d times", n)
			}
		})
	}
	other.send(victim, transport.App, "still here")
	victim.rec.awaitFrames(t, 1)
}

// impostor opens a link by hand.
func (n *node) impostor(t *testing.T, to *node) transport.Stream {
	t.Helper()
	return n.impostorAgain(t, to, 1)
}

// impostorAgain opens the link of a later attempt by hand.
func (n *node) impostorAgain(t *testing.T, to *node, number uint64) transport.Stream {
	t.Helper()
	st := n.open(to, linkProtocol)
	t.Cleanup(func() { st.Reset() })
	if _, err := st.Write(helloFrame(t, n, func(h *transport.Hello) { h.Number = number })); err != nil {
		t.Fatal(err)
	}
	kind, body, err := answer(st)
	if err != nil || kind != kindHello {
		t.Fatalf("the answer to a hello is kind %d, %v", kind, err)
	}
	if h, err := transport.ParseHello(body); err != nil || h.Handle.ID != to.handle().ID || h.Cert.Key != to.key {
		t.Fatalf("the answer to a hello is %+v, %v", h, err)
	}
	return st
}

// Frames that are wrong end the link on which they come, and are counted once.
func testHostileFrames(t *testing.T, f Factory) {
	victim, other := f.start(t, 1), f.start(t, 2)
	other.connect(victim)
	victim.rec.awaitUp(t, other.handle(), 1)
	over := bytes.Repeat(frame(1, make([]byte, 60<<10)), 6)
	cases := []struct {
		name, counted string
		bytes         []byte
		fin           bool
	}{
		{"length 0", "malformed", frame(1, nil), false},
		{"length 4 GiB", "too_large", []byte{1, 255, 255, 255, 255}, false},
		{"length 64 KiB + 1", "too_large", []byte{1, 0, 1, 0, 1}, false},
		{"a body that ends early", "truncated", frame(1, make([]byte, 100))[:50], true},
		{"a header that ends early", "truncated", []byte{1, 0}, true},
		{"an unknown kind", "malformed", frame(55, []byte("x")), false},
		{"a second hello", "malformed", frame(kindHello, []byte("x")), false},
		{"credit that was not due", "malformed", frame(kindCredit, []byte{0, 0, 1, 0}), false},
		{"credit of 4 GiB", "malformed", frame(kindCredit, []byte{255, 255, 255, 255}), false},
		{"credit of 1 byte", "malformed", frame(kindCredit, []byte{1}), false},
		{"credit of 8 bytes", "too_large", frame(kindCredit, make([]byte, 8)), false},
		{"more than there is room for", "malformed", over, false},
	}
	victim.rec.hold(true)
	defer victim.rec.hold(false)
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			evil := f.start(t, byte(10+i))
			st := evil.impostor(t, victim)
			victim.rec.awaitUp(t, evil.handle(), 1)
			before := victim.metrics().BadInput[c.counted]
			st.Write(c.bytes)
			if c.fin {
				st.CloseWrite()
			}
			if _, err := io.Copy(io.Discard, st); err != nil {
				var timeout interface{ Timeout() bool }
				if errors.As(err, &timeout) && timeout.Timeout() {
					t.Error("the link was not ended")
				}
			}
			poll(t, "the count", func() bool { return victim.metrics().BadInput[c.counted] == before+1 })
			victim.rec.hold(false)
			victim.rec.awaitDown(t, evil.handle())
			victim.rec.hold(true)
			if ls := victim.tr.Links(); len(ls) != 1 {
				t.Errorf("%d links, want the one that does no harm", len(ls))
			}
		})
	}
	// A kind from later versions that may be skipped does not hurt.
	evil := f.start(t, 9)
	st := evil.impostor(t, victim)
	victim.rec.hold(false)
	st.Write(append(frame(kindOptional, []byte("from the future")), frame(1, []byte("and on"))...))
	victim.rec.await(t, "the frame after", func(es []event) bool { return es[len(es)-1].text == "and on" })
	if victim.metrics().BadInput["optional"] != 1 {
		t.Errorf("counted %v", victim.metrics().BadInput)
	}
	other.send(victim, transport.App, "still here")
	victim.rec.await(t, "the other's frame", func(es []event) bool { return es[len(es)-1].text == "still here" })
}

// Who sends what makes no sense three times within a minute is not spoken with any
// more, neither called; others are.
func testBanned(t *testing.T, f Factory) {
	victim, evil, other := f.start(t, 1), f.start(t, 2), f.start(t, 3)
	for round := 1; round <= 3; round++ {
		st := evil.impostorAgain(t, victim, uint64(round))
		victim.rec.awaitUp(t, evil.handle(), round)
		st.Write(frame(55, []byte("x")))
		poll(t, "the end of the link", func() bool { return count(victim.rec.all(), "down", evil.handle()) == round })
	}
	if m := victim.metrics(); m.Bans != 1 || m.BadInput["malformed"] != 3 {
		t.Errorf("counted %+v", m)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if st, err := evil.tr.Open(ctx, victim.key, victim.tr.Addrs(), linkProtocol); err == nil {
		st.SetDeadline(time.Now().Add(patience))
		st.Write(helloFrame(t, evil, nil))
		kind, body, err := answer(st)
		if r, perr := transport.ParseRefusal(body); err == nil && (kind != kindRefusal || perr != nil || r.Reason != transport.RefusedBanned) {
			t.Errorf("the answer is %d %v %v", kind, r, perr)
		}
		st.Reset()
	}
	if err := victim.tr.Connect(ctx, evil.handle()); err == nil {
		t.Error("a banned node was called")
	}
	other.send(victim, transport.App, "hello")
	victim.rec.awaitFrames(t, 1)
}

// What the owner blames a node for counts as the transport's own complaints do.
func testBlame(t *testing.T, f Factory) {
	victim, evil := f.start(t, 1), f.start(t, 2)
	for round := 1; round <= 3; round++ {
		evil.connect(victim)
		victim.rec.awaitUp(t, evil.handle(), round)
		victim.tr.Blame(evil.handle().ID)
		poll(t, "the end of the link", func() bool { return count(victim.rec.all(), "down", evil.handle()) == round })
		poll(t, "the other end's", func() bool { return count(evil.rec.all(), "down", victim.handle()) == round })
	}
	victim.tr.Blame(id.ID{Hi: 5}) // nobody
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := evil.tr.Connect(ctx, victim.handle()); err == nil {
		t.Error("a banned node was let in")
	}
	if m := victim.metrics(); m.Bans != 1 || len(m.BadInput) != 0 {
		t.Errorf("counted %+v", m)
	}
}

// A million empty frames cost the receiver one error.
func testFlood(t *testing.T, f Factory) {
	victim, evil := f.start(t, 1), f.start(t, 2)
	st := evil.impostor(t, victim)
	flood := bytes.Repeat(frame(0, nil), 1000)
	for range 1000 {
		if _, err := st.Write(flood); err != nil {
			break // as it should be
		}
	}
	victim.rec.awaitDown(t, evil.handle())
	if m := victim.metrics(); m.BadInput["malformed"] != 1 || m.BytesIn != 0 {
		t.Errorf("counted %+v", m)
	}
}

// Who opens a link and says nothing, or too slowly, is cut off.
func testSilent(t *testing.T, f Factory) {
	victim, evil := f.start(t, 1), f.start(t, 2)
	quiet, slow := evil.open(victim, linkProtocol), evil.open(victim, linkProtocol)
	defer quiet.Reset()
	defer slow.Reset()
	quiet.Write([]byte{kindHello}) // a stream of which nothing at all is heard may not even be known
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, b := range helloFrame(t, evil, nil) {
			select {
			case <-time.After(50 * time.Millisecond):
			case <-stop:
				return
			}
			if _, err := slow.Write([]byte{b}); err != nil {
				return
			}
		}
	}()
	for _, st := range []transport.Stream{quiet, slow} {
		st.SetDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, st); err != nil {
			var timeout interface{ Timeout() bool }
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Error("the stream was not ended")
			}
		}
	}
	close(stop)
	<-done
	poll(t, "two counts", func() bool { return victim.metrics().BadInput["slow"] == 2 })
	if len(victim.rec.all()) > 0 {
		t.Errorf("told of %v", victim.rec.all())
	}
}

// A peer that reads nothing while it is owed much is given up as lost.
func testTakesNothing(t *testing.T, f Factory) {
	victim, evil := f.start(t, 1), f.start(t, 2)
	evil.impostor(t, victim)
	victim.rec.awaitUp(t, evil.handle(), 1)
	to := peer.Handle{ID: evil.handle().ID, Key: evil.key, Incarnation: 1}
	for range 8 {
		if err := victim.tr.Send(&to, transport.App, make([]byte, 60<<10)); err != nil {
			t.Fatal(err)
		}
	}
	wantWhy(t, victim.rec.awaitDown(t, &to), transport.Lost)

	// The same with heartbeats, which need no room in an inbox.
	evil2 := f.start(t, 3)
	evil2.impostor(t, victim)
	victim.rec.awaitUp(t, evil2.handle(), 1)
	to = peer.Handle{ID: evil2.handle().ID, Key: evil2.key, Incarnation: 1}
	poll(t, "the end of a link that takes nothing", func() bool {
		victim.tr.Send(&to, transport.Liveness, make([]byte, 32<<10)) // full is as good as sent
		return count(victim.rec.all(), "down", &to) > 0
	})
	wantWhy(t, victim.rec.awaitDown(t, &to), transport.Lost)
}

package transporttest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

// tryConnect asks for a link that cannot be.
func (n *node) tryConnect(to *peer.Handle) error {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := n.tr.Connect(ctx, to)
	if err == nil {
		n.t.Fatalf("a link to %s", to)
	}
	return err
}

func wantWhy(t *testing.T, got, want transport.Why) {
	t.Helper()
	if got != want {
		t.Errorf("down because of %d, want %d", got, want)
	}
}

// A process that ends is seen as ended, at once.
func testClosed(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2)
	a.connect(b)
	b.tr.Close()
	wantWhy(t, a.rec.awaitDown(t, b.handle()), transport.Closed)
	a.awaitLinks(0)
}

// Nobody listens any more: what was sent comes back as refused, at once.
func testRefused(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2)
	b.tr.Close()
	a.send(b, transport.App, "anybody there?")
	if f.Mute {
		wantWhy(t, a.rec.awaitDown(t, b.handle()), transport.Unreachable)
		return
	}
	wantWhy(t, a.rec.awaitDown(t, b.handle()), transport.Refused)
	if err := a.tryConnect(b.handle()); !errors.Is(err, transport.ErrRefused) {
		t.Errorf("connect: %v, want ErrRefused", err)
	}
}

// Another node answers at the address.
func testOtherKey(t *testing.T, f Factory) {
	a, b, c := f.start(t, 1), f.start(t, 2), f.start(t, 3)
	wrong := *c.handle()
	wrong.Addrs = b.handle().Addrs
	if err := a.tryConnect(&wrong); !errors.Is(err, transport.ErrOtherKey) {
		t.Errorf("connect: %v, want ErrOtherKey", err)
	}
	if err := a.tr.Send(&wrong, transport.App, []byte("x")); err != nil {
		t.Fatal(err)
	}
	wantWhy(t, a.rec.awaitDown(t, &wrong), transport.Refused)

	// The right key under another id: its certificate gives the lie away.
	alias := *b.handle()
	alias.ID = id.ID{Hi: 99, Lo: 99}
	if err := a.tryConnect(&alias); !errors.Is(err, transport.ErrOtherKey) {
		t.Errorf("connect under another id: %v, want ErrOtherKey", err)
	}

	// The right id under another key, while a link to the right one stands.
	a.connect(b)
	thief := *b.handle()
	thief.Key = c.key
	if err := a.tr.Send(&thief, transport.App, []byte("x")); err != nil {
		t.Fatal(err)
	}
	a.rec.await(t, "refusal of the other key", func(es []event) bool {
		last := es[len(es)-1]
		return last.kind == "down" && last.why == transport.Refused && last.from.Key == c.key
	})
	a.awaitLinks(1)
}

// A link closed by its owner says nothing about the life of either end.
func testOurs(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2)
	a.connect(b)
	a.tr.Disconnect(b.handle().ID, false)
	wantWhy(t, a.rec.awaitDown(t, b.handle()), transport.Ours)
	wantWhy(t, b.rec.awaitDown(t, a.handle()), transport.Ours)

	c := f.start(t, 3)
	c.connect(b)
	c.tr.Disconnect(b.handle().ID, true)
	wantWhy(t, c.rec.awaitDown(t, b.handle()), transport.Expelled)
	wantWhy(t, b.rec.awaitDown(t, c.handle()), transport.Ours)
	c.tr.Disconnect(id.ID{Hi: 5}, true) // of nobody: nothing happens
}

// Neither end takes the other's certificate if it is of another ring, whoever
// dials, and no frame passes.
func testWrongCertificate(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2, otherRing)
	a.send(b, transport.App, "psst")
	why := a.rec.awaitDown(t, b.handle())
	if why != transport.Unreachable && why != transport.Expelled {
		t.Errorf("down because of %d", why)
	}
	// b accepted the link before a looked at its certificate.
	b.rec.awaitDown(t, a.handle())
	b.tryConnect(a.handle())

	// c takes all, a does not: a is the one who finds out, whichever dials.
	c := f.start(t, 3, otherRing, checking(func(*peer.Certificate) error { return nil }))
	err := a.tryConnect(c.handle())
	if !errors.Is(err, transport.ErrCertificate) || !errors.Is(err, errBadCert) {
		t.Errorf("connect: %v, want ErrCertificate and the reason", err)
	}
	a.send(c, transport.App, "psst")
	wantWhy(t, a.rec.awaitDown(t, c.handle()), transport.Expelled)
	c.rec.await(t, "the end of two links", func(es []event) bool { return count(es, "down", a.handle()) == 2 })
	c.tryConnect(a.handle())
	for _, n := range []*node{a, b, c} {
		if len(texts(n.rec.all())) > 0 {
			t.Error("a frame passed")
		}
	}
	if count(a.rec.all(), "up", b.handle())+count(a.rec.all(), "up", c.handle()) > 0 {
		t.Error("a was told of a link")
	}
	if m := a.metrics(); m.BadInput["certificate"] < 2 {
		t.Errorf("counted %v", m.BadInput)
	}
}

// A node that is no member of a ring makes no links and accepts none.
func testNoMember(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2, noMember)
	a.send(b, transport.App, "x")
	wantWhy(t, a.rec.awaitDown(t, b.handle()), transport.Unreachable)
	b.tryConnect(a.handle())
	if len(b.rec.all()) > 0 {
		t.Errorf("it was told of %v", b.rec.all())
	}
}

// Above MaxLinks the unprotected links that were idle longest go, and both ends
// know that this means nothing.
func testMaxLinks(t *testing.T, f Factory) {
	a := f.start(t, 1, maxLinks(3))
	var ns []*node
	for k := byte(2); k <= 4; k++ {
		n := f.start(t, k)
		ns = append(ns, n)
		n.send(a, transport.App, "x")
		a.rec.awaitFrames(t, int(k-1))
	}
	a.tr.Protect(ns[0].handle().ID, true)
	ns[1].send(a, transport.App, "y") // ns[2] is now the one idle longest that is not protected
	a.rec.awaitFrames(t, 4)
	fifth := f.start(t, 5)
	fifth.send(a, transport.App, "z")
	wantWhy(t, a.rec.awaitDown(t, ns[2].handle()), transport.Ours)
	wantWhy(t, ns[2].rec.awaitDown(t, a.handle()), transport.Ours)
	a.rec.awaitFrames(t, 5)
	a.awaitLinks(3)
	a.tr.Protect(ns[0].handle().ID, false)
	sixth := f.start(t, 6)
	sixth.send(a, transport.App, "z")
	wantWhy(t, a.rec.awaitDown(t, ns[0].handle()), transport.Ours)
}

// After attempts that failed, Connect does not wait for the back-off, and takes
// along what waits.
func testConnectNow(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2)
	b.tr.Close()
	old := b.handle()
	a.tryConnect(old)
	failures := 5 // now the back-off is 1.2 s and more, with the default of 100 ms doubling
	if f.Mute {
		failures = 0 // each takes long
	}
	for range failures {
		a.rec.mu.Lock()
		a.rec.events = nil
		a.rec.mu.Unlock()
		if err := a.tr.Send(old, transport.App, []byte("lost")); err != nil {
			t.Fatal(err)
		}
		a.rec.awaitDown(t, old)
	}
	c := f.start(t, 2, listen(old.Addrs...))
	a.send(c, transport.App, "waits")
	began := time.Now()
	a.connect(c)
	c.rec.awaitFrames(t, 1)
	t.Logf("linked after %v", time.Since(began))

	// A link that comes in clears the back-off too.
	c.tr.Disconnect(a.handle().ID, false)
	a.awaitLinks(0)
	c.connect(a)
	a.awaitLinks(1)
}

// A node that starts again has a new incarnation: the end of the old one is told
// before the new link.
func testRestart(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2)
	a.connect(b)
	// The old process still stands when the new one calls.
	c := f.start(t, 2, incarnation(2))
	c.connect(a)
	es := a.rec.await(t, "three events", func(es []event) bool { return len(es) >= 3 })
	want := fmt.Sprint([]event{
		{kind: "up", from: b.handle()}, {kind: "down", from: b.handle(), why: transport.Closed}, {kind: "up", from: c.handle()},
	})
	if fmt.Sprint(es) != want {
		t.Errorf("events %v, want %v", es, want)
	}
	a.awaitLinks(1)
	// The old one calls again: it is refused while the new link stands.
	b.rec.awaitDown(t, a.handle())
	b.tryConnect(a.handle())
	if ls := a.tr.Links(); len(ls) != 1 || ls[0].Peer.Incarnation != 2 {
		t.Errorf("links %+v", ls)
	}
}

// Who sends to an incarnation that has ended is told so, and of the new one.
func testStaleHandle(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2, incarnation(5))
	old := *b.handle()
	old.Incarnation = 4
	if err := a.tr.Send(&old, transport.App, []byte("to the dead")); err != nil {
		t.Fatal(err)
	}
	wantWhy(t, a.rec.awaitDown(t, &old), transport.Refused)
	a.rec.awaitUp(t, b.handle(), 1)
	older := old
	older.Incarnation = 3
	if err := a.tr.Send(&older, transport.App, []byte("to the dead")); err != nil {
		t.Fatal(err)
	}
	wantWhy(t, a.rec.awaitDown(t, &older), transport.Refused)
	unknown := old
	unknown.Incarnation = 0
	if err := a.tr.Send(&unknown, transport.App, []byte("to whoever")); err != nil {
		t.Fatal(err)
	}
	if got := b.rec.awaitFrames(t, 1); got[0] != "to whoever" {
		t.Errorf("got %q", got)
	}
}

// A fault in the owner's code ends the link on which it came up, and no other.
func testPanic(t *testing.T, f Factory) {
	a, b, c := f.start(t, 1), f.start(t, 2), f.start(t, 3)
	a.connect(c)
	a.rec.mu.Lock()
	a.rec.onUp = func() { panic("a fault, on purpose") }
	a.rec.mu.Unlock()
	b.send(a, transport.App, "x")
	a.rec.awaitDown(t, b.handle())
	b.rec.awaitDown(t, a.handle())
	c.send(a, transport.App, "still here")
	a.rec.awaitFrames(t, 1)
	if a.metrics().Panics == 0 {
		t.Error("the fault was not counted")
	}
}

// What was sent before Close arrives.
func testFarewell(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2)
	a.connect(b)
	for i := range 50 {
		a.send(b, transport.Class(i%3), "farewell")
	}
	a.tr.Close()
	b.rec.awaitFrames(t, 50)
	wantWhy(t, b.rec.awaitDown(t, a.handle()), transport.Closed)
}

// A closed transport does nothing, says so, and tells no event.
func testEnded(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2)
	a.connect(b)
	a.tr.Close()
	n := len(a.rec.all())
	if err := a.tr.Send(b.handle(), transport.App, []byte("x")); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("send: %v", err)
	}
	if err := a.tryConnect(b.handle()); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("connect: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := a.tr.Open(ctx, b.key, b.tr.Addrs(), "/x"); err == nil {
		t.Error("a stream was opened")
	}
	if err := a.tr.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
	if m := len(a.rec.all()); m != n {
		t.Errorf("%d events after the end", m-n)
	}
	if ls := a.tr.Links(); len(ls) != 0 {
		t.Errorf("links %v", ls)
	}
}

package transporttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

// patience is how long an event is awaited before a test fails. It is long, so
// that a loaded machine fails nothing that is right.
const patience = 20 * time.Second

// ring is the ring of all nodes whose certificates the suite finds good.
var ring = id.HashOf("test ring")

var errBadCert = errors.New("not of this ring")

// check stands in for the check of a certificate.
func check(c *peer.Certificate) error {
	if c.Ring != ring {
		return errBadCert
	}
	return nil
}

// node is a transport with its owner.
type node struct {
	t    testing.TB
	tr   transport.Transport
	seed []byte
	key  peer.Key
	rec  *recorder

	mu   sync.Mutex
	h    *peer.Handle
	cert *peer.Certificate
}

// option changes how a node is made.
type option func(*node, *transport.Config)

func listen(addrs ...string) option {
	return func(_ *node, c *transport.Config) { c.Listen = addrs }
}

func incarnation(i uint64) option {
	return func(n *node, _ *transport.Config) { n.h.Incarnation = i }
}

func maxLinks(m int) option {
	return func(_ *node, c *transport.Config) { c.MaxLinks = m }
}

func checking(f func(*peer.Certificate) error) option {
	return func(_ *node, c *transport.Config) { c.Check = f }
}

func otherRing(n *node, _ *transport.Config) { n.cert.Ring = id.HashOf("another ring") }

func noMember(n *node, c *transport.Config) {
	c.Hello = func() (*peer.Handle, *peer.Certificate) { return nil, nil }
}

// start makes a node with the number k, which determines its key and its id.
func (f Factory) start(t testing.TB, k byte, opts ...option) *node {
	t.Helper()
	n := &node{t: t, seed: bytes.Repeat([]byte{k}, 32), rec: newRecorder()}
	n.key = f.Key(n.seed)
	n.h = &peer.Handle{ID: id.ID{Hi: uint64(k) << 56, Lo: 1}, Key: n.key, Incarnation: 1}
	n.cert = &peer.Certificate{Ring: ring, Node: n.h.ID, Key: n.key, Sig: []byte("stand-in")}
	cfg := transport.Config{Private: n.seed, Check: check, Events: n.rec, Hello: n.hello}
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", k)
	for _, o := range opts {
		o(n, &cfg)
	}
	n.tr = f.New(t, cfg)
	t.Cleanup(func() { n.tr.Close() })
	n.mu.Lock()
	h := *n.h
	h.Addrs = n.tr.Addrs()
	n.h = &h
	n.mu.Unlock()
	return n
}

func (n *node) hello() (*peer.Handle, *peer.Certificate) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.h, n.cert
}

func (n *node) handle() *peer.Handle {
	h, _ := n.hello()
	return h
}

// connect makes a link and fails the test if there is none.
func (n *node) connect(to *node) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.tr.Connect(ctx, to.handle()); err != nil {
		n.t.Fatalf("connect to %s: %v", to.handle(), err)
	}
}

func (n *node) send(to *node, c transport.Class, text string) {
	n.t.Helper()
	if err := n.tr.Send(to.handle(), c, []byte(text)); err != nil {
		n.t.Fatalf("send %q: %v", text, err)
	}
}

// open opens a stream to a node.
func (n *node) open(to *node, protocol string) transport.Stream {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	st, err := n.tr.Open(ctx, to.key, to.tr.Addrs(), protocol)
	if err != nil {
		n.t.Fatalf("open %s: %v", protocol, err)
	}
	st.SetDeadline(time.Now().Add(patience))
	return st
}

// metrics returns the counts of a node.
func (n *node) metrics() transport.Metrics {
	return n.tr.(interface{ Metrics() transport.Metrics }).Metrics()
}

// awaitLinks waits until so many links stand.
func (n *node) awaitLinks(want int) {
	n.t.Helper()
	poll(n.t, fmt.Sprintf("%d links", want), func() bool { return len(n.tr.Links()) == want })
}

// poll waits for a condition that no event tells of.
func poll(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// event is one call of transport.Events.
type event struct {
	kind  string // "up", "frame", "down"
	from  *peer.Handle
	class transport.Class
	text  string
	why   transport.Why
}

func (e event) String() string {
	switch e.kind {
	case "frame":
		return fmt.Sprintf("frame %d %.20q from %s", e.class, e.text, e.from)
	case "down":
		return fmt.Sprintf("down %s why %d", e.from, e.why)
	}
	return fmt.Sprintf("%s %s", e.kind, e.from)
}

// recorder is an owner that notes what it is told. While held, Frame of the
// classes App and Upkeep blocks.
type recorder struct {
	mu     sync.Mutex
	cond   sync.Cond
	events []event
	held   bool
	inside int // calls of Frame that block
	onUp   func()
}

func newRecorder() *recorder {
	r := new(recorder)
	r.cond.L = &r.mu
	return r
}

func (r *recorder) Up(from *peer.Handle, cert *peer.Certificate) {
	if cert == nil || cert.Node != from.ID {
		panic("Up with a certificate of another node")
	}
	r.note(event{kind: "up", from: from})
	r.mu.Lock()
	f := r.onUp
	r.mu.Unlock()
	if f != nil {
		f()
	}
}

func (r *recorder) Frame(from *peer.Handle, c transport.Class, frame []byte) {
	r.mu.Lock()
	for r.held && c != transport.Liveness {
		r.inside++
		r.cond.Broadcast()
		r.cond.Wait()
		r.inside--
	}
	r.mu.Unlock()
	r.note(event{kind: "frame", from: from, class: c, text: string(frame)})
}

func (r *recorder) Down(to *peer.Handle, why transport.Why) {
	r.note(event{kind: "down", from: to, why: why})
}

func (r *recorder) note(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	r.cond.Broadcast()
}

// hold makes Frame block, or lets it go on.
func (r *recorder) hold(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = on
	r.cond.Broadcast()
}

// all returns the events so far.
func (r *recorder) all() []event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// await waits until done holds for the events so far, and returns them.
func (r *recorder) await(t testing.TB, what string, done func([]event) bool) []event {
	t.Helper()
	late := false
	timer := time.AfterFunc(patience, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		late = true
		r.cond.Broadcast()
	})
	defer timer.Stop()
	r.mu.Lock()
	for !done(r.events) && !late {
		r.cond.Wait()
	}
	ok, es := done(r.events), slices.Clone(r.events)
	r.mu.Unlock()
	if !ok {
		t.Fatalf("waited in vain for %s; the last of %d events: %v", what, len(es), es[max(0, len(es)-12):])
	}
	return es
}

// blocked waits until a call of Frame blocks.
func (r *recorder) blocked(t testing.TB) {
	t.Helper()
	r.await(t, "a Frame that blocks", func([]event) bool { return r.inside > 0 })
}

// awaitUp waits for n links to a node, counted from the beginning.
func (r *recorder) awaitUp(t testing.TB, from *peer.Handle, n int) {
	t.Helper()
	r.await(t, fmt.Sprintf("up %d of %s", n, from), func(es []event) bool {
		return count(es, "up", from) >= n
	})
}

// awaitDown waits for the end of a link to exactly this handle's incarnation, and
// returns why.
func (r *recorder) awaitDown(t testing.TB, from *peer.Handle) transport.Why {
	t.Helper()
	var why transport.Why
	r.await(t, fmt.Sprintf("down of %s", from), func(es []event) bool {
		for _, e := range es {
			if e.kind == "down" && e.from.ID == from.ID && e.from.Incarnation == from.Incarnation {
				why = e.why
				return true
			}
		}
		return false
	})
	return why
}

// awaitFrames waits until n frames came from a node and returns their texts.
func (r *recorder) awaitFrames(t testing.TB, n int) []string {
	t.Helper()
	es := r.await(t, fmt.Sprintf("%d frames", n), func(es []event) bool { return len(texts(es)) >= n })
	return texts(es)
}

func texts(es []event) []string {
	var ts []string
	for _, e := range es {
		if e.kind == "frame" {
			ts = append(ts, e.text)
		}
	}
	return ts
}

func count(es []event, kind string, from *peer.Handle) int {
	n := 0
	for _, e := range es {
		if e.kind == kind && e.from.ID == from.ID {
			n++
		}
	}
	return n
}

// Package transporttest is the suite that every implementation of package
// transport passes. It plays well-behaved nodes through the contract, and hostile
// ones through raw streams of the link protocol, whose bytes it writes itself: so
// it also pins what is on the wire.
package transporttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

// Factory makes the transports that the suite looks at.
type Factory struct {
	// Key returns the public key of a private one.
	Key func(seed []byte) peer.Key
	// New starts a transport that all others of the same test can reach. Its
	// limits should be short: at most a second to take a write, a second for a
	// hello.
	New func(t testing.TB, cfg transport.Config) transport.Transport
	// Mute says that a machine on which nobody listens gives no answer, as with
	// UDP: nobody there is then unreachable, not refused.
	Mute bool
}

// Run runs the whole suite.
func Run(t *testing.T, f Factory) {
	tests := []struct {
		name string
		run  func(*testing.T, Factory)
	}{
		{"Link", testLink}, {"BothDial", testBothDial}, {"ManyDialAtOnce", testMany},
		{"Order", testOrder}, {"Priority", testPriority}, {"LivenessPasses", testLivenessPasses},
		{"Full", testFull}, {"SendLimits", testSendLimits},
		{"Closed", testClosed}, {"Refused", testRefused}, {"OtherKey", testOtherKey}, {"Ours", testOurs},
		{"WrongCertificate", testWrongCertificate}, {"NoMember", testNoMember}, {"Self", testSelf},
		{"MaxLinks", testMaxLinks}, {"ConnectNow", testConnectNow},
		{"Restart", testRestart}, {"StaleHandle", testStaleHandle}, {"Panic", testPanic},
		{"Farewell", testFarewell}, {"Ended", testEnded},
		{"Streams", testStreams}, {"StreamErrors", testStreamErrors}, {"StreamLimit", testStreamLimit}, {"StreamsBeside", testStreamsBeside},
		{"HostileHello", testHostileHello}, {"HostileFrames", testHostileFrames}, {"Flood", testFlood},
		{"Banned", testBanned}, {"Blame", testBlame},
		{"Silent", testSilent}, {"TakesNothing", testTakesNothing},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			t.Cleanup(func() { // after the cleanups that end the nodes, as these come later
				if err := goleak.Find(before); err != nil && !t.Failed() {
					t.Error(err)
				}
			})
			x.run(t, f)
		})
	}
}

// A frame sent makes a link, which both ends are told of with the other's handle
// and certificate, and the frame arrives.
func testLink(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2)
	a.send(b, transport.App, "hello")
	b.rec.await(t, "the frame", func(es []event) bool { return len(es) == 2 })
	for i, e := range b.rec.all() {
		want := []event{{kind: "up"}, {kind: "frame", class: transport.App, text: "hello"}}[i]
		if e.kind != want.kind || e.text != want.text || e.class != want.class {
			t.Errorf("event %d is %v, want %v", i, e, want)
		}
		if e.from.ID != a.handle().ID || e.from.Key != a.key || e.from.Incarnation != 1 {
			t.Errorf("event %d comes from %v, want %v", i, e.from, a.handle())
		}
	}
	b.send(a, transport.Liveness, "hello yourself")
	if got := a.rec.awaitFrames(t, 1); got[0] != "hello yourself" {
		t.Errorf("got %q", got)
	}
	la, lb := a.tr.Links(), b.tr.Links()
	if len(la) != 1 || len(lb) != 1 {
		t.Fatalf("%d and %d links, want one each", len(la), len(lb))
	}
	if !la[0].Outbound || lb[0].Outbound {
		t.Error("the link is not outbound where it was made")
	}
	if la[0].Out != 5 || la[0].In != 14 || lb[0].In != 5 || la[0].Kind == "" || la[0].Addr == "" {
		t.Errorf("the link is described as %+v and %+v", la[0], lb[0])
	}
	if m := a.metrics(); m.Links != 1 || m.BytesOut != 5 || m.BytesIn != 14 {
		t.Errorf("metrics are %+v", m)
	}
}

// Both ends dial at once: one link, told once, and frames go both ways over it.
func testBothDial(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2)
	for round := 1; round <= 20; round++ {
		done := make(chan error, 2)
		for _, x := range [][2]*node{{a, b}, {b, a}} {
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				done <- x[0].tr.Connect(ctx, x[1].handle())
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		a.rec.awaitUp(t, b.handle(), round)
		b.rec.awaitUp(t, a.handle(), round)
		a.send(b, transport.App, fmt.Sprint("to b ", round))
		b.send(a, transport.App, fmt.Sprint("to a ", round))
		a.rec.awaitFrames(t, round)
		b.rec.awaitFrames(t, round)
		if la, lb := a.tr.Links(), b.tr.Links(); len(la) != 1 || len(lb) != 1 || la[0].Outbound == lb[0].Outbound {
			t.Fatalf("round %d: links %+v and %+v, want one with two different ends", round, la, lb)
		}
		if ua, ub := count(a.rec.all(), "up", b.handle()), count(b.rec.all(), "up", a.handle()); ua != round || ub != round {
			t.Fatalf("round %d: up %d and %d times: %v", round, ua, ub, a.rec.all())
		}
		a.tr.Disconnect(b.handle().ID, false)
		b.rec.await(t, "down", func(es []event) bool { return count(es, "down", a.handle()) == round })
		a.awaitLinks(0)
		b.awaitLinks(0)
	}
}

// Many nodes all call each other at once: every pair has one link, and frames go
// both ways over it.
func testMany(t *testing.T, f Factory) {
	const many = 6
	var ns []*node
	for k := range many {
		ns = append(ns, f.start(t, byte(k+1)))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var wg sync.WaitGroup
	for _, a := range ns {
		for _, b := range ns {
			if a == b {
				continue
			}
			wg.Go(func() {
				for a.tr.Connect(ctx, b.handle()) != nil && ctx.Err() == nil {
					// A machine that is busy with all of this may be slow to answer.
				}
			})
		}
	}
	wg.Wait()
	for _, a := range ns {
		a.awaitLinks(many - 1)
		for _, b := range ns {
			if a != b {
				a.send(b, transport.App, "x")
			}
		}
	}
	for _, a := range ns {
		a.rec.awaitFrames(t, many-1)
		es := a.rec.all()
		for _, b := range ns {
			if n := count(es, "up", b.handle()) - count(es, "down", b.handle()); a != b && n != 1 {
				t.Errorf("%s has %d links to %s", a.handle(), n, b.handle())
			}
		}
	}
}

// Frames of one class arrive in their order.
func testOrder(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2)
	a.connect(b)
	const n = 200
	for c := range transport.Classes {
		for i := range n {
			a.send(b, c, fmt.Sprint(i))
		}
	}
	b.rec.awaitFrames(t, n*int(transport.Classes))
	next := [transport.Classes]int{}
	for _, e := range b.rec.all() {
		if e.kind != "frame" {
			continue
		}
		if e.text != fmt.Sprint(next[e.class]) {
			t.Fatalf("class %d: frame %s, want %d", e.class, e.text, next[e.class])
		}
		next[e.class]++
	}
}

// fillWindow sends frames until the receiver's inbox, whose owner is held up, and
// all that lies before it is full, so that what follows waits at the sender. It
// returns how many it sent.
func fillWindow(t *testing.T, a, b *node) int {
	t.Helper()
	a.connect(b)
	b.rec.hold(true)
	n := 0
	big := strings.Repeat("x", 32<<10)
	for a.tr.Links()[0].Queued < 2 {
		a.send(b, transport.App, big)
		n++
		b.rec.blocked(t)
		if n > 1000 {
			t.Fatal("a peer whose inbox is full takes more and more")
		}
	}
	// What may still be written is written when nothing changes any more.
	poll(t, "a queue that rests", func() bool {
		before := a.tr.Links()[0]
		after := a.tr.Links()[0]
		return before.Out == after.Out && after.Out > 0
	})
	return n
}

// What waits goes out in the order of the classes.
func testPriority(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2)
	n := fillWindow(t, a, b)
	a.send(b, transport.Upkeep, "upkeep")
	a.send(b, transport.App, "app")
	a.send(b, transport.Liveness, "liveness")
	if got := b.rec.awaitFrames(t, 1); got[0] != "liveness" {
		t.Errorf("first came %.20q", got[0])
	}
	b.rec.hold(false)
	got := b.rec.awaitFrames(t, n+3)
	if got[n+1] != "app" || got[n+2] != "upkeep" {
		t.Errorf("at last came %.20q, want app and upkeep", got[n+1:])
	}
}

// While the owner does not take what an application was sent, heartbeats pass in
// both directions, and other peers notice nothing.
func testLivenessPasses(t *testing.T, f Factory) {
	a, b, c := f.start(t, 1), f.start(t, 2), f.start(t, 3)
	fillWindow(t, a, b)
	for i := range 100 {
		a.send(b, transport.Liveness, fmt.Sprint(i))
		b.rec.awaitFrames(t, i+1)
		b.send(a, transport.Liveness, fmt.Sprint(i))
		a.rec.awaitFrames(t, i+1)
	}
	c.send(b, transport.Liveness, "from c")
	b.rec.awaitFrames(t, 101)
	b.rec.hold(false)
}

// A peer that takes nothing fills its own queue only; what does not fit is
// refused, and goes again when there is room.
func testFull(t *testing.T, f Factory) {
	a, b, c := f.start(t, 1), f.start(t, 2), f.start(t, 3)
	a.connect(b)
	b.rec.hold(true)
	frame := make([]byte, 16<<10)
	sent := 0
	for ; ; sent++ {
		err := a.tr.Send(b.handle(), transport.App, frame)
		if errors.Is(err, transport.ErrFull) {
			break
		}
		if err != nil || sent > 4<<20/len(frame) {
			t.Fatalf("after %d frames: %v, want ErrFull before 4 MiB", sent, err)
		}
	}
	a.send(c, transport.App, "to another")
	c.rec.awaitFrames(t, 1)
	b.rec.hold(false)
	b.rec.awaitFrames(t, sent)
	a.send(b, transport.App, "there is room")
	b.rec.awaitFrames(t, sent+1)
}

// Frames have 1 to wire.MaxFrame bytes.
func testSendLimits(t *testing.T, f Factory) {
	a, b := f.start(t, 1), f.start(t, 2)
	if a.tr.Send(b.handle(), transport.App, nil) == nil {
		t.Error("an empty frame was taken")
	}
	if a.tr.Send(b.handle(), transport.App, make([]byte, 64<<10+1)) == nil {
		t.Error("a frame of 64 KiB + 1 was taken")
	}
	if a.tr.Send(b.handle(), transport.Classes, []byte("x")) == nil {
		t.Error("a frame of no class was taken")
	}
	for c := range transport.Classes {
		if err := a.tr.Send(b.handle(), c, make([]byte, 64<<10)); err != nil {
			t.Error(err)
		}
	}
	for _, s := range b.rec.awaitFrames(t, 3) {
		if len(s) != 64<<10 {
			t.Errorf("a frame of %d bytes came", len(s))
		}
	}
}

// A node that calls itself gets neither a link nor an event.
func testSelf(t *testing.T, f Factory) {
	a := f.start(t, 1)
	a.send(a, transport.App, "to me")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := a.tr.Connect(ctx, a.handle()); err == nil {
		t.Error("a link to oneself")
	}
	// One's own address under another node's id.
	ghost := *a.handle()
	ghost.ID = id.ID{Hi: 7, Lo: 7}
	if err := a.tr.Connect(ctx, &ghost); err == nil {
		t.Error("a link to oneself under another id")
	}
	if es := a.rec.all(); len(es) > 0 {
		t.Errorf("events %v", es)
	}
}

package past_test

import (
	"errors"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// threefold is an object of ann's with three copies.
var threefold = past.Name{Owner: ann.Public(), Part: certificate.Part{2}, Copies: 3}

func (m *member) changeIn(n past.Name, replaces uint64, content string) error {
	return m.node.Call(2*patience, func(t *task.T) error {
		_, err := m.past.Change(t, n.Part, n.Copies, replaces, []byte(content), ann)
		return err
	})
}

// deaf lets members hear no message of a kind.
func deaf(ms []*member, kind string) {
	for _, m := range ms {
		m.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool { return past.KindOf(d.Payload) == kind }
	}
}

func nodesOf(ms []*member) (ns []*kbrtest.Node) {
	for _, m := range ms {
		ns = append(ns, m.node)
	}
	return ns
}

func kill(ms []*member) {
	for _, m := range ms {
		m.node.Kill()
	}
}

func restart(ms []*member) {
	for _, m := range ms {
		m.restart()
	}
}

// halfMoved makes a world of nine nodes in which the first three holders of an object with
// one version were about to hand it over to three others, nearer to it: all of these have
// the ruling about that, and none of the first three heard of it.
func halfMoved(t *testing.T, seed uint64) (w *world, first, next []*member) {
	w = newWorld(t, 9, kbrtest.Config{Seed: seed}, nil)
	near := w.nearest(threefold.ID(), 6)
	next, first = near[:3], near[3:]
	kill(next)
	w.net.Run(15 * time.Minute)
	if err := first[2].changeIn(threefold, 0, "one"); err != nil {
		t.Fatal(err)
	}
	deaf(first, "accept")
	restart(next)
	w.net.Run(20 * time.Second)
	for _, m := range next {
		if v := m.past.Version(threefold.ID()); v != 1 {
			t.Fatalf("a node that is to be a holder has version %d", v)
		}
	}
	w.net.Partition(nodesOf(next))
	deaf(first, "")
	w.net.Run(10 * time.Second)
	return w, first, next
}

// TestThirdRoot: a root that moves an object to other holders is cut off while it says so,
// and the holders before go on without it. A third root, which hears of that move alone from
// all the holders that it names, must not take it for what is current: it waits for those
// before.
func TestThirdRoot(t *testing.T) {
	simtest.WithoutRace(t)
	w, first, next := halfMoved(t, 70)
	for v, content := range []string{1: "two", 2: "three"} {
		if v > 0 {
			if err := first[0].changeIn(threefold, uint64(v), content); err != nil {
				t.Fatalf("the holders before, version %d: %v", v+1, err)
			}
		}
	}
	kill(first)
	w.net.Heal()
	w.net.Run(time.Minute)
	for _, m := range w.live() {
		if f, err := m.current(threefold); !errors.Is(err, past.ErrNotReachable) {
			t.Fatalf("the third root rules that version %d is current, %v", f.Certificate.Version, err)
		}
	}
	restart(first)
	w.net.Run(5 * time.Minute)
	for _, m := range w.live() {
		if f, err := m.current(threefold); err != nil || string(f.Content) != "three" {
			t.Fatalf("in calm %q is read, %v", f.Content, err)
		}
	}
	if err := next[0].changeIn(threefold, 3, "four"); err != nil {
		t.Fatal(err)
	}
	w.net.Run(2 * time.Hour)
	w.whole(true)
}

// TestHalfMovedIsCompleted: where the holders before did not go on, what a root left half
// done is completed by the next, for other holders again.
func TestHalfMovedIsCompleted(t *testing.T) {
	w, first, next := halfMoved(t, 71)
	kill(next[:1])
	w.net.Heal()
	w.net.Run(time.Minute)
	for v, content := range []string{1: "two", 2: "three"} {
		if v > 0 {
			if err := next[1].changeIn(threefold, uint64(v), content); err != nil {
				t.Fatalf("version %d: %v", v+1, err)
			}
		}
	}
	kill(first) // the move is over: they are not needed any more
	w.net.Run(15 * time.Minute)
	for _, m := range w.live() {
		if f, err := m.current(threefold); err != nil || string(f.Content) != "three" {
			t.Fatalf("%q is read, %v", f.Content, err)
		}
	}
}

// TestUnheardHolderMoves: a holder that the root did not hear when it ruled takes the place of
// one that is gone for good a moment later: what is current is read, and changed.
func TestUnheardHolderMoves(t *testing.T) {
	w := newWorld(t, 4, kbrtest.Config{Seed: 72}, nil)
	near := w.nearest(threefold.ID(), 4)
	deaf(near[2:3], "prepare")
	if err := near[0].changeIn(threefold, 0, "one"); err != nil {
		t.Fatal(err)
	}
	kill(near[1:2])
	deaf(near[2:3], "")
	w.net.Run(15 * time.Minute)
	for _, m := range w.live() {
		if f, err := m.current(threefold); err != nil || string(f.Content) != "one" {
			t.Errorf("%q is read, %v", f.Content, err)
		}
	}
	if err := near[3].changeIn(threefold, 1, "two"); err != nil {
		t.Error(err)
	}
}

// TestPromisedToNobody: a holder that has promised a later term, to somebody who never took
// office, takes no ruling of the root's own term, and is not left behind for that: the root
// begins a new one.
func TestPromisedToNobody(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 4}, nil)
	o := threefold.ID()
	near := w.nearest(o, 4)
	if err := near[3].changeIn(threefold, 0, "one"); err != nil {
		t.Fatal(err)
	}
	w.net.Run(time.Minute) // the root is disturbed by nobody while it is at work
	other := near[1]
	if _, err := ask(other, near[2], past.AskPrepare(o, 3, certificate.Term{Count: 50, Root: other.cert.Node})); err != nil {
		t.Fatal(err)
	}
	if err := near[3].changeIn(threefold, 1, "two"); err != nil {
		t.Fatal(err)
	}
	if v := near[2].past.Version(o); v != 1 {
		t.Fatalf("the holder has version %d in spite of its promise", v)
	}
	w.net.Run(time.Hour)
	for _, m := range near[:3] {
		if v := m.past.Version(o); v != 2 {
			t.Errorf("%s has version %d", m.node.Self(), v)
		}
	}
	w.whole(true)
}

// TestAloneAfterRestart: a node that starts again, and has not met those who were near it
// before, does not make an object anew that they may have.
func TestAloneAfterRestart(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 6}, nil)
	near := w.nearest(threefold.ID(), 9)
	if err := near[0].changeIn(threefold, 0, "one"); err != nil {
		t.Fatal(err)
	}
	w.net.Run(time.Minute)
	alone := near[8]
	kill(near)
	alone.restart()
	w.net.Run(time.Minute)
	wantErr(t, "a change by one who is alone", alone.changeIn(threefold, 0, "anew"), past.ErrNotReachable)
	restart(near[:8])
	w.net.Run(time.Minute)
	if err := alone.changeIn(threefold, 1, "two"); err != nil {
		t.Errorf("when the others are back: %v", err)
	}
	w.net.Run(time.Hour)
	w.whole(true)
}

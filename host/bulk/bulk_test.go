package bulk_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/host/bulk"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport/mem"
)

const (
	mib  = task.ChunkSize
	size = 6*mib + 12345
	all  = 7
)

// two is a test with two nodes in fake time.
func two(t *testing.T, f func(t *testing.T, net *mem.Network, a, b *node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		net := mem.NewNetwork()
		f(t, net, join(t, net, 10), join(t, net, 11))
	})
}

// The opener takes or sends; what arrives is verified and whole.
func TestMove(t *testing.T) {
	two(t, func(t *testing.T, _ *mem.Network, a, b *node) {
		c := newContent(size)
		basket := newBasket(c)
		a.open(task.Transfer{With: b.self, App: 7, Part: c.part(), Sink: basket,
			Ticket: b.admit(task.Transfer{With: a.self, App: 7, Part: c.part(), Source: c})})
		a.want("the opener takes", all, nil)
		b.want("the other sends", all, nil)
		if !basket.whole() {
			t.Error("what came is not the content")
		}
		basket = newBasket(c)
		a.open(task.Transfer{With: b.self, App: 7, Part: c.part(), Source: c,
			Ticket: b.admit(task.Transfer{With: a.self, App: 7, Part: c.part(), Sink: basket})})
		a.want("the opener sends", all, nil)
		b.want("the other takes", all, nil)
		if !basket.whole() {
			t.Error("what came is not the content")
		}
		if n := a.mover.Counts(); n.BytesIn != size || n.BytesOut != size || n.Transfers != 0 {
			t.Errorf("counted %+v", n)
		}
	})
}

// Of what was given out, a part may be asked for, also with gaps.
func TestPartOfIt(t *testing.T) {
	two(t, func(t *testing.T, _ *mem.Network, a, b *node) {
		c := newContent(size)
		basket := newBasket(c)
		a.open(task.Transfer{With: b.self, Part: task.Part{Size: size, Chunks: []int{1, 2, 4, 6}}, Sink: basket,
			Ticket: b.admit(task.Transfer{With: a.self, Part: c.part(), Source: c})})
		a.want("some chunks", 4, nil)
		b.want("some chunks", 4, nil)
		if len(basket.got) != 4 || basket.got[0] != nil || len(basket.got[6]) != 12345 {
			t.Errorf("%d chunks came", len(basket.got))
		}
	})
}

// A ticket is good for one peer, application, direction and range, and once; who has no
// right to it does not use it up.
func TestTickets(t *testing.T) {
	two(t, func(t *testing.T, net *mem.Network, a, b *node) {
		c, other := newContent(size), newContent(size+mib)
		x := join(t, net, 12)
		some := task.Part{Size: size, Chunks: []int{0, 1, 2}}
		ticket := b.admit(task.Transfer{With: a.self, App: 7, Part: some, Source: c})
		sink := newBasket(c)
		for _, wrong := range []struct {
			name string
			who  *node
			tr   task.Transfer
		}{
			{"no ticket", a, task.Transfer{App: 7, Part: some, Sink: sink, Ticket: task.Ticket{99}}},
			{"a ticket of another peer", x, task.Transfer{App: 7, Part: some, Sink: sink, Ticket: ticket}},
			{"another application", a, task.Transfer{App: 8, Part: some, Sink: sink, Ticket: ticket}},
			{"the wrong direction", a, task.Transfer{App: 7, Part: some, Source: c, Ticket: ticket}},
			{"more than was given out", a, task.Transfer{App: 7, Part: c.part(), Sink: sink, Ticket: ticket}},
			{"a content of another size", a, task.Transfer{App: 7, Part: task.Part{Size: int64(len(other.bytes)), Chunks: []int{0}}, Sink: sink, Ticket: ticket}},
		} {
			wrong.tr.With = b.self
			wrong.who.open(wrong.tr)
			wrong.who.want(wrong.name, 0, task.ErrTicket)
		}
		b.wantBad(bulk.BadTicket, 6)
		good := task.Transfer{With: b.self, App: 7, Part: some, Sink: sink, Ticket: ticket}
		a.open(good)
		a.want("the right one", 3, nil)
		b.want("the right one", 3, nil)
		a.open(good)
		a.want("a second time", 0, task.ErrTicket)
		if b.blamed != 0 {
			t.Error("a ticket that is not good was held against a peer")
		}
	})
}

// A ticket that nobody uses ends with its time-out, or when it is taken back.
func TestUnusedTickets(t *testing.T) {
	two(t, func(t *testing.T, _ *mem.Network, a, b *node) {
		c := newContent(size)
		start := time.Now()
		b.admit(task.Transfer{With: a.self, Part: c.part(), Source: c, Timeout: time.Second})
		b.want("unused", 0, task.ErrTimeout)
		b.admit(task.Transfer{With: a.self, Part: c.part(), Source: c, Timeout: time.Hour})
		b.want("unused for too long", 0, task.ErrTimeout)
		if time.Since(start) != time.Second+task.TicketTime {
			t.Errorf("after %v", time.Since(start))
		}
		ticket := b.admit(task.Transfer{With: a.self, Part: c.part(), Source: c})
		b.mover.Stop(b.slot)
		b.want("taken back", 0, task.ErrCancelled)
		a.open(task.Transfer{With: b.self, Part: c.part(), Sink: newBasket(c), Ticket: ticket})
		a.want("too late", 0, task.ErrTicket)
	})
}

// When one end is killed the other learns what has arrived, and goes on from there.
func TestBreakAndResume(t *testing.T) {
	two(t, func(t *testing.T, net *mem.Network, a, b *node) {
		c := newContent(size)
		basket := newBasket(c)
		basket.each = func(n int) {
			if n == 2 {
				net.Kill(b.self.ID)
			}
		}
		a.open(task.Transfer{With: b.self, Part: c.part(), Sink: basket,
			Ticket: b.admit(task.Transfer{With: a.self, Part: c.part(), Source: c})})
		o := <-a.done
		if !errors.Is(o.moved.Err, task.ErrBroken) || o.moved.Chunks < 3 || o.moved.Chunks >= all {
			t.Fatalf("after a kill: %+v", o.moved)
		}
		// Another holder has it, too.
		x, rest := join(t, net, 12), c.part().From(o.moved.Chunks)
		a.open(task.Transfer{With: x.self, Part: rest, Sink: basket,
			Ticket: x.admit(task.Transfer{With: a.self, Part: c.part(), Source: c})})
		a.want("the rest", all-o.moved.Chunks, nil)
		if !basket.whole() {
			t.Error("it is not whole")
		}
		a.open(task.Transfer{With: b.self, Part: rest, Sink: basket})
		a.want("with one who is not there", 0, task.ErrBroken)
	})
}

// A way that passes nothing any more is given up by both ends, with no word of each other.
func TestNothingMoves(t *testing.T) {
	two(t, func(t *testing.T, net *mem.Network, a, b *node) {
		c := newContent(size)
		basket := newBasket(c)
		var cut time.Time
		basket.each = func(n int) {
			if n == 1 {
				cut = time.Now()
				net.Cut(a.self.ID, b.self.ID, true)
			}
		}
		a.open(task.Transfer{With: b.self, Part: c.part(), Sink: basket,
			Ticket: b.admit(task.Transfer{With: a.self, Part: c.part(), Source: c})})
		o := <-a.done
		if !errors.Is(o.moved.Err, task.ErrStalled) || o.moved.Chunks < 2 {
			t.Errorf("the taker: %+v", o.moved)
		}
		if o := <-b.done; !errors.Is(o.moved.Err, task.ErrStalled) || o.moved.Chunks == all {
			t.Errorf("the sender: %+v", o.moved)
		}
		if d := time.Since(cut); d < task.Stall || d > task.Stall+time.Second {
			t.Errorf("after %v", d)
		}
	})
}

// A sink or source that fails ends the transfer, and each end learns its half of it.
func TestFailures(t *testing.T) {
	two(t, func(t *testing.T, _ *mem.Network, a, b *node) {
		c := newContent(size)
		broken := newBasket(c)
		broken.fails = 3
		a.open(task.Transfer{With: b.self, Part: c.part(), Sink: broken,
			Ticket: b.admit(task.Transfer{With: a.self, Part: c.part(), Source: c})})
		a.want("its sink fails", 3, errDisk)
		b.want("the other's sink fails", 3, task.ErrFar)

		liar := newContent(size)
		liar.bytes[4*mib] ^= 1
		liar.outline = c.outline
		a.open(task.Transfer{With: b.self, Part: c.part(), Sink: newBasket(c),
			Ticket: b.admit(task.Transfer{With: a.self, Part: c.part(), Source: liar})})
		a.want("a lying chunk", 4, store.ErrMismatch)
		b.want("the liar", 4, task.ErrFar)

		short := newContent(size)
		short.outline.Size -= 2
		a.open(task.Transfer{With: b.self, Part: c.part(), Source: short,
			Ticket: b.admit(task.Transfer{With: a.self, Part: c.part(), Sink: newBasket(c)})})
		b.want("the other's source fails", 6, task.ErrFar)
		if o := <-a.done; o.moved.Chunks > 6 || o.moved.Chunks < 6-task.InFlight || o.moved.Err == nil || errors.Is(o.moved.Err, task.ErrFar) {
			t.Errorf("its source fails: %+v", o.moved)
		}
	})
}

// A transfer is stopped by its end, by its time, by an expulsion; at the end of the
// node all are.
func TestStops(t *testing.T) {
	two(t, func(t *testing.T, _ *mem.Network, a, b *node) {
		c := newContent(size)
		begin := func(timeout time.Duration, each func(n int)) uint32 {
			basket := newBasket(c)
			basket.slow, basket.each = time.Second, each
			return a.open(task.Transfer{With: b.self, Part: c.part(), Sink: basket, Timeout: timeout,
				Ticket: b.admit(task.Transfer{With: a.self, Part: c.part(), Source: c})})
		}
		for _, end := range []struct {
			name    string
			timeout time.Duration
			each    func(n int)
			err     error
		}{
			{"cancelled", 0, func(n int) {
				if n == 1 {
					a.mover.Stop(a.slot)
				}
			}, task.ErrCancelled},
			{"its time is over", 2500 * time.Millisecond, nil, task.ErrTimeout},
			{"expelled", 0, func(n int) {
				if n == 1 {
					a.mover.Drop(b.self.ID)
				}
			}, task.ErrBroken},
			{"the node stops", 0, func(n int) {
				if n == 1 {
					a.mover.Close()
				}
			}, task.ErrStopped},
		} {
			begin(end.timeout, end.each)
			o := <-a.done
			if !errors.Is(o.moved.Err, end.err) || o.moved.Chunks < 2 || o.moved.Chunks == all {
				t.Errorf("%s: %+v", end.name, o.moved)
			}
			if o := <-b.done; !errors.Is(o.moved.Err, task.ErrBroken) {
				t.Errorf("%s, the other end: %+v", end.name, o.moved)
			}
		}
		a.open(task.Transfer{With: b.self, Part: c.part(), Sink: newBasket(c)})
		synctest.Wait()
		if len(a.done) != 0 || a.mover.Counts().Transfers != 0 {
			t.Error("a node that has stopped begins a transfer")
		}
	})
}

// More transfers than may be under way wait for each other, and all come to their end.
func TestManyAtOnce(t *testing.T) {
	two(t, func(t *testing.T, net *mem.Network, a, b *node) {
		c := newContent(3)
		x := join(t, net, 12)
		for range 30 {
			for _, far := range []*node{b, x} {
				a.open(task.Transfer{With: far.self, Part: c.part(), Sink: newBasket(c),
					Ticket: far.admit(task.Transfer{With: a.self, Part: c.part(), Source: c})})
			}
		}
		for range 60 {
			a.want("one of many", 1, nil)
		}
	})
}

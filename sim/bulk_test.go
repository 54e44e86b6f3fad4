package sim_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/task"
)

const mib = task.ChunkSize

// pages is a content whose chunk n is full of the number n.
type pages struct{ size int64 }

// ReadChunk implements task.Source.
func (p pages) ReadChunk(n int, into []byte) ([]byte, error) {
	into = append(into[:0], make([]byte, min(mib, p.size-int64(n)*mib))...)
	for i := range into {
		into[i] = byte(n)
	}
	return into, nil
}

// shelf is what takes it.
type shelf struct {
	got   []int
	fails int // this chunk is refused, if it is not 0
}

var errShelf = errors.New("no such chunk")

// WriteChunk implements task.Sink.
func (s *shelf) WriteChunk(n int, content []byte) error {
	if n == s.fails && n > 0 || int(content[0]) != n || content[len(content)-1] != content[0] {
		return errShelf
	}
	s.got = append(s.got, n)
	return nil
}

// bulk lets node 1 fetch 8 chunks from node 0, and notes in both logs how it ends.
func (w *world) bulk(sink *shelf, timeout time.Duration) {
	var ticket task.Ticket
	note := func(n sim.NodeRef) func(task.Moved) {
		t := w.toys[n]
		return func(m task.Moved) { t.note("moved %d: %v", m.Chunks, m.Err) }
	}
	part := task.Whole(8 * mib)
	w.Call(0, func() {
		ticket, _ = w.toys[0].Admit(task.Transfer{With: w.Handle(1), Part: part, Source: pages{8 * mib}, Timeout: time.Minute}, note(0))
	})
	w.Call(1, func() {
		w.toys[1].Bulk(task.Transfer{With: w.Handle(0), Part: part, Sink: sink, Ticket: ticket, Timeout: timeout}, note(1))
	})
}

// A transfer takes the delay and what the path's bandwidth lets it: here 10 ms each way,
// and 100 ms a chunk.
func bulkWorld(t *testing.T) *world {
	w := newWorld(t, sim.Config{Bandwidth: 10 * mib, LostAfter: 5 * time.Second}, 3)
	w.RunFor(0)
	for n := range sim.NodeRef(3) {
		w.expect(n, `0 start 1 saved ""`)
	}
	return w
}

func TestBulkTakesItsTime(t *testing.T) {
	w := bulkWorld(t)
	sink := new(shelf)
	w.bulk(sink, time.Minute)
	w.RunFor(time.Minute)
	w.expect(1, "820 moved 8: <nil>") // 10 to open, 8 times 100, 10 to arrive
	w.expect(0, "830 moved 8: <nil>")
	if fmt.Sprint(sink.got) != "[0 1 2 3 4 5 6 7]" {
		t.Errorf("chunks %v", sink.got)
	}
}

// Transfers over one path share it.
func TestBulkSharesAPath(t *testing.T) {
	w := bulkWorld(t)
	w.bulk(new(shelf), time.Minute)
	w.bulk(new(shelf), time.Minute)
	w.RunFor(time.Minute)
	w.expect(1, "1520 moved 8: <nil>", "1620 moved 8: <nil>")
	w.expect(0, "1530 moved 8: <nil>", "1630 moved 8: <nil>")
}

// What breaks a transfer off, when each end learns of it, and what has arrived by then.
func TestBulkBreaks(t *testing.T) {
	for _, c := range []struct {
		name    string
		strike  func(*world)
		timeout time.Duration
		sink    shelf
		taker   []string
		sender  []string
	}{
		{name: "the sender crashes", strike: func(w *world) { w.Crash(0) }, taker: []string{"520 moved 4: " + task.ErrBroken.Error()}},
		{name: "the taker crashes", strike: func(w *world) { w.Crash(1) }, sender: []string{"520 moved 4: " + task.ErrBroken.Error()}},
		{name: "the sender falls silent", strike: func(w *world) { w.Die(0) }, taker: []string{"30520 moved 4: " + task.ErrStalled.Error()}},
		{name: "the path is parted", strike: func(w *world) { w.Partition([]sim.NodeRef{0}, []sim.NodeRef{1}) },
			taker: []string{"5520 moved 4: " + task.ErrBroken.Error()}, sender: []string{"30420 moved 4: " + task.ErrStalled.Error()}},
		{name: "the path is parted for a while", strike: func(w *world) {
			w.Partition([]sim.NodeRef{0}, []sim.NodeRef{1})
			w.After(2*time.Second, w.Mend)
		}, taker: []string{"2830 moved 8: <nil>"}, sender: []string{"2840 moved 8: <nil>"}},
		{name: "the sender is paused", strike: func(w *world) {
			w.Pause(0)
			w.After(time.Second, func() { w.Wake(0) })
		}, taker: []string{"1830 moved 8: <nil>"}, sender: []string{"1500 wake", "1840 moved 8: <nil>"}},
		{name: "its time is over", timeout: 500 * time.Millisecond, taker: []string{"500 moved 4: " + task.ErrTimeout.Error()},
			sender: []string{"510 moved 4: " + task.ErrFar.Error()}},
		{name: "the sink refuses a chunk", sink: shelf{fails: 5}, taker: []string{"620 moved 5: " + errShelf.Error()},
			sender: []string{"630 moved 5: " + task.ErrFar.Error()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := bulkWorld(t)
			if c.timeout == 0 {
				c.timeout = time.Minute
			}
			w.bulk(&c.sink, c.timeout)
			if c.strike != nil {
				w.At(500*time.Millisecond, func() { c.strike(w) })
			}
			w.RunFor(2 * time.Minute)
			w.expect(1, c.taker...)
			w.expect(0, c.sender...)
		})
	}
}

// A ticket is good once, for the peer and the part that it was given out for; one that is
// not used ends with its time.
func TestBulkTickets(t *testing.T) {
	w := bulkWorld(t)
	var ticket task.Ticket
	part := task.Part{Size: 8 * mib, Chunks: []int{1, 2}}
	admit := func(timeout time.Duration) {
		w.Call(0, func() {
			ticket, _ = w.toys[0].Admit(task.Transfer{With: w.Handle(1), App: 7, Part: part, Source: pages{8 * mib}, Timeout: timeout},
				func(m task.Moved) { w.toys[0].note("moved %d: %v", m.Chunks, m.Err) })
		})
	}
	try := func(who sim.NodeRef, change func(*task.Transfer)) {
		w.Call(who, func() {
			tr := task.Transfer{With: w.Handle(0), App: 7, Part: part, Sink: new(shelf), Ticket: ticket, Timeout: time.Minute}
			change(&tr)
			w.toys[who].Bulk(tr, func(m task.Moved) { w.toys[who].note("moved %d: %v", m.Chunks, m.Err) })
		})
		w.RunFor(2 * time.Second)
	}
	admit(time.Hour)
	w.RunFor(0)
	try(2, func(*task.Transfer) {})
	w.expect(2, "20 moved 0: "+task.ErrTicket.Error())
	try(1, func(tr *task.Transfer) { tr.Ticket[0]++ })
	try(1, func(tr *task.Transfer) { tr.App = 8 })
	try(1, func(tr *task.Transfer) { tr.Sink, tr.Source = nil, pages{8 * mib} })
	try(1, func(tr *task.Transfer) { tr.Part = task.Whole(8 * mib) })
	w.expect(1, "2020 moved 0: "+task.ErrTicket.Error(), "4020 moved 0: "+task.ErrTicket.Error(),
		"6020 moved 0: "+task.ErrTicket.Error(), "8020 moved 0: "+task.ErrTicket.Error())
	try(1, func(*task.Transfer) {})
	try(1, func(*task.Transfer) {})
	w.expect(1, "10220 moved 2: <nil>", "12020 moved 0: "+task.ErrTicket.Error())
	w.expect(0, "10230 moved 2: <nil>")
	admit(time.Second)
	w.RunFor(time.Minute)
	w.expect(0, "15000 moved 0: "+task.ErrTimeout.Error())
	admit(time.Hour)
	w.RunFor(2 * time.Minute)
	w.expect(0, "134000 moved 0: "+task.ErrTimeout.Error())
}

// A transfer is stopped by the end that wants no more of it, and by a peer's expulsion.
func TestBulkStops(t *testing.T) {
	for _, drop := range []bool{false, true} {
		w := newWorld(t, sim.Config{Bandwidth: 10 * mib, Connections: true}, 2)
		var stop func()
		part := task.Whole(8 * mib)
		var ticket task.Ticket
		w.Call(0, func() {
			ticket, _ = w.toys[0].Admit(task.Transfer{With: w.Handle(1), Part: part, Source: pages{8 * mib}, Timeout: time.Minute},
				func(m task.Moved) { w.toys[0].note("moved %d: %v", m.Chunks, m.Err) })
		})
		w.Call(1, func() {
			stop = w.toys[1].Bulk(task.Transfer{With: w.Handle(0), Part: part, Sink: new(shelf), Ticket: ticket, Timeout: time.Minute},
				func(m task.Moved) { w.toys[1].note("moved %d: %v", m.Chunks, m.Err) })
		})
		w.At(500*time.Millisecond, func() {
			w.Call(1, func() {
				if drop {
					w.toys[1].Drop(w.Handle(0))
				} else {
					stop()
				}
			})
		})
		w.RunFor(time.Minute)
		here, there := task.ErrCancelled, task.ErrFar
		if drop {
			here, there = task.ErrBroken, task.ErrBroken
		}
		w.expect(1, `0 start 1 saved ""`, "500 moved 4: "+here.Error())
		w.expect(0, `0 start 1 saved ""`, "510 moved 4: "+there.Error())
	}
}

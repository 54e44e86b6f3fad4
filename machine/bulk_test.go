package machine_test

import (
	"errors"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

type sink struct{}

func (sink) WriteChunk(int, []byte) error { return nil }

func transfer(with uint8) task.Transfer {
	return task.Transfer{With: &peer.Handle{ID: id.Tiny(with)}, Part: task.Whole(10), Sink: sink{}, Timeout: time.Minute}
}

// A transfer is an effect, its outcome an input; it can be stopped as long as it is not
// over.
func TestBulk(t *testing.T) {
	k := kernel()
	var got []task.Moved
	var stop func()
	es := step(k, 0, call(func() {
		tr := transfer(9)
		tr.Ticket = task.Ticket{7}
		stop = k.Bulk(tr, func(m task.Moved) { got = append(got, m) })
	}))
	if len(es) != 1 || es[0].Kind != machine.DoBulk || es[0].Bulk.Ticket != (task.Ticket{7}) {
		t.Fatalf("effects %+v", es)
	}
	slot := es[0].Slot
	if es := step(k, 1, call(stop)); len(es) != 1 || es[0].Kind != machine.DoStopBulk || es[0].Slot != slot {
		t.Errorf("effects %+v", es)
	}
	step(k, 2, machine.Input{Kind: machine.InDone, Slot: slot, Result: task.Moved{Chunks: 0, Err: task.ErrCancelled}})
	if len(got) != 1 || !errors.Is(got[0].Err, task.ErrCancelled) {
		t.Errorf("outcomes %+v", got)
	}
	if es := step(k, 3, call(stop)); len(es) != 0 {
		t.Errorf("what is over was stopped: %+v", es)
	}
}

// Tickets differ, and are the driver's to keep.
func TestAdmit(t *testing.T) {
	k := kernel()
	seen := make(map[task.Ticket]bool)
	es := step(k, 0, call(func() {
		for range 3 {
			ticket, _ := k.Admit(transfer(9), func(task.Moved) {})
			seen[ticket] = true
		}
	}))
	for _, e := range es {
		if e.Kind != machine.DoAdmit || !seen[e.Bulk.Ticket] {
			t.Errorf("effect %+v", e)
		}
	}
	if len(es) != 3 || len(seen) != 3 {
		t.Errorf("%d effects, %d tickets", len(es), len(seen))
	}
}

// With one peer there are at most so many at once; one with another peer, and one after
// another has ended, goes on. What is no part is refused, never silently.
func TestTooManyTransfers(t *testing.T) {
	k := kernel()
	var errs []error
	done := func(m task.Moved) { errs = append(errs, m.Err) }
	ring := func(es []machine.Effect) {
		for _, e := range es {
			if e.Kind == machine.DoSetTimer {
				step(k, e.At, machine.Input{Kind: machine.InTimer, Slot: e.Slot})
			}
		}
	}
	var first uint32
	for i := range task.MaxTransfers {
		es := step(k, 0, call(func() { k.Bulk(transfer(9), done) }))
		if i == 0 {
			first = es[0].Slot
		}
	}
	ring(step(k, 0, call(func() { k.Bulk(transfer(9), done) })))
	if len(errs) != 1 || !errors.Is(errs[0], task.ErrBusy) {
		t.Fatalf("one too many: %v", errs)
	}
	if es := step(k, 0, call(func() { k.Bulk(transfer(8), done) })); len(es) != 1 || es[0].Kind != machine.DoBulk {
		t.Errorf("with another peer: %+v", es)
	}
	step(k, 0, machine.Input{Kind: machine.InDone, Slot: first, Result: task.Moved{}})
	if es := step(k, 0, call(func() { k.Admit(transfer(9), done) })); len(es) != 1 || es[0].Kind != machine.DoAdmit {
		t.Errorf("after one has ended: %+v", es)
	}
	errs = nil
	ring(step(k, 0, call(func() {
		tr := transfer(7)
		tr.Part.Chunks = []int{4}
		k.Bulk(tr, done)
	})))
	if len(errs) != 1 || !errors.Is(errs[0], task.ErrPart) {
		t.Errorf("no part: %v", errs)
	}
}

package pastry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/task"
)

// zeros is a content, and what takes it.
type zeros struct{ got int }

// ReadChunk implements task.Source.
func (*zeros) ReadChunk(_ int, into []byte) ([]byte, error) {
	return append(into[:0], make([]byte, task.ChunkSize)...), nil
}

// WriteChunk implements task.Sink.
func (z *zeros) WriteChunk(_ int, content []byte) error {
	z.got += len(content)
	return nil
}

// An overlay passes transfers through to the driver, with the number of the application
// that asks: another one's ticket is not good.
func TestBulk(t *testing.T) {
	w := grow(t, 3, coded(7))
	live := w.Live()
	from, to := live[0], live[1]
	sink := new(zeros)
	var ticket task.Ticket
	var outcomes []string
	note := func(who string) func(task.Moved) {
		return func(m task.Moved) { outcomes = append(outcomes, fmt.Sprint(who, " ", m.Chunks, " ", m.Err)) }
	}
	give := func(e kbr.Endpoint, tr task.Transfer) {
		tr.Part, tr.Timeout = task.Whole(3*task.ChunkSize), time.Minute
		if tr.Source != nil {
			ticket, _ = e.Admit(tr, note("holder"))
			return
		}
		tr.Ticket = ticket
		e.Bulk(tr, note("reader"))
	}
	w.Sim.Call(from, func() { give(w.Node(from).Endpoint(appNumber), task.Transfer{With: w.Sim.Handle(to), Source: sink}) })
	w.Sim.Call(to, func() {
		// The kernel itself has no number.
		w.Node(to).Bulk(task.Transfer{With: w.Sim.Handle(from), Ticket: ticket, Part: task.Whole(3 * task.ChunkSize), Sink: sink, Timeout: time.Minute}, note("stranger"))
		give(w.Node(to).Endpoint(appNumber), task.Transfer{With: w.Sim.Handle(from), Sink: sink})
	})
	w.Sim.RunFor(2 * time.Second)
	want := []string{"stranger 0 " + task.ErrTicket.Error(), "reader 3 <nil>", "holder 3 <nil>"}
	if fmt.Sprint(outcomes) != fmt.Sprint(want) || sink.got != 3*task.ChunkSize {
		t.Errorf("outcomes %q, want %q; %d bytes came", outcomes, want, sink.got)
	}
}

package bulk

import (
	"bytes"
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// partCost is what the longest part takes, whose chunks an opening names in few bytes: as
// many bytes of input are allowed for it.
const partCost = 4 * task.MaxChunks

// FuzzOpening: an opening that is taken says the same when it is written again, and costs
// no more than a part may have.
func FuzzOpening(f *testing.F) {
	for _, p := range []task.Part{task.Whole(1), task.Whole(9 << 20), {Size: 9 << 20, Chunks: []int{0, 2, 3, 8}}} {
		o := newOpening(&task.Transfer{App: 9, Ticket: task.Ticket{1}, Part: p})
		f.Add(wire.MustMarshal(&o))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var o opening
		var err error
		budget.Decode(t, len(b)+partCost, func() { o, err = parseOpening(b) })
		if err != nil {
			return
		}
		tr := task.Transfer{App: o.App, Ticket: task.Ticket(o.Ticket), Part: o.part}
		again := newOpening(&tr)
		x, err := parseOpening(wire.MustMarshal(&again))
		if err != nil || x.Size != o.Size || !slices.Equal(x.part.Chunks, o.part.Chunks) || !bytes.Equal(x.Ticket, o.Ticket) {
			t.Errorf("%+v becomes %+v: %v", o, x, err)
		}
	})
}

// tape is a stream of which everything was received already.
type tape struct{ io.Reader }

func (tape) Write(b []byte) (int, error) { return len(b), nil }
func (tape) Close() error                { return nil }
func (tape) Remote() peer.Key            { return peer.Key{} }
func (tape) Addr() string                { return "tape" }
func (tape) SetDeadline(time.Time) error { return nil }
func (tape) CloseWrite() error           { return nil }
func (tape) Reset() error                { return nil }

// exact takes what has the length of its chunk.
type exact struct {
	part task.Part
	n    int
}

func (e *exact) WriteChunk(n int, content []byte) error {
	if n != e.part.Chunks[e.n] || len(content) != e.part.Len(e.n) {
		panic("a chunk that was not asked for")
	}
	e.n++
	return nil
}

func (e *exact) ReadChunk(n int, into []byte) ([]byte, error) {
	for i, m := range e.part.Chunks {
		if m == n {
			return into[:e.part.Len(i)], nil
		}
	}
	panic("a chunk that nobody wants")
}

// FuzzStream: whatever comes over a stream, its end takes the chunks of its part in their
// order and no others, and comes to an end.
func FuzzStream(f *testing.F) {
	part := task.Part{Size: task.ChunkSize + 10, Chunks: []int{1}}
	head := func(r record) []byte {
		var b [headSize]byte
		r.put(b[:])
		return b[:]
	}
	f.Add(append(head(record{piece, 1, 10}), "0123456789"...))
	f.Add(append(head(record{piece, 1, 4}), append([]byte("0123"), append(head(record{piece, 1, 6}), "456789"...)...)...))
	f.Add(head(record{stop, failed, 0}))
	f.Add(append(head(record{ack, 0, 10}), head(record{ack, 1, 10})...))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, sends := range []bool{true, false} {
			end := &exact{part: part}
			tr := &transfer{Transfer: &task.Transfer{Part: part, Sink: end}}
			if sends {
				tr.Sink, tr.Source = nil, end
			}
			tr.ctx, tr.cancel = context.WithCancelCause(t.Context())
			m := &Mover{cfg: Config{Stall: time.Minute, Bad: func(*peer.Handle, string, error) {}, Broke: func(v any) { t.Error(v) }}}
			m.pool.New = func() any { return new(buffer) }
			x := m.exchange(tr, tape{bytes.NewReader(b)}, part)
			moved := x.move()
			x.end()
			if moved.Err == nil != (moved.Chunks == 1) || !sends && moved.Chunks != end.n {
				t.Errorf("sends %v: %+v, the sink has %d", sends, moved, end.n)
			}
			tr.cancel(nil)
		}
	})
}

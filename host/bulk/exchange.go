package bulk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
)

// farewell is how long an end that said why it gives up waits for the other to hang up.
const farewell = 2 * time.Second

// buffer has room for a chunk, and before it for a record.
type buffer [headSize + task.ChunkSize]byte

// exchange is a transfer with a stream.
type exchange struct {
	m     *Mover
	t     *transfer
	st    transport.Stream
	part  task.Part
	watch *time.Timer // rings when nothing moved for too long
	drop  func() bool

	mu   sync.Mutex // guards writes of records that are not pieces
	said bool       // a stop: nothing is said after it
}

func (m *Mover) exchange(t *transfer, st transport.Stream, part task.Part) *exchange {
	x := &exchange{m: m, t: t, st: st, part: part}
	x.watch = time.AfterFunc(m.cfg.Stall, func() { t.cancel(task.ErrStalled) })
	x.drop = context.AfterFunc(t.ctx, func() { st.Reset() })
	return x
}

// end frees what the exchange holds. The stream is closed, or reset if the transfer was
// not done.
func (x *exchange) end() {
	x.watch.Stop()
	if x.drop() {
		x.st.Reset()
	}
}

// done closes the stream in order.
func (x *exchange) done() {
	x.drop()
	x.st.Close()
}

// progress notes that something moved.
func (x *exchange) progress() { x.watch.Reset(x.m.cfg.Stall) }

// move carries the transfer out, in whichever direction.
func (x *exchange) move() task.Moved {
	var n int
	var err error
	if x.t.Source != nil {
		n, err = x.send()
	} else {
		n, err = x.receive()
	}
	if n == len(x.part.Chunks) {
		return task.Moved{Chunks: n}
	}
	return task.Moved{Chunks: n, Err: x.why(err)}
}

// own wraps an error of this end's source or sink.
type own struct{ err error }

// Error implements error.
func (o own) Error() string { return o.err.Error() }

// why is the reason for which a transfer ended early.
func (x *exchange) why(err error) error {
	var o own
	if errors.As(err, &o) {
		return o.err
	}
	return x.t.why(err)
}

// bad tells of what may not come here.
func (x *exchange) bad(err error) error {
	x.m.cfg.Bad(x.t.With, BadStream, err)
	return fmt.Errorf("%w: %w", task.ErrBroken, err)
}

// say writes a record, unless a stop was said.
func (x *exchange) say(r record) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.said {
		return nil
	}
	x.said = r.kind == stop
	var b [headSize]byte
	r.put(b[:])
	_, err := x.st.Write(b[:])
	return err
}

// giveUp tells the other end that this one cannot go on. What it still sends is read,
// but not for long, as a reset would take away what was said.
func (x *exchange) giveUp() {
	x.st.SetDeadline(time.Now().Add(farewell))
	if x.say(record{kind: stop, n: failed}) == nil {
		x.st.CloseWrite()
	}
}

// contain runs a source's or sink's code.
func (x *exchange) contain(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			x.m.cfg.Broke(v)
			err = task.ErrStopped
		}
	}()
	return f()
}

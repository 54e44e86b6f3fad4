package bulk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// dial opens a stream for a transfer and carries it out.
func (m *Mover) dial(t *transfer) task.Moved {
	if err := m.out.take(t.ctx, t.With.ID); err != nil {
		return task.Moved{Err: err}
	}
	defer m.out.give(t.With.ID)
	ctx, cancel := context.WithTimeout(t.ctx, openTime)
	defer cancel()
	st, err := m.cfg.Carrier.Open(ctx, t.With.Key, t.With.Addrs, Protocol)
	if err != nil {
		return task.Moved{Err: t.why(err)}
	}
	x := m.exchange(t, st, t.Part)
	defer x.end()
	if err := x.ask(); err != nil {
		return task.Moved{Err: x.why(err)}
	}
	return x.move()
}

// why is the reason of an error of a stream: why this end gave it up, or that it broke.
func (t *transfer) why(err error) error {
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx)
	}
	if errors.Is(err, task.ErrBroken) || errors.Is(err, task.ErrTicket) || errors.Is(err, task.ErrBusy) || errors.Is(err, task.ErrFar) {
		return err
	}
	return fmt.Errorf("%w: %w", task.ErrBroken, err)
}

// ask sends the opening and reads whether the transfer is let in.
func (x *exchange) ask() error {
	o := newOpening(x.t.Transfer)
	b, err := wire.AppendFrame(nil, wire.MustMarshal(&o))
	if err != nil {
		return err
	}
	if _, err := x.st.Write(b); err != nil {
		return err
	}
	r, err := readRecord(x.st, new([headSize]byte))
	switch {
	case err != nil:
		return err
	case r.kind == admitted:
		x.progress()
		return nil
	case r.kind == stop:
		return stopped(r.n)
	}
	return x.bad(fmt.Errorf("record of kind %d in answer to an opening", r.kind))
}

// serve takes a stream that another node opened.
func (m *Mover) serve(st transport.Stream) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		st.Reset()
		return
	}
	m.run.Add(1)
	m.mu.Unlock()
	defer m.run.Done()
	drop := context.AfterFunc(m.ctx, func() { st.Reset() })
	defer drop()
	st.SetDeadline(time.Now().Add(openTime))
	o, err := readOpening(st)
	if err != nil {
		if errors.Is(err, wire.ErrMalformed) || errors.Is(err, wire.ErrTooLarge) || errors.Is(err, task.ErrPart) || errors.Is(err, os.ErrDeadlineExceeded) {
			m.cfg.Bad(nil, BadOpening, err)
		}
		st.Reset()
		return
	}
	t := m.expected(o, st.Remote())
	if t == nil {
		m.cfg.Bad(nil, BadTicket, task.ErrTicket)
		refuse(st, noTicket)
		return
	}
	if t.expire() {
		m.run.Done() // its expiry's
	}
	m.end(t, m.admit(t, st, o.part))
}

// expected takes the transfer that an opening from the holder of a key is for, if there
// is one.
func (m *Mover) expected(o opening, key peer.Key) *transfer {
	m.mu.Lock()
	defer m.mu.Unlock()
	ticket := task.Ticket(o.Ticket)
	t := m.tickets[ticket]
	if t == nil || t.With.Key != key || t.App != o.App || o.Sends != (t.Sink != nil) || !t.Part.Holds(o.part) {
		return nil
	}
	delete(m.tickets, ticket)
	t.unused.Stop()
	return t
}

// admit lets a transfer in, when there is room, and carries it out.
func (m *Mover) admit(t *transfer, st transport.Stream, part task.Part) task.Moved {
	ctx, cancel := context.WithTimeoutCause(t.ctx, openTime/2, task.ErrBusy)
	defer cancel()
	if err := m.in.take(ctx, t.With.ID); err != nil {
		refuse(st, busy)
		return task.Moved{Err: err}
	}
	defer m.in.give(t.With.ID)
	st.SetDeadline(time.Time{})
	x := m.exchange(t, st, part)
	defer x.end()
	if err := x.say(record{kind: admitted}); err != nil {
		return task.Moved{Err: x.why(err)}
	}
	return x.move()
}

// refuse says why a stream is not let in, and waits for the opener to hang up.
func refuse(st transport.Stream, reason uint32) {
	var b [headSize]byte
	record{kind: stop, n: reason}.put(b[:])
	st.SetDeadline(time.Now().Add(farewell))
	if _, err := st.Write(b[:]); err == nil {
		st.CloseWrite()
		io.Copy(io.Discard, io.LimitReader(st, maxWindow))
	}
	st.Reset()
}

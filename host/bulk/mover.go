package bulk

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
)

// openTime bounds the making of a stream and its opening, at either end.
const openTime = 10 * time.Second

// Config is what a Mover needs. Stall may be 0.
type Config struct {
	// Carrier makes the streams.
	Carrier transport.Transport
	// Done is told the outcome of each transfer, once, when its source or sink is no
	// longer in use. It may be called from any goroutine, and must not block.
	Done func(slot uint32, m task.Moved)
	// Bad is told of what came from outside and no honest node sends. from is nil for a
	// stream that belongs to no transfer.
	Bad func(from *peer.Handle, kind string, err error)
	// Broke is told of a panic of a source or sink, a bug of this program.
	Broke func(value any)
	// Stall is how long nothing may move; 0 means task.Stall.
	Stall time.Duration
}

// Kinds of bad input.
const (
	BadOpening = "bulk_opening" // no opening, or a slow one
	BadTicket  = "bulk_ticket"  // no such transfer is expected of this peer; it may just be late
	BadStream  = "bulk_stream"  // what may not come at this place of a stream
)

// Counts are what a Mover has done.
type Counts struct {
	BytesIn, BytesOut uint64 // of contents, acknowledged or not
	Transfers         int    // that are not over
}

// Mover moves contents for one node. Its methods may be called from any goroutine, and do
// not block.
type Mover struct {
	cfg  Config
	ctx  context.Context
	stop context.CancelCauseFunc
	run  sync.WaitGroup
	out  seats
	in   seats
	pool sync.Pool // of *buffer

	bytesIn, bytesOut atomic.Uint64

	mu      sync.Mutex // guards what follows
	closed  bool
	live    map[uint32]*transfer // by slot
	tickets map[task.Ticket]*transfer
}

// transfer is one that is not over.
type transfer struct {
	*task.Transfer
	slot   uint32
	ctx    context.Context
	cancel context.CancelCauseFunc
	// expire keeps an admitted transfer from expiring; nil for one that was opened here.
	expire func() bool
	unused *time.Timer // of one that was admitted: its ticket waits no longer
}

// New returns a Mover that serves streams of its protocol.
func New(cfg Config) *Mover {
	if cfg.Stall <= 0 {
		cfg.Stall = task.Stall
	}
	m := &Mover{cfg: cfg, live: make(map[uint32]*transfer), tickets: make(map[task.Ticket]*transfer)}
	m.ctx, m.stop = context.WithCancelCause(context.Background())
	m.pool.New = func() any { return new(buffer) }
	cfg.Carrier.Serve(Protocol, m.serve)
	return m
}

// begin notes a transfer; it returns nil if the Mover is closed, and then nobody is told.
func (m *Mover) begin(slot uint32, tr *task.Transfer) *transfer {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	t := &transfer{Transfer: tr, slot: slot}
	ctx, cancel := context.WithCancelCause(m.ctx)
	ctx, end := context.WithTimeoutCause(ctx, tr.Timeout, task.ErrTimeout)
	t.ctx, t.cancel = ctx, func(err error) { cancel(err); end() }
	m.live[slot] = t
	m.run.Add(1)
	return t
}

// Open opens a stream for a transfer.
func (m *Mover) Open(slot uint32, tr *task.Transfer) {
	if t := m.begin(slot, tr); t != nil {
		go func() {
			defer m.run.Done()
			m.end(t, m.dial(t))
		}()
	}
}

// Admit expects a stream for a transfer.
func (m *Mover) Admit(slot uint32, tr *task.Transfer) {
	t := m.begin(slot, tr)
	if t == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tickets[tr.Ticket] = t
	t.unused = time.AfterFunc(task.TicketTime, func() { t.cancel(task.ErrTimeout) })
	t.expire = context.AfterFunc(t.ctx, func() {
		defer m.run.Done()
		if m.take(t) {
			m.end(t, task.Moved{Err: context.Cause(t.ctx)})
		}
	})
}

// take takes a transfer off those that are expected; false if it was taken before.
func (m *Mover) take(t *transfer) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tickets[t.Ticket] != t {
		return false
	}
	delete(m.tickets, t.Ticket)
	return true
}

// Stop gives a transfer up, which may be over.
func (m *Mover) Stop(slot uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.live[slot]; t != nil {
		t.cancel(task.ErrCancelled)
	}
}

// Drop breaks off all transfers with a node whose certificate is no longer good.
func (m *Mover) Drop(node id.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.live {
		if t.With.ID == node {
			t.cancel(fmt.Errorf("%w: the other node is expelled", task.ErrBroken))
		}
	}
}

// Close gives all transfers up and returns what is closed when none is under way.
func (m *Mover) Close() <-chan struct{} {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.cfg.Carrier.Serve(Protocol, nil)
	m.stop(task.ErrStopped)
	over := make(chan struct{})
	go func() {
		m.run.Wait()
		close(over)
	}()
	return over
}

// Counts returns what was done so far.
func (m *Mover) Counts() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Counts{BytesIn: m.bytesIn.Load(), BytesOut: m.bytesOut.Load(), Transfers: len(m.live)}
}

// end tells a transfer's outcome.
func (m *Mover) end(t *transfer, moved task.Moved) {
	t.cancel(nil)
	if t.unused != nil {
		t.unused.Stop()
	}
	m.mu.Lock()
	delete(m.live, t.slot)
	m.mu.Unlock()
	m.cfg.Done(t.slot, moved)
}

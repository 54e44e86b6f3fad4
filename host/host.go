package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phyllo-net/phyllo/host/bulk"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/wire"
)

// Errors of a host.
var (
	// ErrStopped: the node is stopping, or has stopped.
	ErrStopped = task.ErrStopped
	// ErrBroken: a bug of the program ended the node; the log has the stack.
	ErrBroken = errors.New("the node ended by a fault of the program: its log says where, please report it")
	// ErrNotStarted: Start was not called.
	ErrNotStarted = errors.New("the node was not started")
	// ErrStuck: something did not end in the time that Stop had.
	ErrStuck = errors.New("the node did not stop in time")
)

// Defaults of a Config.
const (
	// DefaultWorkers is more than most computers have processors: some wait for the disk.
	DefaultWorkers = 12
	DefaultPause   = 2 * time.Second
)

// StopTime is the longest that Stop takes, whatever its context says.
const StopTime = 4500 * time.Millisecond

// Config is what a host needs. Make and Table are required.
type Config struct {
	// Make makes the machine, on the loop, when the host starts. The machine owns
	// rng. saved is Config.Saved.
	Make func(rng *rand.Rand, saved []byte) (machine.Machine, error)
	// Table lists the messages that cross links.
	Table *wire.Table
	// Saved is what the node last gave to Save, or nil.
	Saved []byte
	// Save keeps a snapshot for the node's next start. It may block; it is called
	// off the loop, by one goroutine at a time, with the newest snapshot: older
	// ones that have not been begun are skipped. It owns the slice. nil drops them.
	Save func(snapshot []byte) error
	// Workers is how many functions of Env.Work run at once; 0 means 4.
	Workers int
	// Pause is how long the loop may stand still before the machine is told that
	// it slept; 0 means 2 s. A pause that begins while the loop has nothing to do
	// may be up to a second longer before it is seen as one.
	Pause time.Duration
	// Clock reads both clocks; nil means System. It is called by the loop only.
	Clock func() machine.Clock
	// Seed seeds the machine's randomness; nil means one that nobody can guess.
	Seed *[32]byte
	// Log may be nil.
	Log *slog.Logger
}

// Host runs one machine. Its methods may be called from any goroutine but the
// loop's own: not by the machine, nor by the functions of Call and Do.
type Host struct {
	cfg   Config
	log   *slog.Logger
	inbox *inbox
	work  pool
	saver saver
	calls chan struct{} // a place in it for each call that waits
	count counts
	bads  transport.Ledger[id.ID]

	mu      sync.Mutex // guards what follows
	carrier transport.Transport
	mover   *bulk.Mover // nil before Start
	started bool
	stopped bool
	fault   error

	self atomic.Pointer[peer.Handle]
	over chan struct{} // closed when the loop has ended
	loop loop          // the loop's own
}

// New returns a host that is not started. The assembly gives Events to the
// transport, the transport to Attach, and then calls Start.
func New(cfg Config) *Host {
	if cfg.Workers <= 0 {
		cfg.Workers = DefaultWorkers
	}
	if cfg.Pause <= 0 {
		cfg.Pause = DefaultPause
	}
	if cfg.Clock == nil {
		cfg.Clock = System()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	h := &Host{
		cfg: cfg, log: cfg.Log, inbox: newInbox(),
		calls: make(chan struct{}, maxCalls), over: make(chan struct{}),
	}
	h.work.host, h.work.most = h, cfg.Workers
	h.work.hand, h.work.shut = make(chan job), make(chan struct{})
	h.saver.host = h
	return h
}

// Attach gives the host the transport that was made with Events. It is called
// once, before Start. The host uses the transport and does not close it: the
// assembly does, after Stop.
func (h *Host) Attach(t transport.Transport) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.carrier = t
}

func (h *Host) transport() transport.Transport {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.carrier
}

// Start makes the machine and starts the loop, and returns when the machine has
// handled InStart. It fails if Make does, and on a second call.
func (h *Host) Start() error {
	h.mu.Lock()
	switch {
	case h.stopped:
		h.mu.Unlock()
		return ErrStopped
	case h.started:
		h.mu.Unlock()
		return errors.New("the node was started already")
	case h.carrier == nil:
		h.mu.Unlock()
		return errors.New("host: Start without Attach")
	}
	h.started = true
	h.loop.transport = h.carrier
	h.mover = h.newMover()
	h.loop.mover = h.mover
	h.mu.Unlock()
	began := make(chan error, 1)
	go h.run(began)
	select {
	case err := <-began:
		return err
	case <-h.over:
	}
	select {
	case err := <-began:
		return err
	default:
		return h.stoppedErr()
	}
}

// Stop ends the node in order: the machine gets InStop and sends its farewells, its
// tasks end, work that runs and the last snapshot are waited for, frames that wait
// are given half a second to go out. Work that has not begun is dropped. It returns
// nil, or what broke the node (ErrBroken) earlier, or ErrStuck. Stop may be called
// again, and without Start.
func (h *Host) Stop(ctx context.Context) error {
	h.mu.Lock()
	first := !h.stopped
	h.stopped = true
	started, carrier := h.started, h.carrier
	h.mu.Unlock()
	if !started {
		if first {
			h.inbox.shut()
			close(h.over)
		}
		return nil
	}
	if first {
		h.put(item{in: machine.Input{Kind: machine.InStop}})
	}
	ctx, cancel := context.WithTimeout(ctx, StopTime)
	defer cancel()
	for _, part := range []struct {
		what string
		end  func() <-chan struct{}
	}{{"its loop", h.Done}, {"its work", h.work.close}, {"its transfers", h.loop.mover.Close}, {"its saving", h.saver.idle}} {
		if !within(ctx, part.end()) {
			return errors.Join(fmt.Errorf("%w: %s goes on", ErrStuck, part.what), h.Err())
		}
	}
	flush(ctx, carrier)
	return h.Err()
}

// within waits for end; it reports false if ctx ends first.
func within(ctx context.Context, end <-chan struct{}) bool {
	select {
	case <-end:
		return true
	case <-ctx.Done():
	}
	select {
	case <-end: // both
		return true
	default:
		return false
	}
}

// Done is closed when the node has ended, by Stop or by a fault. The assembly
// watches it: a node that broke must not seem alive.
func (h *Host) Done() <-chan struct{} { return h.over }

// Err is nil, or wraps ErrBroken if a fault of the program ended the node.
func (h *Host) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fault
}

// Self is the node's own handle as of its last input, or nil before Start.
func (h *Host) Self() *peer.Handle { return h.self.Load() }

// How long the end waits for frames that go, and for links on which nothing moves.
const (
	flushTime     = 1500 * time.Millisecond
	flushPatience = 500 * time.Millisecond
)

// flush waits until no link has frames that wait, or until for half a second none of them
// went, but no longer than flushTime, so that no peer holds up the end: on a busy computer a goodbye takes longer, and who does not hear it waits for the leases of
// who has gone.
func flush(ctx context.Context, t transport.Transport) {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	least, moved := math.MaxInt, time.Now()
	for {
		waiting := 0
		for _, l := range t.Links() {
			waiting += l.Queued
		}
		if waiting < least {
			least, moved = waiting, time.Now()
		}
		if waiting == 0 || time.Since(moved) >= flushPatience {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cause"
	"github.com/phyllo-net/phyllo/internal/daemons"
)

// Bounds of what a node owes.
const (
	readyTime  = time.Minute     // from a start, or from going on, until it is in the ring
	callTime   = 2 * time.Minute // until a call has an outcome, longer than a process is stopped
	settleTime = 2 * time.Minute // from when all nodes are back until all messages have come
	stopTime   = 20 * time.Second
	namesTime  = time.Minute // until every name is found at every node, in the end
)

// field is a soak that goes on.
type field struct {
	plan
	ring  *daemons.Ring
	nodes []*node
	book  *book
	begun time.Time
	over  chan struct{} // closed when nobody writes and nobody is struck any more
	still chan struct{} // closed when all has come, or will not

	mu      sync.Mutex
	faults  []string
	excused int // calls that failed, at nodes that were struck meanwhile
}

// node is one process and what was seen of it.
type node struct {
	*daemons.Daemon
	number int
	user   string

	mu      sync.Mutex
	turns   int // odd: it is struck, and may be away
	strikes map[string]int
	slowest time.Duration // from a start or from going on until it was ready
	samples []sample

	inbox []api.Message // of its reader, oldest first
}

// turn says whether the node is struck now, and is another number after each change
// of that.
func (n *node) turn() (turns int, struck bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.turns, n.turns%2 == 1
}

// blame notes a fault, once.
func (f *field) blame(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	if at := time.Since(f.begun); !f.begun.IsZero() {
		text = fmt.Sprintf("after %v: %s", at.Round(time.Second), text)
	}
	f.faults = append(f.faults, text)
	fmt.Fprintln(os.Stderr, "soak:", text)
}

// failed judges an error of a call that began in the given turn of the node: if the
// node was not struck before its end, it is a fault.
func (f *field) failed(n *node, began int, what string, err error) {
	turns, struck := n.turn()
	if (struck || turns != began) && !errors.Is(err, context.DeadlineExceeded) {
		f.mu.Lock()
		f.excused++
		f.mu.Unlock()
		return
	}
	f.blame("%s at %s, which was not struck: %v", what, n.user, err)
}

// run does what the plan says. The report is nil if nothing could begin.
func run(ctx context.Context, p plan) (r *report, err error) {
	dir, err := os.MkdirTemp("", "phyllo-soak-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var flags []string
	if p.race {
		flags = append(flags, "-race")
	}
	program, err := daemons.Build(ctx, dir, flags...)
	if err != nil {
		return nil, err
	}
	ring, err := daemons.NewRing(ctx, program, dir, p.nodes)
	if err != nil {
		return nil, errors.Join(err, ring.Close())
	}
	f := newField(p, ring)
	if err = f.befriend(ctx); err != nil {
		return nil, errors.Join(err, ring.Close())
	}
	busy, own := daemons.Busy(), ownCPU()
	err = f.work(ctx)
	f.conclude(ctx)
	length := time.Since(f.begun)
	if end := ring.Close(); end != nil {
		f.blame("ending the nodes: %v", end)
	}
	f.readLogs()
	r = f.report()
	r.ours = (ownCPU() - own).Seconds() / length.Seconds()
	r.busy = (daemons.Busy() - busy).Seconds() / length.Seconds()
	return r, err
}

func newField(p plan, ring *daemons.Ring) *field {
	f := &field{plan: p, ring: ring, book: newBook(), over: make(chan struct{}), still: make(chan struct{})}
	for i, d := range ring.Daemons {
		f.nodes = append(f.nodes, &node{Daemon: d, number: i, user: ring.Users[i], strikes: map[string]int{}})
	}
	return f
}

// befriend makes everybody a contact of everybody, as strangers could write a few
// messages only.
func (f *field) befriend(ctx context.Context) error {
	errs := make(chan error)
	for _, n := range f.nodes {
		go func() {
			var err error
			for _, other := range f.ring.Users {
				if other != n.user && err == nil {
					_, err = n.API.ContactAdd(ctx, api.Who{Name: other})
				}
			}
			errs <- err
		}()
	}
	var all error
	for range f.nodes {
		all = cause.Join(all, <-errs)
	}
	return all
}

// work lets users write and read and strikes the nodes, for as long as the plan says;
// then it waits until all nodes are back and all has come.
func (f *field) work(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f.begun = time.Now()
	var busy, readers sync.WaitGroup
	for _, n := range f.nodes {
		busy.Go(func() { f.write(ctx, n) })
		readers.Go(func() { f.read(ctx, n) })
	}
	busy.Go(func() { f.strikeAll(ctx, cancel) })
	busy.Go(func() { f.watch(ctx) })
	f.pause(ctx, f.length, nil)
	close(f.over)
	busy.Wait()
	f.settle(ctx)
	close(f.still)
	readers.Wait()
	return context.Cause(ctx)
}

// pause waits so long, or until the context or the channel ends.
func (f *field) pause(ctx context.Context, d time.Duration, over <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-over:
	case <-ctx.Done():
	}
}

// dice is the chance of one part of the soak.
func (f *field) dice(part int) *rand.Rand { return rand.New(rand.NewPCG(f.seed, uint64(part))) }

// ended reports whether the channel is closed.
func ended(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

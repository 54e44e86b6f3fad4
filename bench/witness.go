package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/bench/row"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/task"
)

// witness notes every delivery of the ring, in this process and in others.
type witness struct {
	mu   sync.Mutex
	seen map[id.ID][]service // by key
	news chan struct{}       // closed and made anew at each delivery
}

func newWitness() *witness {
	return &witness{seen: make(map[id.ID][]service), news: make(chan struct{})}
}

func (w *witness) tell(s service) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[s.key] = append(w.seen[s.key], s)
	close(w.news)
	w.news = make(chan struct{})
}

// forget begins a new account of a key.
func (w *witness) forget(key id.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.seen, key)
}

// services are the deliveries for a key in the order of their times.
func (w *witness) services(key id.ID) []service {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Clone(w.seen[key])
	slices.SortFunc(all, func(a, b service) int { return a.at.Compare(b.at) })
	return all
}

// by waits for the first delivery for a key, from a moment on, that satisfies want.
func (w *witness) by(ctx context.Context, key id.ID, since time.Time, want func(service) bool) (service, error) {
	for {
		w.mu.Lock()
		news := w.news
		w.mu.Unlock()
		for _, s := range w.services(key) {
			if !s.at.Before(since) && want(s) {
				return s, nil
			}
		}
		select {
		case <-news:
		case <-ctx.Done():
			return service{}, ctx.Err()
		}
	}
}

// wrong counts deliveries for a key that broke the rule that one node serves a key at
// a time, and the nearest one: those of nodes other than the two whose turn it can be,
// and turns that went back and forth more often than turns says.
func (w *witness) wrong(key id.ID, first, heir id.ID, turns int) int {
	n, changes := 0, 0
	last := first
	for _, s := range w.services(key) {
		switch {
		case s.by != first && s.by != heir:
			n++
		case s.by != last:
			changes++
			last = s.by
		}
	}
	return n + max(0, changes-turns)
}

// outcomes count what became of requests.
type outcomes struct {
	mu      sync.Mutex
	asked   int
	failed  int // ended with an error
	silent  int // did not end
	running sync.WaitGroup
}

// Limits of requests while nodes die: their own, and when they count as without an
// outcome.
const (
	askTime    = 20 * time.Second
	silentTime = askTime + 5*time.Second
)

// ask asks the root of a key once, from a node.
func (o *outcomes) ask(ctx context.Context, from *ring.Node, key id.ID) {
	o.mu.Lock()
	o.asked++
	o.mu.Unlock()
	o.running.Go(func() {
		limited, end := context.WithTimeout(ctx, silentTime)
		defer end()
		err := from.Do(limited, func(t *task.T, ep kbr.Endpoint) error {
			_, err := kbr.Call(t, ep, key, make([]byte, row.Payload), kbr.Options{Timeout: askTime})
			return err
		})
		o.mu.Lock()
		defer o.mu.Unlock()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			o.silent++
		case err != nil:
			o.failed++
		}
	})
}

// keepAsking asks for a key again and again, from random nodes, until the returned
// function is called.
func (o *outcomes) keepAsking(ctx context.Context, r *ring.Ring, key id.ID, every time.Duration) (end func()) {
	ctx2, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		all, rng := r.Nodes(), rand.New(rand.NewPCG(key.Hi, key.Lo))
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			o.ask(ctx, all[rng.IntN(len(all))], key)
			select {
			case <-tick.C:
			case <-ctx2.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-over
	}
}

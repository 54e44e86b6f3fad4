package witness

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

// Witness notes every delivery of the ring, in this process and in others.
type Witness struct {
	mu   sync.Mutex
	seen map[id.ID][]Service // by key
	news chan struct{}       // closed and made anew at each delivery
}

// New returns a witness who has heard of nothing.
func New() *Witness {
	return &Witness{seen: make(map[id.ID][]Service), news: make(chan struct{})}
}

// Tell notes a delivery. It may be called from any goroutine.
func (w *Witness) Tell(s Service) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[s.Key] = append(w.seen[s.Key], s)
	close(w.news)
	w.news = make(chan struct{})
}

// Forget begins a new account of a key.
func (w *Witness) Forget(key id.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.seen, key)
}

// services are the deliveries for a key in the order of their times.
func (w *Witness) services(key id.ID) []Service {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Clone(w.seen[key])
	slices.SortFunc(all, func(a, b Service) int { return a.At.Compare(b.At) })
	return all
}

// By waits for the first delivery for a key, from a moment on, that satisfies want.
func (w *Witness) By(ctx context.Context, key id.ID, since time.Time, want func(Service) bool) (Service, error) {
	for {
		w.mu.Lock()
		news := w.news
		w.mu.Unlock()
		for _, s := range w.services(key) {
			if !s.At.Before(since) && want(s) {
				return s, nil
			}
		}
		select {
		case <-news:
		case <-ctx.Done():
			return Service{}, ctx.Err()
		}
	}
}

// Wrong counts deliveries for a key that broke the rule that one node serves a key at
// a time, and the nearest one: those of nodes other than the two whose turn it can be,
// and turns that went back and forth more often than turns says.
func (w *Witness) Wrong(key id.ID, first, heir id.ID, turns int) int {
	n, changes := 0, 0
	last := first
	for _, s := range w.services(key) {
		switch {
		case s.By != first && s.By != heir:
			n++
		case s.By != last:
			changes++
			last = s.By
		}
	}
	return n + max(0, changes-turns)
}

// Outcomes count what became of requests.
type Outcomes struct {
	mu      sync.Mutex
	Asked   int
	Failed  int // ended with an error
	Silent  int // did not end
	Running sync.WaitGroup
}

// Limits of requests while nodes die: their own, and when they count as without an
// outcome.
const (
	askTime    = 20 * time.Second
	silentTime = askTime + 5*time.Second
)

// ask asks the root of a key once, from a node.
func (o *Outcomes) ask(ctx context.Context, from *ring.Node, key id.ID) {
	o.mu.Lock()
	o.Asked++
	o.mu.Unlock()
	o.Running.Go(func() {
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
			o.Silent++
		case err != nil:
			o.Failed++
		}
	})
}

// KeepAsking asks for a key again and again, from random nodes, until the returned
// function is called.
func (o *Outcomes) KeepAsking(ctx context.Context, r *ring.Ring, key id.ID, every time.Duration) (end func()) {
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

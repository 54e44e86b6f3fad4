package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// payload is the size of a message.
const payload = 100

// sink is the application of the rows that route: it tells of each delivery.
type sink struct {
	ep  kbr.Endpoint
	got func(s *sink, d *kbr.Delivery)
}

// Start implements kbr.App.
func (s *sink) Start(ep kbr.Endpoint) { s.ep = ep }

// Deliver implements kbr.App.
func (s *sink) Deliver(d *kbr.Delivery) {
	if len(d.Payload) == payload { // else it only made a link
		s.got(s, d)
	}
}

// Update implements kbr.App.
func (*sink) Update(*peer.Handle, bool) {}

// Stop implements kbr.App.
func (*sink) Stop() {}

// stamp is when something was sent, in a message.
type stamp struct{ begin time.Time }

func (s stamp) message() []byte {
	b := make([]byte, payload)
	binary.BigEndian.PutUint64(b, uint64(time.Since(s.begin)))
	return b
}

func (s stamp) age(b []byte) time.Duration {
	return time.Since(s.begin) - time.Duration(binary.BigEndian.Uint64(b))
}

// Numbers of messages, one after another, of a round and before the first.
const (
	warming  = 4000
	messages = 15000
)

// patience is how long a message may take before the measurement gives up: nothing
// may get lost without a word.
const patience = 10 * time.Second

// arrived is a message that reached its root.
type arrived struct {
	took time.Duration
	hops int
}

// measureRoute sends messages one after another, each from a random node.
func measureRoute(ctx context.Context, e *env) ([]round, error) {
	clock := stamp{time.Now()}
	come := make(chan arrived, 1)
	app := func() kbr.App {
		return &sink{got: func(_ *sink, d *kbr.Delivery) { come <- arrived{clock.age(d.Payload), d.Hops} }}
	}
	return withRing(ctx, e, ring.Options{App: app}, func(r *ring.Ring) ([]round, error) {
		send := func(n *ring.Node, key id.ID) (arrived, error) {
			if err := n.Do(ctx, func(_ *task.T, ep kbr.Endpoint) error {
				ep.Route(key, clock.message(), nil)
				return nil
			}); err != nil {
				return arrived{}, err
			}
			return await(ctx, come)
		}
		return oneByOne(ctx, e, r, send, false)
	})
}

// measureRequest sends requests one after another, each from a random node.
func measureRequest(ctx context.Context, e *env) ([]round, error) {
	app := func() kbr.App {
		return &sink{got: func(_ *sink, d *kbr.Delivery) { d.Reply(d.Payload) }}
	}
	return withRing(ctx, e, ring.Options{App: app}, func(r *ring.Ring) ([]round, error) {
		send := func(n *ring.Node, key id.ID) (a arrived, err error) {
			err = n.Do(ctx, func(t *task.T, ep kbr.Endpoint) error {
				sent := time.Now()
				answer, err := kbr.Call(t, ep, key, make([]byte, payload), kbr.Options{Timeout: patience})
				a = arrived{time.Since(sent), answer.Hops}
				return err
			})
			return a, err
		}
		return oneByOne(ctx, e, r, send, true)
	})
}

func await(ctx context.Context, come <-chan arrived) (arrived, error) {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case a := <-come:
		return a, nil
	case <-late.C:
		return arrived{}, errors.New("a message got lost without a word")
	case <-ctx.Done():
		return arrived{}, ctx.Err()
	}
}

// oneByOne sends messages one after another from random nodes to random keys.
func oneByOne(ctx context.Context, e *env, r *ring.Ring, send func(*ring.Node, id.ID) (arrived, error), back bool) ([]round, error) {
	rng, all := rand.New(rand.NewPCG(1, 2)), r.Nodes()
	many := func(n int) (took []time.Duration, hops int, err error) {
		for range n {
			a, err := send(all[rng.IntN(len(all))], randomKey(rng))
			if err != nil {
				return nil, 0, err
			}
			took = append(took, a.took)
			hops += a.hops
		}
		return took, hops, nil
	}
	if _, _, err := many(warming); err != nil {
		return nil, err
	}
	var rounds []round
	for range e.rounds {
		before := traffic(all)
		took, hops, err := many(messages)
		if err != nil {
			return nil, err
		}
		cost := traffic(all).less(before)
		floor, err := streamTime(ctx, r)
		if err != nil {
			return nil, err
		}
		bound := fmt.Sprintf("100 bytes on a raw stream of the library below take %.0f/%.0f µs here, there and back", micros(floor.p50), micros(floor.p99))
		if !back {
			bound += ", so a hop at least half of it"
		}
		rounds = append(rounds, round{Bound: bound, Figures: []figure{
			{"p50", micros(quantile(took, 0.50)), "µs"}, {"p99", micros(quantile(took, 0.99)), "µs"},
			{"hops", float64(hops) / messages, ""}, {"frames", float64(cost.frames) / messages, "a message"},
			{"bytes", float64(cost.bytes) / messages, "a message"},
		}})
	}
	return rounds, nil
}

func randomKey(rng *rand.Rand) id.ID { return id.ID{Hi: rng.Uint64(), Lo: rng.Uint64()} }

// cost is what all nodes together sent.
type cost struct{ frames, bytes uint64 }

func traffic(all []*ring.Node) (c cost) {
	for _, n := range all {
		s := n.Stats()
		c.frames += s.Frames
		c.bytes += s.BytesOut
	}
	return c
}

func (c cost) less(d cost) cost { return cost{c.frames - d.frames, c.bytes - d.bytes} }

// outstanding is the number of messages under way at once in the row "load".
const outstanding = 64

// loadTime is how long a round counts.
const loadTime = 3 * time.Second

// loader keeps messages under way: whoever gets one sends the next.
type loader struct {
	clock stamp
	count atomic.Int64
	hops  atomic.Int64
	over  atomic.Bool
	left  sync.WaitGroup // messages that are under way once it is over
	took  latencies
}

// latencies is a sample of how long messages took; many nodes add to it.
type latencies struct {
	mu  sync.Mutex
	all []time.Duration
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, d)
}

func (l *latencies) take() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.all
	l.all = nil
	return all
}

func (l *loader) app() kbr.App {
	rng := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	return &sink{got: func(s *sink, d *kbr.Delivery) {
		if n := l.count.Add(1); n%64 == 0 { // a sample is enough, and leaves the nodes alone
			l.took.add(l.clock.age(d.Payload))
		}
		l.hops.Add(int64(d.Hops))
		if l.over.Load() {
			l.left.Done()
			return
		}
		s.ep.Route(randomKey(rng), l.clock.message(), nil)
	}}
}

// measureLoad keeps messages under way and counts those that arrive.
func measureLoad(ctx context.Context, e *env) ([]round, error) {
	l := &loader{clock: stamp{time.Now()}}
	return withRing(ctx, e, ring.Options{App: l.app}, func(r *ring.Ring) ([]round, error) {
		all, rng := r.Nodes(), rand.New(rand.NewPCG(3, 4))
		l.left.Add(outstanding)
		for range outstanding {
			if err := all[rng.IntN(len(all))].Do(ctx, func(_ *task.T, ep kbr.Endpoint) error {
				ep.Route(randomKey(rng), l.clock.message(), nil)
				return nil
			}); err != nil {
				return nil, err
			}
		}
		var rounds []round
		if _, err := l.round(ctx, all); err != nil { // to warm up
			return nil, err
		}
		for range e.rounds {
			x, err := l.round(ctx, all)
			if err != nil {
				return nil, err
			}
			rounds = append(rounds, x)
		}
		l.over.Store(true)
		return rounds, within(ctx, patience, l.left.Wait)
	})
}

// round counts for a while.
func (l *loader) round(ctx context.Context, all []*ring.Node) (round, error) {
	l.took.take()
	count, hops, before, used, begun := l.count.Load(), l.hops.Load(), traffic(all), processorTime(), time.Now()
	if err := pause(ctx, loadTime); err != nil {
		return round{}, err
	}
	took := time.Since(begun)
	n := float64(l.count.Load() - count)
	if n == 0 {
		return round{}, errors.New("nothing arrives any more")
	}
	sent, sample := traffic(all).less(before), l.took.take()
	each := (processorTime() - used).Seconds() / n * 1e6
	return round{
		Figures: []figure{
			{"rate", n / took.Seconds() / 1000, "k/s"}, {"p50", millis(quantile(sample, 0.5)), "ms"}, {"p99", millis(quantile(sample, 0.99)), "ms"},
			{"hops", float64(l.hops.Load()-hops) / n, ""}, {"frames", float64(sent.frames) / n, "a message"}, {"CPU", each, "µs a message"},
		},
		Bound: fmt.Sprintf("the processors are full: %.0f µs of CPU a message, %.0f µs a frame", each, each*n/float64(sent.frames)),
	}, nil
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// within waits for f.
func within(ctx context.Context, d time.Duration, f func()) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case <-done:
		return nil
	case <-late.C:
		return errors.New("messages got lost without a word")
	case <-ctx.Done():
		return ctx.Err()
	}
}

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

	"github.com/phyllo-net/phyllo/bench/computer"
	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/bench/row"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// sink is the application of the rows that route: it tells of each delivery.
type sink struct {
	ep  kbr.Endpoint
	got func(s *sink, d *kbr.Delivery)
}

// Start implements kbr.App.
func (s *sink) Start(ep kbr.Endpoint) { s.ep = ep }

// Deliver implements kbr.App.
func (s *sink) Deliver(d *kbr.Delivery) {
	if len(d.Payload) == row.Payload { // else it only made a link
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
	b := make([]byte, row.Payload)
	binary.BigEndian.PutUint64(b, uint64(time.Since(s.begin)))
	return b
}

func (s stamp) age(b []byte) time.Duration {
	return time.Since(s.begin) - time.Duration(binary.BigEndian.Uint64(b))
}

// patience is how long what is under way may take before the measurement gives up:
// nothing may get lost without a word.
const patience = 10 * time.Second

// roundTime is how long a round counts.
const roundTime = 3 * time.Second

// crowd is the number of messages under way at once in the row "load".
const crowd = 64

// chain keeps messages under way: whoever gets one sends the next, so that each comes
// from another node, and nothing else runs beside them.
type chain struct {
	clock  stamp
	every  int64 // of so many one is timed: of many a sample is enough
	count  atomic.Int64
	hops   atomic.Int64
	failed atomic.Int64
	over   atomic.Bool
	left   sync.WaitGroup // messages that are under way once it is over
	took   latencies
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

// note counts one that arrived.
func (c *chain) note(took time.Duration, hops int) {
	if n := c.count.Add(1); n%c.every == 0 {
		c.took.add(took)
	}
	c.hops.Add(int64(hops))
}

// oneWay is the application that is told of a message and routes the next.
func (c *chain) oneWay() kbr.App {
	rng := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	return &sink{got: func(s *sink, d *kbr.Delivery) {
		c.note(c.clock.age(d.Payload), d.Hops)
		c.pass(s.ep, rng)
	}}
}

// thereAndBack is the application that answers requests. Who gets a message that wants
// no answer makes the next request, and has then such a message routed to anywhere.
func (c *chain) thereAndBack() kbr.App {
	rng := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	return &sink{got: func(s *sink, d *kbr.Delivery) {
		if d.Answer != nil {
			d.Reply(d.Payload)
			return
		}
		sent := time.Now()
		s.ep.Request(randomKey(rng), make([]byte, row.Payload), kbr.Options{Timeout: patience}, func(a kbr.Answer, err error) {
			c.note(time.Since(sent), a.Hops)
			if err != nil {
				c.failed.Add(1)
			}
			c.pass(s.ep, rng)
		})
	}}
}

// pass routes a message to anywhere, unless it is over.
func (c *chain) pass(ep kbr.Endpoint, rng *rand.Rand) {
	if c.over.Load() {
		c.left.Done()
		return
	}
	ep.Route(randomKey(rng), c.clock.message(), nil)
}

// measureRoute has one message under way.
func measureRoute(ctx context.Context, e *row.Env) ([]row.Round, error) {
	c := &chain{clock: stamp{time.Now()}, every: 1}
	return c.measure(ctx, e, c.oneWay, 1, func(w window, floor spread) row.Round {
		return row.Round{
			Bound: fmt.Sprintf("100 bytes on a raw stream of the library below take %.0f/%.0f µs here, there and back; a message takes %.2f hops", micros(floor.p50), micros(floor.p99), w.hops),
			Figures: append(w.latency(),
				row.Figure{Metric: "hops", Value: w.hops}, row.Figure{Metric: "frames", Value: w.frames, Unit: "a message"}, row.Figure{Metric: "bytes", Value: w.bytes, Unit: "a message"}),
		}
	})
}

// measureRequest has one request under way.
func measureRequest(ctx context.Context, e *row.Env) ([]row.Round, error) {
	c := &chain{clock: stamp{time.Now()}, every: 1}
	return c.measure(ctx, e, c.thereAndBack, 1, func(w window, floor spread) row.Round {
		return row.Round{
			Bound: fmt.Sprintf("100 bytes on a raw stream of the library below take %.0f/%.0f µs here, there and back; a request takes %.2f hops, and its answer one",
				micros(floor.p50), micros(floor.p99), w.hops),
			Figures: append(w.latency(), row.Figure{Metric: "hops", Value: w.hops}),
		}
	})
}

// measureLoad has many messages under way.
func measureLoad(ctx context.Context, e *row.Env) ([]row.Round, error) {
	c := &chain{clock: stamp{time.Now()}, every: crowd}
	return c.measure(ctx, e, c.oneWay, crowd, func(w window, floor spread) row.Round {
		return row.Round{
			Bound: fmt.Sprintf("the processors are full: %.0f µs a message, %.0f µs a frame; the library below takes %.0f µs for 100 bytes there and back on a raw stream",
				w.cpu, w.cpu/w.frames, micros(floor.p50)),
			Figures: []row.Figure{
				{Metric: "rate", Value: w.rate / 1000, Unit: "k/s"}, {Metric: "p50", Value: millis(quantile(w.took, 0.5)), Unit: "ms"}, {Metric: "p99", Value: millis(quantile(w.took, 0.99)), Unit: "ms"},
				{Metric: "hops", Value: w.hops}, {Metric: "frames", Value: w.frames, Unit: "a message"}, {Metric: "CPU", Value: w.cpu, Unit: "µs a message"},
			},
		}
	})
}

// measure starts so many messages, counts for some rounds, and waits for the last.
func (c *chain) measure(ctx context.Context, e *row.Env, app func() kbr.App, many int, tell func(window, spread) row.Round) ([]row.Round, error) {
	return withRing(ctx, e, ring.Options{App: app}, func(r *ring.Ring) ([]row.Round, error) {
		floor, err := streamTime(ctx, r)
		if err != nil {
			return nil, err
		}
		all, rng := r.Nodes(), rand.New(rand.NewPCG(3, 4))
		c.left.Add(many)
		for range many {
			if err := all[rng.IntN(len(all))].Do(ctx, func(_ *task.T, ep kbr.Endpoint) error {
				ep.Route(randomKey(rng), c.clock.message(), nil)
				return nil
			}); err != nil {
				return nil, err
			}
		}
		if _, err := c.window(ctx, all); err != nil { // to warm up
			return nil, err
		}
		var rounds []row.Round
		for range e.Rounds {
			w, err := c.window(ctx, all)
			if err != nil {
				return nil, err
			}
			rounds = append(rounds, tell(w, floor))
		}
		c.over.Store(true)
		return rounds, within(ctx, patience, c.left.Wait)
	})
}

// window is what was counted in one round.
type window struct {
	rate          float64 // messages a second
	hops          float64 // of a message, as are the next
	frames, bytes float64
	cpu           float64 // µs
	took          []time.Duration
}

// latency are the figures of how long messages took.
func (w *window) latency() []row.Figure {
	return []row.Figure{{Metric: "p50", Value: micros(quantile(w.took, 0.50)), Unit: "µs"}, {Metric: "p99", Value: micros(quantile(w.took, 0.99)), Unit: "µs"}}
}

// window counts for a while.
func (c *chain) window(ctx context.Context, all []*ring.Node) (w window, err error) {
	c.took.take()
	count, hops, before, used, begun := c.count.Load(), c.hops.Load(), traffic(all), computer.ProcessorTime(), time.Now()
	if err := pause(ctx, roundTime); err != nil {
		return w, err
	}
	took := time.Since(begun)
	n := float64(c.count.Load() - count)
	switch failed := c.failed.Load(); {
	case failed > 0:
		return w, fmt.Errorf("%d requests failed in a ring where nothing happens", failed)
	case n == 0:
		return w, errors.New("nothing arrives any more")
	}
	sent := traffic(all).less(before)
	return window{
		rate: n / took.Seconds(), hops: float64(c.hops.Load()-hops) / n, frames: float64(sent.frames) / n, bytes: float64(sent.bytes) / n,
		cpu: (computer.ProcessorTime() - used).Seconds() / n * 1e6, took: c.took.take(),
	}, nil
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

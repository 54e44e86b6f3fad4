package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// The two sides.
const (
	phyllo = "phyllo"
	kadDHT = "kad-dht"
)

// Names of the operations.
const (
	routedRequest = "request to a key's root, and its answer"
	directoryRead = "directory read, 3 keepers agree"
	getOne        = "GetValue, quorum 1"
	getDefault    = "GetValue, default quorum"
	closestPeers  = "GetClosestPeers"
)

// payload is the size of a request, an answer and a value, in bytes.
const payload = 100

// poll is the time between two looks at whether a network is formed.
const poll = 20 * time.Millisecond

// call is one operation, ready to be carried out.
type call func(context.Context) error

// operation is something that is measured: prepare chooses what and where, before the
// clock runs.
type operation struct {
	name, side string
	prepare    func(i int) call

	done    int // so far
	took    []time.Duration
	cost    counts
	elapsed time.Duration // in which the cost arose
}

// Op is what was measured of an operation.
type Op struct {
	Name string `json:"name"`
	Side string `json:"side"`
	// Median and P99 are in µs, as the caller sees it.
	Median float64 `json:"median_us"`
	P99    float64 `json:"p99_us"`
	// Messages, Bytes and CPU (µs) are per operation, of all nodes together,
	// without what they would have needed if nothing had been asked.
	Messages float64 `json:"messages"`
	Bytes    float64 `json:"bytes"`
	CPU      float64 `json:"cpu_us"`
	Count    int     `json:"count"`
}

// settle is how long a block waits for what comes after its last answer, as
// acknowledgements and repairs.
const settle = 300 * time.Millisecond

// block carries out an operation n times, one after another. What it takes to choose
// keys and nodes is no cost of it.
func (o *operation) block(ctx context.Context, m *meters, n int) error {
	calls := make([]call, n)
	for i := range calls {
		calls[i] = o.next()
	}
	before, begun := m.read(), time.Now()
	for _, do := range calls {
		if err := o.carryOut(ctx, do); err != nil {
			return err
		}
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	o.cost = o.cost.plus(m.read().minus(before))
	o.elapsed += time.Since(begun)
	return nil
}

// next prepares the next operation.
func (o *operation) next() call {
	do := o.prepare(o.done)
	o.done++
	return do
}

func (o *operation) carryOut(ctx context.Context, do call) error {
	begun := time.Now()
	if err := do(ctx); err != nil {
		return fmt.Errorf("%s, %s: %w", o.side, o.name, err)
	}
	o.took = append(o.took, time.Since(begun))
	return nil
}

// forget drops what was measured so far: it was to warm up.
func (o *operation) forget() { o.took, o.cost, o.elapsed = nil, counts{}, 0 }

// result subtracts what idle nodes would have cost meanwhile; idle is that of a second.
func (o *operation) result(idle counts) Op {
	slices.Sort(o.took)
	n := float64(len(o.took))
	net := o.cost.minus(idle.times(o.elapsed.Seconds()))
	return Op{
		Name: o.name, Side: o.side, Median: micros(quantile(o.took, 0.5)), P99: micros(quantile(o.took, 0.99)),
		Messages: net.messages[o.side] / n, Bytes: net.bytes / n, CPU: net.cpu / n, Count: len(o.took),
	}
}

// quantile returns the value below which the share q of a sorted sample lies.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// middle returns the median of a sample, which it sorts.
func middle(sample []time.Duration) time.Duration {
	slices.Sort(sample)
	return quantile(sample, 0.5)
}

// spread returns the median and the 99th percentile of a sample in µs, and sorts it.
func spread(sample []time.Duration) (median, p99 float64) {
	median = micros(middle(sample))
	return median, micros(quantile(sample, 0.99))
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

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

// atOnce calls f for each number from, from+1, … before to, each in a goroutine.
func atOnce(from, to int, f func(i int) error) error {
	errs := make([]error, to-from)
	var wg sync.WaitGroup
	for i := from; i < to; i++ {
		wg.Go(func() { errs[i-from] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

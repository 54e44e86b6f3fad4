package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/bench/row"
)

// nodes is the size of the rings on real links.
const nodes = 50

// linkRows are measured in one ring on real links.
func linkRows() []row.Row {
	return []row.Row{
		{
			Name: "join", What: "one node joins", Way: "", Transports: row.Links, Rounds: 5, FreePastry: "25–44 ms",
			Counted: "from when the node's machine is made, its certificate at hand, to its first claim of its keys; 10 joins a round",
			Goals:   []row.Goal{{Metric: "median", Limit: 20}}, Measure: measureJoin,
		},
		{
			Name: "route", What: "a routed message of 100 bytes", Way: row.OneWay, Outstanding: 1, Transports: row.Links, Rounds: 5, FreePastry: "p50 60 µs, p99 240 µs",
			Counted: "from `Route` to `Deliver` at the root of a random key; who gets one routes the next; 3 s a round",
			Goals:   []row.Goal{{Metric: "p50", Limit: 60}, {Metric: "p99", Limit: 240}}, Measure: measureRoute,
		},
		{
			Name: "request", What: "a routed request of 100 bytes and its answer of 100", Way: row.ThereAndBack, Outstanding: 1, Transports: row.Links, Rounds: 5,
			Counted: "from `Request`, for a random key, to its answer; each from another node; 3 s a round",
			Goals:   []row.Goal{{Metric: "p50", Limit: 120}, {Metric: "p99", Limit: 450}}, Measure: measureRequest,
		},
		{
			Name: "load", What: "routed messages of 100 bytes under load", Way: row.OneWay, Outstanding: 64, Transports: row.Links, Rounds: 5, FreePastry: "22–37 k/s",
			Counted: "deliveries in 3 s; who gets one routes the next to a random key",
			Goals:   []row.Goal{{Metric: "rate", Limit: 40, AtLeast: true}}, Measure: measureLoad,
		},
		{
			Name: "heap", What: "heap per node with 49 peers", Transports: row.Links, Rounds: 3, FreePastry: "186 KiB",
			Counted: "growth of the process's live heap by the ring, after collections, all 49 links of each node standing",
			Goals:   []row.Goal{{Metric: "heap", Limit: 2}, {Metric: "heap", Limit: 3.5, Transport: row.QUIC}}, Measure: measureHeap,
		},
	}
}

// withRing calls f with a ring that is linked all over.
func withRing(ctx context.Context, e *row.Env, o ring.Options, f func(*ring.Ring) ([]row.Round, error)) (rounds []row.Round, err error) {
	o.Transport = ring.Transport(e.Transport)
	r, err := ring.Start(ctx, nodes, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if stopped := r.Stop(context.WithoutCancel(ctx)); err == nil {
			err = stopped
		}
	}()
	if err := r.Mesh(ctx); err != nil {
		return nil, err
	}
	return f(r)
}

// measureJoin lets nodes join, one after another, and leave again.
func measureJoin(ctx context.Context, e *row.Env) ([]row.Round, error) {
	const joins = 10
	return withRing(ctx, e, ring.Options{}, func(r *ring.Ring) ([]row.Round, error) {
		var rounds []row.Round
		for range e.Rounds {
			var took []time.Duration
			for range joins {
				n, err := r.Join(ctx)
				if err != nil {
					return nil, err
				}
				took = append(took, n.Joined())
				if err := r.Leave(ctx, n); err != nil {
					return nil, err
				}
			}
			dial, err := dialTime(ctx, r)
			if err != nil {
				return nil, err
			}
			rounds = append(rounds, row.Round{
				Figures: []row.Figure{
					{Metric: "median", Value: millis(quantile(took, 0.5)), Unit: "ms"}, {Metric: "longest", Value: millis(slices.Max(took)), Unit: "ms"},
				},
				Bound: fmt.Sprintf("one new connection with its first byte there and back takes %.1f ms here", millis(dial)),
			})
		}
		return rounds, nil
	})
}

// quantile returns the q-quantile of what was measured; 0 if nothing was.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

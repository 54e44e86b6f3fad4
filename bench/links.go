package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/bench/ring"
)

// nodes is the size of the rings on real links.
const nodes = 50

// linkRows are measured in one ring on real links.
func linkRows() []row {
	return []row{
		{
			name: "join", what: "one node joins", way: "", transports: links, rounds: 5, freePastry: "25–44 ms",
			counted: "from when the node's machine is made, its certificate at hand, to its first claim of its keys; 10 joins a round",
			goals:   []goal{{metric: "median", limit: 20}}, measure: measureJoin,
		},
		{
			name: "route", what: "a routed message of 100 bytes", way: oneWay, outstanding: 1, transports: links, rounds: 5, freePastry: "p50 60 µs, p99 240 µs",
			counted: "from `Route` to `Deliver` at the root of a random key; who gets one routes the next; 3 s a round",
			goals:   []goal{{metric: "p50", limit: 60}, {metric: "p99", limit: 240}}, measure: measureRoute,
		},
		{
			name: "request", what: "a routed request of 100 bytes and its answer of 100", way: thereAndBack, outstanding: 1, transports: links, rounds: 5,
			counted: "from `Request`, for a random key, to its answer; each from another node; 3 s a round",
			goals:   []goal{{metric: "p50", limit: 120}, {metric: "p99", limit: 450}}, measure: measureRequest,
		},
		{
			name: "load", what: "routed messages of 100 bytes under load", way: oneWay, outstanding: 64, transports: links, rounds: 5, freePastry: "22–37 k/s",
			counted: "deliveries in 3 s; who gets one routes the next to a random key",
			goals:   []goal{{metric: "rate", limit: 40, atLeast: true}}, measure: measureLoad,
		},
		{
			name: "heap", what: "heap per node with 49 peers", transports: links, rounds: 3, freePastry: "186 KiB",
			counted: "growth of the process's live heap by the ring, after collections, all 49 links of each node standing",
			goals:   []goal{{metric: "heap", limit: 2}, {metric: "heap", limit: 3.5, transport: quic}}, measure: measureHeap,
		},
	}
}

// withRing calls f with a ring that is linked all over.
func withRing(ctx context.Context, e *env, o ring.Options, f func(*ring.Ring) ([]round, error)) (rounds []round, err error) {
	o.Transport = ring.Transport(e.transport)
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
func measureJoin(ctx context.Context, e *env) ([]round, error) {
	const joins = 10
	return withRing(ctx, e, ring.Options{}, func(r *ring.Ring) ([]round, error) {
		var rounds []round
		for range e.rounds {
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
			rounds = append(rounds, round{
				Figures: []figure{
					{"median", millis(quantile(took, 0.5)), "ms"}, {"longest", millis(slices.Max(took)), "ms"},
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

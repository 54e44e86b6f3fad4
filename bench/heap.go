package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/bench/row"
)

// measureHeap forms a ring in each round, and looks what it added to the heap.
func measureHeap(ctx context.Context, e *row.Env) ([]row.Round, error) {
	var rounds []row.Round
	for range e.Rounds {
		before := live()
		_, err := withRing(ctx, e, ring.Options{}, func(r *ring.Ring) ([]row.Round, error) {
			x, err := heapRound(r, before)
			rounds = append(rounds, x)
			return nil, err
		})
		if err != nil {
			return nil, err
		}
	}
	return rounds, nil
}

func heapRound(r *ring.Ring, before runtime.MemStats) (row.Round, error) {
	links, conns := 0, 0
	for _, n := range r.Nodes() {
		s := n.Stats()
		links += s.Links
		conns += s.Connections
	}
	if links != nodes*(nodes-1) {
		return row.Round{}, fmt.Errorf("%d ends of links stand, want %d", links, nodes*(nodes-1))
	}
	after := live()
	each := func(b uint64, c uint64) float64 { return float64(int64(b-c)) / nodes / (1 << 20) }
	return row.Round{Figures: []row.Figure{
		{Metric: "heap", Value: each(after.HeapAlloc, before.HeapAlloc), Unit: "MiB"}, {Metric: "stacks", Value: each(after.StackInuse, before.StackInuse), Unit: "MiB"},
		{Metric: "goroutines", Value: float64(runtime.NumGoroutine()) / nodes}, {Metric: "connections", Value: float64(conns) / nodes},
	}}, nil
}

// live is the memory of the process when what is dead was collected, that of pools
// and finalizers too.
func live() (m runtime.MemStats) {
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m
}

package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/lab/hugepages"
)

// Small runs need no care: leastLimit is the least memory limit that a run is given, and
// leastHuge the least estimate for which huge pages are worth their while, in bytes.
const (
	leastLimit = 512 << 20
	leastHuge  = 128 << 20
)

// measure runs an experiment, with a collector of garbage that waits as long as the run's
// estimate of memory allows, in huge pages. What the environment sets stays as it is.
func (w *world) measure(ctx context.Context, e *experiment.Experiment, p experiment.Params) (*experiment.Report, error) {
	percent, limit := os.Getenv("GOGC"), os.Getenv("GOMEMLIMIT")
	if percent == "" && limit == "" {
		bytes := w.heap(e, p)
		percent, limit = "400", fmt.Sprintf("%dMiB", bytes>>20)
		defer debug.SetGCPercent(debug.SetGCPercent(400))
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(bytes))
	}
	huge := e.Memory(p) >= leastHuge && hugepages.Reserve(w.heap(e, p))
	r, err := e.Run(ctx, p)
	if err == nil {
		r.Notes = append(r.Notes, fmt.Sprintf("The collector: GOGC=%s GOMEMLIMIT=%s. Huge pages: %v.", percent, limit, huge))
	}
	return r, err
}

// heap is the memory that a run may take, in bytes.
func (w *world) heap(e *experiment.Experiment, p experiment.Params) int64 {
	bytes := max(e.Memory(p), leastLimit)
	if w.memory > 0 {
		bytes = min(bytes, w.memory)
	}
	return bytes
}

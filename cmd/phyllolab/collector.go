package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/phyllo-net/phyllo/lab/evaluation"
)

// leastLimit is the least memory limit that a run is given: small ones need no care.
const leastLimit = 512 << 20

// measure runs an experiment, with a collector of garbage that waits as long as the run's
// estimate of memory allows. What the environment sets stays as it is.
func (w *world) measure(ctx context.Context, e *evaluation.Experiment, p evaluation.Params) (*evaluation.Report, error) {
	percent, limit := os.Getenv("GOGC"), os.Getenv("GOMEMLIMIT")
	if percent == "" && limit == "" {
		bytes := max(e.Memory(p), leastLimit)
		if w.memory > 0 {
			bytes = min(bytes, w.memory)
		}
		percent, limit = "400", fmt.Sprintf("%dMiB", bytes>>20)
		defer debug.SetGCPercent(debug.SetGCPercent(400))
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(bytes))
	}
	r, err := e.Run(ctx, p)
	if err == nil {
		r.Notes = append(r.Notes, fmt.Sprintf("The collector: GOGC=%s GOMEMLIMIT=%s.", percent, limit))
	}
	return r, err
}

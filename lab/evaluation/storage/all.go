package storage

import (
	"context"
	"time"

	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/sim"
)

// copies is k, the usual number of a file's replicas.
const copies = 5

// All returns the experiments of storage.
func All() []*experiment.Experiment {
	return []*experiment.Experiment{pastCache, pastDurability, pastUtilisation, pastRepair}
}

// pass lets virtual time go by.
func pass(ctx context.Context, r *experiment.Run, s *sim.Sim, d time.Duration, what string) error {
	const slice = 5 * time.Second
	for gone := time.Duration(0); gone < d; gone += slice {
		s.RunFor(slice)
		if err := r.Step(ctx, int((gone+slice)/slice), int(d/slice), what); err != nil {
			return err
		}
	}
	return nil
}

package evaluation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/lab/evaluation/groups"
	"github.com/phyllo-net/phyllo/lab/evaluation/storage"
)

// All returns the experiments, in the order of their names.
func All() []*experiment.Experiment {
	all := []*experiment.Experiment{hops, stretch, tableQuality, failures, replicaLocality, join, flashCrowd, massFailure, partition, secureNaive, churn, bamboo, scale, scalePlanted,
		everyone}
	all = slices.Concat(all, storage.All(), groups.All())
	slices.SortFunc(all, func(a, b *experiment.Experiment) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Find returns the experiment of a name.
func Find(name string) (*experiment.Experiment, error) {
	var names []string
	for _, e := range All() {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return nil, fmt.Errorf("no experiment is called %q: there are %s", name, strings.Join(names, ", "))
}

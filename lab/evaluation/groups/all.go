package groups

import "github.com/phyllo-net/phyllo/lab/evaluation/experiment"

// All returns the experiments of groups.
func All() []*experiment.Experiment {
	return []*experiment.Experiment{multicast, anycasts, smallGroups, treeRepair, treeStorm}
}

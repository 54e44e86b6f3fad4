package missed

import (
	"cmp"
	"slices"

	"github.com/phyllo-net/phyllo/id"
)

// Named counts how many objects name each node. The zero value has none.
type Named struct {
	nodes   []id.ID // each once, in the order in which they came
	objects map[id.ID]int
}

// Object counts the nodes that one object names, each once.
func (ns *Named) Object(nodes []id.ID) {
	if ns.objects == nil {
		ns.objects = make(map[id.ID]int)
	}
	for i, n := range nodes {
		if slices.Contains(nodes[:i], n) {
			continue
		}
		if ns.objects[n]++; ns.objects[n] == 1 {
			ns.nodes = append(ns.nodes, n)
		}
	}
}

// Most are as many nodes as are counted, in order: where there are more, those that most objects name. One object can
// name whom it likes; who was there is named by many.
func (ns *Named) Most() []id.ID {
	nodes := slices.SortedFunc(slices.Values(ns.nodes), func(a, b id.ID) int {
		return cmp.Or(cmp.Compare(ns.objects[b], ns.objects[a]), a.Cmp(b))
	})
	nodes = nodes[:min(len(nodes), Most)]
	slices.SortFunc(nodes, id.ID.Cmp)
	return nodes
}

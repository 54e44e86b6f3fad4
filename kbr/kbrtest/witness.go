package kbrtest

import (
	"fmt"
	"math"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
)

// Witness is an application that holds the overlay below it, whichever that is, to what
// package kbr promises of neighbours: Update tells of each node that enters or leaves what
// NeighborSet returns, once, and NeighborSet returns the nearest first.
type Witness struct {
	ep   kbr.Endpoint
	near []*peer.Handle // by what was told
	errs []error
}

// Start implements kbr.App.
func (w *Witness) Start(ep kbr.Endpoint) { w.ep = ep }

// Deliver implements kbr.App.
func (w *Witness) Deliver(*kbr.Delivery) {}

// Stop implements kbr.App.
func (w *Witness) Stop() {}

// Update implements kbr.App.
func (w *Witness) Update(n *peer.Handle, joined bool) {
	i := slices.IndexFunc(w.near, func(h *peer.Handle) bool { return h.ID == n.ID })
	is := slices.ContainsFunc(w.ep.NeighborSet(math.MaxInt), func(h *peer.Handle) bool {
		return h.ID == n.ID && h.Incarnation == n.Incarnation
	})
	switch {
	case joined != is:
		w.wrong("told that %s is a neighbour: %v; it is: %v", n, joined, is)
	case joined == (i >= 0):
		w.wrong("told again that %s is a neighbour: %v", n, joined)
	case joined:
		w.near = append(w.near, n)
	case w.near[i].Incarnation != n.Incarnation:
		w.wrong("told that %s left, of its incarnation %d", n, w.near[i].Incarnation)
	default:
		w.near = slices.Delete(w.near, i, i+1)
	}
}

func (w *Witness) wrong(format string, args ...any) {
	w.errs = append(w.errs, fmt.Errorf("at %s: "+format, slices.Concat([]any{w.ep.Self()}, args)...))
}

// Errors returns what was wrong until now, and compares the neighbours with what was told
// of them. It is to be called on the node's loop, between two events.
func (w *Witness) Errors() []error {
	all, self := w.ep.NeighborSet(math.MaxInt), w.ep.Self().ID
	if !slices.IsSortedFunc(all, func(a, b *peer.Handle) int {
		if id.Closer(self, a.ID, b.ID) {
			return -1
		}
		return 1
	}) {
		w.wrong("the neighbours are not the nearest first: %v", all)
	}
	for k := range len(all) + 1 {
		if got := w.ep.NeighborSet(k); !slices.Equal(got, all[:k]) {
			w.wrong("the nearest %d of %v are said to be %v", k, all, got)
		}
	}
	for _, h := range all {
		if !slices.ContainsFunc(w.near, func(o *peer.Handle) bool { return o.ID == h.ID && o.Incarnation == h.Incarnation }) {
			w.wrong("not told of the neighbour %s", h)
		}
	}
	if len(w.near) != len(all) {
		w.wrong("told of %v, and the neighbours are %v", w.near, all)
	}
	return w.errs
}

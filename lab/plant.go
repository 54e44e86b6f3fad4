package lab

import (
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
)

// Plant adds n nodes to an empty ring that know each other from the start: with exact
// leaf sets, and in each slot of the routing table the nearest by proximity of the
// given number of candidates, drawn among all nodes that fit; 0 takes all, which is
// the best table that there is, and takes time with the square of n. They claim their
// keys after a round trip.
func (r *Ring) Plant(n, candidates int) {
	if r.Sim.Len() > 0 {
		panic("lab: Plant needs an empty ring")
	}
	for range n {
		r.add(nil)
	}
	o := oracle{ring: r, rng: rand.New(rand.NewPCG(r.cfg.Seed, 0x09ac1e)), candidates: candidates}
	for i := range n {
		ref := sim.NodeRef(i)
		o.all = append(o.all, placed{r.Sim.Handle(ref), ref})
	}
	slices.SortFunc(o.all, func(a, b placed) int { return a.h.ID.Cmp(b.h.ID) })
	for i := range o.all {
		o.plant(i)
	}
}

// placed is a node in the order of ids.
type placed struct {
	h   *peer.Handle
	ref sim.NodeRef
}

// oracle knows all nodes.
type oracle struct {
	ring       *Ring
	rng        *rand.Rand
	all        []placed // by id
	candidates int
	table      []pastry.Known // of the node that is planted, used again
}

// plant gives node i of all its leaf set and routing table.
func (o *oracle) plant(i int) {
	c := o.ring.parameters()
	n := len(o.all)
	half := min(c.LeafSet/2, n-1)
	leafs := make([]*peer.Handle, 0, 2*half)
	for k := 1; k <= half; k++ {
		for _, h := range [2]*peer.Handle{o.all[(i+k)%n].h, o.all[(i-k+n)%n].h} {
			if !slices.Contains(leafs, h) {
				leafs = append(leafs, h)
			}
		}
	}
	o.table = o.table[:0]
	self := o.all[i].h.ID
	for row := range c.Base.Rows() {
		prefix := o.within(c.Base.PrefixRange(self, row))
		if len(prefix) < 2 {
			break // this node alone
		}
		for col := range c.Base.Cols() {
			if col != c.Base.Digit(self, row) {
				o.slot(o.all[i].ref, o.within(c.Base.PrefixRange(c.Base.WithDigit(self, row, col), row+1)))
			}
		}
	}
	o.ring.Node(o.all[i].ref).Plant(leafs, o.table)
}

// within returns the nodes of a range of ids that does not pass zero.
func (o *oracle) within(r id.Range) []placed {
	if r.Full {
		return o.all
	}
	from := sort.Search(len(o.all), func(k int) bool { return !o.all[k].h.ID.Less(r.From) })
	to := sort.Search(len(o.all), func(k int) bool { return r.To.Less(o.all[k].h.ID) })
	return o.all[from:to]
}

// slot chooses an entry among the nodes that fit.
func (o *oracle) slot(self sim.NodeRef, fit []placed) {
	if len(fit) == 0 {
		return
	}
	tries, all := len(fit), true
	if o.candidates > 0 && o.candidates < tries {
		tries, all = o.candidates, false
	}
	best := pastry.Known{}
	for k := range tries {
		p := fit[k]
		if !all {
			p = fit[o.rng.IntN(len(fit))]
		}
		if d := 2 * o.ring.Sim.Delay(self, p.ref); best.Node == nil || d < best.RTT {
			best = pastry.Known{Node: p.h, RTT: d}
		}
	}
	o.table = append(o.table, best)
}

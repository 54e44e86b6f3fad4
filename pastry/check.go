package pastry

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
)

// View is what a checker, a status page or a test sees of a node. All slices are
// the caller's.
type View struct {
	Self  *peer.Handle
	Ready bool // claims keys now
	// Active: it has been ready since its start.
	Active bool
	// Left and Right are the live leaf-set members on either side, nearest first.
	Left, Right []*peer.Handle
	// Leaf is each of them once.
	Leaf []*peer.Handle
	// Table holds the entries of the routing table.
	Table []Entry
	Near  []*peer.Handle // the neighbourhood set, nearest first
	Bound int            // leases that this node gave and that run: to its neighbours, or to who has gone since
	Held  int            // messages that wait for a lease
	OnWay int            // messages that were handed to a next hop, which has not acknowledged them
	// GivenUp is the number of messages that were given up, since the start, as more waited for a
	// lease, or for a next hop, than may (Parameters.Held and OnWay), or they for longer than a lease takes;
	// and GaveUp how long ago the last of them was.
	GivenUp uint64
	GaveUp  time.Duration
	Size    float64 // estimate of the number of nodes in the ring
}

// Entry is one entry of the routing table.
type Entry struct {
	Row, Col int
	Node     *peer.Handle
	RTT      uint32 // microseconds; 0 = not measured
}

// View returns what the node knows at the time now.
func (n *Node) View(now machine.Clock) View {
	var v View
	n.look(now, func() {
		v = View{Self: n.self, Ready: n.ready(), Active: n.active, Size: n.ringSize()}
		v.OnWay, v.GivenUp = n.onWay.count, n.lost
		if n.lost > 0 {
			v.GaveUp = n.Now().Sub(n.lastLost)
		}
		for s := range n.sides {
			for _, g := range n.sides[s].grants {
				if n.runs(g, nil) {
					v.Bound++
				}
			}
		}
		if w := n.held; w != nil {
			v.Held = w.all.count
		}
		for s, to := range [2]*[]*peer.Handle{&v.Left, &v.Right} {
			for _, c := range n.leafs.sides[s] {
				if c.active && c.there() {
					*to = append(*to, c.h)
				}
			}
		}
		n.leafs.each(func(c *contact) bool {
			if c.active && c.there() {
				v.Leaf = append(v.Leaf, c.h)
			}
			return true
		})
		for i := range n.rows() {
			for d, c := range n.row(i) {
				if c != nil {
					v.Table = append(v.Table, Entry{i, d, c.h, uint32(2 * c.prox)})
				}
			}
		}
		for _, c := range n.near {
			v.Near = append(v.Near, c.h)
		}
	})
	return v
}

// Claims reports whether the node serves key at the time now.
func (n *Node) Claims(now machine.Clock, key id.ID) (yes bool) {
	n.look(now, func() { yes = n.claims(key) })
	return yes
}

// Ready reports whether the node claims keys at the time now.
func (n *Node) Ready(now machine.Clock) (yes bool) {
	n.look(now, func() { yes = n.ready() })
	return yes
}

// look runs f, which must only read, as if in a step at the time now.
func (n *Node) look(now machine.Clock, f func()) {
	var none machine.Effects
	n.Peek(now, &none, f)
	if len(none.List) > 0 {
		panic("pastry: a look at the state had an effect") // a bug
	}
}

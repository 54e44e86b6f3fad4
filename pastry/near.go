package pastry

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// How routing tables become near (PNS report, section 3; PNS-CG): a node asks another
// that is near itself for a row that both share. Who is near to the near one is near
// here, too, and each answer leads to a nearer one to ask next. The answer tells how
// far the other's entries are from it, so that by the triangle inequality most of them
// need not be measured.

const (
	// onSite is half the round trip to a node of the same site, in microseconds: nobody
	// is so much nearer that it is worth connections with others to find him.
	onSite = 2500
	// approaches is how often a newcomer looks for a nearer node, and maxLooks how many
	// it measures each time.
	approaches = 4
	maxLooks   = 6
	// joinAsks is how often it then asks for each row.
	joinAsks = 3
	// gossipAsks is how many are asked for each row in the rounds later on, drawn from
	// the gossipAmong nearest, as the very nearest were asked before.
	gossipAsks  = 4
	gossipAmong = 8
	// nearAsks is how many are asked for their neighbourhood sets.
	nearAsks = 2
)

// promising returns those of the nodes that c named which may improve the table: for
// an empty slot the one nearest to c, else those that may be nearer than the entry.
// Its word decides what is worth a measurement, no more: who claims to be near
// attracts traffic.
func (n *Node) promising(c *contact, m *msg.StateReply) []*contact {
	var out, fill []*contact
	for i, h := range m.Nodes {
		if h.ID == n.self.ID || n.removed.Expelled(h.ID) {
			continue
		}
		o := n.contacts.find(h.ID)
		if o != nil && (o.prox != 0 || o.life == dead || o.life == left) {
			continue
		}
		row, col := n.slot(h.ID)
		have := n.entry(row, col)
		switch {
		case have == nil || !have.usable():
			if !slices.ContainsFunc(fill, func(f *contact) bool { return n.sameSlot(f.h, h) }) {
				fill = append(fill, n.contact(h)) // a row names one node for a slot
			}
		case have.prox == 0 || least(m, i, c) < have.prox:
			out = append(out, n.contact(h))
		}
	}
	return append(out, fill...)
}

// sameSlot reports whether two nodes belong into one slot of the table.
func (n *Node) sameSlot(a, b *peer.Handle) bool {
	ra, ca := n.slot(a.ID)
	rb, cb := n.slot(b.ID)
	return ra == rb && ca == cb
}

// least is the least proximity, as contact.prox, that node i of c's answer can have in
// a space with distances; 0 if nothing is known.
func least(m *msg.StateReply, i int, c *contact) int32 {
	if i >= len(m.RTTs) || m.RTTs[i] == 0 || c.prox == 0 {
		return 0
	}
	d := int64(m.RTTs[i]/2) - int64(c.prox)
	return int32(min(max(d, -d), 1<<30))
}

// rowAskers returns those who can be asked for row i, the nearest first: they share at
// least i digits with this node.
func (n *Node) rowAskers(i int) []*contact {
	below := n.table[min(i*n.cfg.Base.Cols(), len(n.table)):]
	cs := make([]*contact, 0, len(below))
	take := func(c *contact) {
		if c.life == alive && c.active && c.met && c.prox != 0 {
			cs = append(cs, c)
		}
	}
	for _, c := range below {
		if c != nil {
			take(c)
		}
	}
	if i == 0 {
		for _, c := range n.near {
			take(c)
		}
	}
	slices.SortStableFunc(cs, func(a, b *contact) int { return cmp.Compare(a.prox, b.prox) })
	return slices.Compact(cs)
}

// approach finds a node that is near by proximity: from the nearest that is known, which
// may be far, over those in its first row to nearer ones (PNS report; PAPERS section 3).
func (n *Node) approach(t *task.T) error {
	var last *contact
	for range approaches {
		cs := n.rowAskers(0)
		if len(cs) == 0 || cs[0] == last || cs[0].prox <= onSite {
			return nil
		}
		last = cs[0]
		r, err := task.Await(t, n.probeTime()+time.Second, func(resolve func(*msg.StateReply, error)) {
			n.state(last, msg.AskRow, 0, resolve)
		})
		if errors.Is(err, task.ErrStopped) {
			return err
		}
		if err != nil {
			continue
		}
		if err := n.pingAll(t, n.nearerThan(last, r), maxLooks); err != nil {
			return err
		}
	}
	return nil
}

// nearerThan returns those of the nodes that c named which may be nearer than c, the
// likeliest first.
func (n *Node) nearerThan(c *contact, m *msg.StateReply) []*contact {
	type look struct {
		c     *contact
		least int32
	}
	var looks []look
	for i, h := range m.Nodes {
		if far := least(m, i, c); h.ID != n.self.ID && !n.removed.Expelled(h.ID) && far < c.prox {
			looks = append(looks, look{n.contact(h), far})
		}
	}
	slices.SortStableFunc(looks, func(a, b look) int { return cmp.Compare(a.least, b.least) })
	out := make([]*contact, 0, len(looks))
	for _, l := range looks {
		if l.c.life != dead {
			out = append(out, l.c)
		}
	}
	return out
}

// refine improves the table of a newcomer, row by row, before it makes itself known:
// it goes from each answer on to the nearest who has not been asked.
func (n *Node) refine(t *task.T) error {
	asked := make(map[askedRow]bool)
	for range joinAsks {
		var ask []askedRow
		for i := range n.rows() {
			for _, c := range n.rowAskers(i) {
				if !asked[askedRow{c, i}] {
					asked[askedRow{c, i}] = true
					ask = append(ask, askedRow{c, i})
					break
				}
			}
		}
		rs, err := task.Gather(t, n.probeTime()+time.Second, len(ask), func(k int, resolve func(*msg.StateReply, error)) {
			n.state(ask[k].of, msg.AskRow, ask[k].row, resolve)
		}, nil)
		if err != nil {
			return err
		}
		var fresh []*contact
		for k, r := range rs {
			if r.Err == nil {
				fresh = append(fresh, n.promising(ask[k].of, r.Value)...)
			}
		}
		if err := n.pingAll(t, fresh, msg.MaxTable); err != nil {
			return err
		}
	}
	return nil
}

type askedRow struct {
	of  *contact
	row int
}

// tableRound is constrained gossip (PNS-CG): for every row some of the near nodes are
// asked for their own, and what may be nearer is measured.
func (n *Node) tableRound() {
	if !n.active || n.stopped {
		return
	}
	n.mended = nil
	for i := range n.rows() {
		cs := n.rowAskers(i)
		if len(cs) == 0 {
			continue
		}
		for _, k := range n.Rand().Perm(min(gossipAmong, len(cs)))[:min(gossipAsks, len(cs))] {
			n.fetchRow(cs[k], i)
		}
	}
	for range min(nearAsks, len(n.near)) {
		c := n.near[n.Rand().IntN(min(gossipAmong, len(n.near)))]
		n.state(c, msg.AskNear, 0, func(m *msg.StateReply, err error) {
			if err == nil {
				n.measureNew(c, m)
			}
		})
	}
	n.save()
}

// fetchRow asks c for a row, and measures what may improve this node's own.
func (n *Node) fetchRow(c *contact, row int) {
	n.state(c, msg.AskRow, row, func(m *msg.StateReply, err error) {
		if err == nil {
			for _, o := range n.promising(c, m) {
				n.measure(o)
			}
		}
	})
}

// measureNew measures those of c's neighbourhood set that may be nearer than the farthest of this
// node's, or than who stands in the table in their place.
func (n *Node) measureNew(c *contact, m *msg.StateReply) {
	room := len(n.near) < n.cfg.Neighbourhood
	for i, h := range m.Nodes {
		if h.ID == n.self.ID || n.removed.Expelled(h.ID) {
			continue
		}
		o, far := n.contact(h), least(m, i, c)
		have := n.entry(n.slot(h.ID))
		if o.prox == 0 && o.life != left && o.life != dead &&
			(room || far < n.near[len(n.near)-1].prox || have == nil || !have.usable() || far < have.distance()) {
			n.measure(o)
		}
	}
}

// maxMended bounds the empty slots that are asked for between two rounds.
const maxMended = 64

// mend is passive repair (MSPastry, section 3.2): a message found a slot empty, and c,
// which is the next hop instead, is asked for that row. Once for each slot between two
// rounds of gossip, as there may be nobody who fits.
func (n *Node) mend(c *contact, row, col int) {
	slot := uint16(row*n.cfg.Base.Cols() + col)
	if !n.active || len(n.mended) >= maxMended || slices.Contains(n.mended, slot) {
		return
	}
	n.mended = append(n.mended, slot)
	n.fetchRow(c, row)
}

// rowReply puts row i into an answer, with the measured round trips.
func (n *Node) rowReply(r *msg.StateReply, i int) {
	row := n.row(i)
	r.Nodes, r.RTTs = make([]*peer.Handle, 0, len(row)), make([]uint32, 0, len(row))
	for _, c := range row {
		if c != nil && c.usable() && c.active {
			r.Nodes = append(r.Nodes, c.h)
			r.RTTs = append(r.RTTs, uint32(2*c.prox))
		}
	}
}

// announceRows sends each row to those who stand in it (PNS report, section 3). The leaf
// set knows this node already.
func (n *Node) announceRows() {
	for i := range n.rows() {
		nodes := n.rowNodes(i)
		for _, c := range n.row(i) {
			if c != nil && c.usable() && !c.leaf() {
				n.to(c, machine.ClassUpkeep, &msg.RowAnnounce{Row: uint8(i), Nodes: nodes, RTT: uint32(2 * c.prox)})
			}
		}
	}
}

// onRowAnnounce: a new node stands in one of this node's rows. Of the others in its
// row only those are asked for which there is no entry yet.
func (n *Node) onRowAnnounce(c *contact, m *msg.RowAnnounce) {
	n.noteActive(c, true)
	n.offerTable(c)
	// Its word is a hint whether an own measurement is worth while, no more: who
	// claims to be near attracts traffic. Who took a place unmeasured, as a neighbour on
	// the ring, may be far.
	if row, col := n.slot(c.h.ID); c.prox == 0 && m.RTT != 0 {
		if have := n.entry(row, col); have != nil && (have.prox == 0 || uint32(have.prox) > m.RTT/2) {
			n.measure(c)
		}
	}
	n.fillFrom(m.Nodes)
}

// fillFrom measures named nodes for which the table has no entry. The others, nearly all,
// are not looked up: a node hears of hundreds while a ring grows.
func (n *Node) fillFrom(hs []*peer.Handle) {
	var fit []*peer.Handle
	for _, h := range hs {
		if row, col := n.slot(h.ID); n.entry(row, col) == nil {
			fit = append(fit, h)
		}
	}
	var asked []*contact // one for each empty slot
	for _, o := range n.named(fit) {
		if o.prox == 0 && len(asked) < n.cfg.Base.Cols() &&
			!slices.ContainsFunc(asked, func(a *contact) bool { return n.sameSlot(a.h, o.h) }) {
			asked = append(asked, o)
			n.measure(o)
		}
	}
}

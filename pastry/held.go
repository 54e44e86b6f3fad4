package pastry

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// heldHop is a message that waits here: this node is the key's root, or will be,
// and does not hold its leases yet.
type heldHop struct {
	via   *contact // nil: from this node
	hop   *msg.Hop
	bytes int // as sizeOf says
	until task.Instant
}

// heldSet are the messages that wait at a node for its lease. It is made when the first one
// waits, as most nodes of a simulation have none.
type heldSet struct {
	list []heldHop      // in the order of until
	all  load           // what they take, and what release has still to try
	by   map[id.ID]load // what of it each neighbour handed over: see giver
}

// load is what some messages take.
type load struct{ count, bytes int }

// heldShare is the part of all room that what one neighbour handed over may take, so that
// none fills it: one in so many. So is, of the room for what is on its way, that of one next hop.
const heldShare = 4

// heldFor is how long a message waits for a lease: a long lease ends sooner, also one that
// is inherited when a further death is noticed, a heartbeat later (inherit.go).
func (n *Node) heldFor() time.Duration {
	return n.cfg.LeaseLong + n.cfg.Heartbeat + n.probeTime() + time.Second
}

// sizeOf is about what a message takes in memory, in bytes.
func sizeOf(m *msg.Hop) int {
	r := m.Route
	sum := 512 + r.Origin.SizeCBOR() + len(r.Env.Payload) + len(m.Path) + 4*len(m.Acks) + trailSize(m.Trail)
	for _, row := range m.Join {
		sum += 64 + handlesSize(row.Nodes)
	}
	if b := r.Back; b != nil {
		sum += 512 + len(b.Payload) + len(b.Text) + len(b.Path) + 4*len(b.Acks) + trailSize(b.Trail)
	}
	return sum
}

func trailSize(ts []msg.Trail) (sum int) {
	for _, t := range ts {
		sum += t.Node.SizeCBOR()
	}
	return sum
}

func handlesSize(hs []*peer.Handle) (sum int) {
	for _, h := range hs {
		sum += h.SizeCBOR()
	}
	return sum
}

// giver is who handed a message over, and false for this node's own.
func (h *heldHop) giver() (id.ID, bool) {
	if h.via != nil {
		return h.via.h.ID, true
	}
	return id.ID{}, false
}

// fits reports whether there is room for h, too, where so many messages and bytes may wait.
func (w *heldSet) fits(h heldHop, count, bytes int) bool {
	if w.all.count >= count || w.all.bytes+h.bytes > bytes {
		return false
	}
	from, others := h.giver()
	if !others {
		return true
	}
	s := w.by[from]
	return s.count < count/heldShare && s.bytes+h.bytes <= bytes/heldShare
}

// add counts h in with a sign of 1, and out with one of -1.
func (w *heldSet) add(h heldHop, sign int) {
	w.all.count += sign
	w.all.bytes += sign * h.bytes
	from, others := h.giver()
	if !others {
		return
	}
	s := w.by[from]
	s.count += sign
	s.bytes += sign * h.bytes
	if s.count == 0 {
		delete(w.by, from)
		return
	}
	if w.by == nil {
		w.by = make(map[id.ID]load)
	}
	w.by[from] = s
}

// hold keeps a message until this node holds its leases.
func (n *Node) hold(via *contact, m *msg.Hop) {
	if n.held == nil {
		n.held = new(heldSet)
	}
	w := n.held
	for len(w.list) > 0 && w.list[0].until.Before(n.Now()) {
		old := w.list[0]
		w.list[0] = heldHop{}
		w.list = w.list[1:]
		w.add(old, -1)
		n.waitedInVain(old)
	}
	h := heldHop{via: via, hop: m, bytes: sizeOf(m), until: n.Now().Add(n.heldFor())}
	if !w.fits(h, n.cfg.Held, n.cfg.HeldBytes) {
		n.gaveUp()
		n.fail(via, m.Route, m, msg.ReplyBusy)
		return
	}
	w.list = append(w.list, h)
	w.add(h, 1)
}

// waitedInVain gives up a message that has waited for too long. Its origin is not told: if it waits for
// an outcome it has tried other ways meanwhile, one of which may be good.
func (n *Node) waitedInVain(h heldHop) {
	n.gaveUp()
	if n.cfg.Observe.Dropped != nil {
		n.cfg.Observe.Dropped(n, h.hop.Route.Key, kbr.ErrTimeout)
	}
}

// release tries the messages that waited for a lease again.
func (n *Node) release() {
	w := n.held
	if w == nil {
		return
	}
	list, now := w.list, n.Now()
	w.list = nil
	for i, h := range list {
		list[i] = heldHop{}
		w.add(h, -1) // not before: others must not take the room of those that wait again
		if h.until.Before(now) {
			n.waitedInVain(h)
			continue
		}
		n.route(h.via, h.hop, nil)
	}
	if w.all.count == 0 {
		n.held = nil
	}
}

// gaveUp counts a message that is given up, as there is no room for it or it waited for too long.
func (n *Node) gaveUp() {
	n.lost++
	n.lastLost = n.Now()
}

// weigh is about what a message on its way takes in memory, in bytes. It runs for each hop, so it
// takes all handles to be usual ones.
func weigh(m *msg.Hop) int {
	const frame, handle = 1 << 10, 256
	sum := frame + len(m.Path) + handle*len(m.Trail)
	for _, row := range m.Join {
		sum += handle * len(row.Nodes)
	}
	switch r := m.Route; {
	case m.Cast != nil:
		sum += len(m.Cast.Env.Payload)
	case r != nil && r.Back != nil:
		sum += len(r.Env.Payload) + len(r.Back.Payload) + handle*len(r.Back.Trail)
	case r != nil:
		sum += len(r.Env.Payload)
	}
	return sum
}

// takes reports whether a message of so many bytes may be on its way to a next hop, too. What others
// handed over takes a quarter of all room for each next hop, so that one which acknowledges nothing
// does not keep messages from going to others, and three quarters in all. What begins here takes a quarter in
// any case, and more as long as all that is on its way takes less than three: a program may send much at once to one
// node, where there are but two. So either of both finds a quarter, whatever is swallowed of the other.
func (n *Node) takes(to *contact, others bool, bytes int) bool {
	all := load{n.cfg.OnWay, n.cfg.OnWayBytes}
	share := load{all.count / heldShare, all.bytes / heldShare}
	most := load{all.count - share.count, all.bytes - share.bytes}
	switch {
	case n.onWay.leaves(bytes, share):
		return true // nearly always, and by no share
	case !others:
		own := load{n.onWay.count - n.handed.count, n.onWay.bytes - n.handed.bytes}
		return own.leaves(bytes, share) || n.onWay.leaves(bytes, most)
	case !n.onWay.leaves(bytes, all) || !n.handed.leaves(bytes, most):
		return false
	}
	var s load
	for p := to.pending(); p != nil; p = p.next {
		if p.via != nil {
			s.count++
			s.bytes += int(p.bytes)
			if !s.leaves(bytes, share) {
				return false
			}
		}
	}
	return s.leaves(bytes, share)
}

// leaves reports whether what takes l leaves room for one message more, of so many bytes.
func (l load) leaves(bytes int, room load) bool {
	return l.count < room.count && l.bytes+bytes <= room.bytes
}

// pending is the first of the messages on their way to c.
func (c *contact) pending() *pendingHop {
	if c.link == nil {
		return nil
	}
	return c.link.pending
}

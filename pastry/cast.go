package pastry

import (
	"maps"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/pastry/msg"
)

// A broadcast divides its scope among the nodes that a node knows: each gets the
// arc from itself to the next known one, and divides it in turn. Every hop is
// acknowledged as any other; an arc whose node does not answer is divided anew.

var one = id.ID{Lo: 1}

// cast serves the arc part of a broadcast: delivers it here, if this node lies in
// it, and hands the rest on.
func (n *Node) cast(via *contact, m *msg.Hop, part id.Range, avoid []id.ID) {
	b := m.Cast
	if part.Contains(n.self.ID) {
		n.deliverCast(via, m)
	}
	if int(m.Count) >= n.cfg.HopLimit {
		return
	}
	for _, s := range n.divide(part, avoid) {
		n.handCast(via, s.to, m, &msg.Cast{Origin: b.Origin, Num: b.Num, Part: s.part, Env: b.Env}, avoid)
	}
}

// share is an arc, and the node that serves it.
type share struct {
	to   *contact
	part id.Range
}

// divide cuts an arc at the nodes that this one knows in it, but for those to be avoided.
// What lies from this node to the next known one is no share: nobody is there. If the arc
// lies outside, and nobody is known in it, the whole goes to who is nearest before it.
func (n *Node) divide(part id.Range, avoid []id.ID) []share {
	if part.Full {
		part = id.Range{From: n.self.ID, To: n.self.ID.Sub(one)}
	}
	var in []*contact
	n.eachKnown(func(c *contact) {
		if c.active && c.usable() && part.Contains(c.h.ID) && !slices.Contains(avoid, c.h.ID) && !slices.Contains(in, c) {
			in = append(in, c)
		}
	})
	inside := part.Contains(n.self.ID)
	if len(in) == 0 && !inside {
		return n.divideOutside(part, avoid)
	}
	slices.SortFunc(in, func(a, b *contact) int { return a.h.ID.Sub(part.From).Cmp(b.h.ID.Sub(part.From)) })
	shares := make([]share, 0, len(in))
	for i, c := range in {
		sub := id.Range{From: c.h.ID, To: part.To}
		if i == 0 && (!inside || c.h.ID.Sub(part.From).Less(n.self.ID.Sub(part.From))) {
			sub.From = part.From // nobody else serves what lies before
		}
		if i+1 < len(in) {
			sub.To = in[i+1].h.ID.Sub(one)
		}
		if inside && sub.Contains(n.self.ID) && sub.From != n.self.ID {
			sub.To = n.self.ID.Sub(one)
		}
		shares = append(shares, share{c, sub})
	}
	return shares
}

// divideOutside hands an arc in which nobody is known to the node nearest before it,
// if that is not this one.
func (n *Node) divideOutside(part id.Range, avoid []id.ID) []share {
	var best *contact
	own := part.From.Sub(n.self.ID)
	n.eachKnown(func(c *contact) {
		if d := part.From.Sub(c.h.ID); c.active && c.usable() && !slices.Contains(avoid, c.h.ID) && d.Less(own) {
			best, own = c, d
		}
	})
	if best == nil {
		return nil
	}
	return []share{{best, part}}
}

func (n *Node) handCast(via, c *contact, m *msg.Hop, b *msg.Cast, avoid []id.ID) {
	if !n.hand(via, c, &msg.Hop{Count: m.Count + 1, Cast: b}, false, avoid) && n.cfg.Observe.Dropped != nil {
		n.cfg.Observe.Dropped(n, b.Part.From, kbr.ErrBusy)
	}
}

// onCast takes an arc from a neighbour. A broadcast is the one message that makes all
// nodes work, so an origin may begin only a few in a second, and a neighbour, whatever
// origins it names, hand over only some more; what is above that ends here.
func (n *Node) onCast(c *contact, m *msg.Hop) {
	if !c.rarely().casts.take(viaRate, n.Now()) || !n.mayCast(m.Cast.Origin.ID) {
		if n.cfg.Observe.Dropped != nil {
			n.cfg.Observe.Dropped(n, m.Cast.Part.From, kbr.ErrBusy)
		}
		return
	}
	n.cast(c, m, m.Cast.Part, nil)
}

// maxOrigins bounds the origins of broadcasts that are counted at once.
const maxOrigins = 1024

// mayCast counts a broadcast of an origin, and reports whether it is within its rate.
// While too many origins are counted, as when somebody invents them, no new one may.
func (n *Node) mayCast(origin id.ID) bool {
	b := n.casts[origin]
	if b == nil {
		if len(n.casts) >= maxOrigins {
			maps.DeleteFunc(n.casts, func(_ id.ID, b *bucket) bool { return b.idle(originRate, n.Now()) })
		}
		if len(n.casts) >= maxOrigins {
			return false
		}
		if n.casts == nil {
			n.casts = make(map[id.ID]*bucket)
		}
		b = new(bucket)
		n.casts[origin] = b
	}
	return b.take(originRate, n.Now())
}

func (n *Node) deliverCast(via *contact, m *msg.Hop) {
	b := m.Cast
	if _, fresh := n.served.first(servedKey{b.Origin.ID, b.Origin.Incarnation, b.Num}, n.Now()); !fresh {
		return
	}
	ep := n.app(b.Env.App)
	if ep == nil {
		return
	}
	d := &kbr.Delivery{Key: n.self.ID, Payload: slices.Clone(b.Env.Payload), Claimed: b.Origin, Via: n.self,
		Broadcast: true, Hops: int(m.Count), Trace: b.Env.Trace}
	if via != nil {
		d.Via = via.h
	}
	ep.app.Deliver(d)
}

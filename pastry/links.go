package pastry

import (
	"encoding/binary"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// A new link costs milliseconds and kilobytes, one that stands next to nothing: so
// messages go over links that stand where they serve as well.

// links are those that stand, as the driver tells. A driver without links tells of
// none; then all nodes count as linked.
type links struct {
	told bool           // of any
	list []*peer.Handle // in the order of their ids
}

func (l *links) find(x id.ID) (int, bool) {
	return slices.BinarySearchFunc(l.list, x, func(h *peer.Handle, x id.ID) int { return h.ID.Cmp(x) })
}

// up notes that a link to h stands.
func (l *links) up(h *peer.Handle) {
	l.told = true
	i, have := l.find(h.ID)
	if have {
		l.list[i] = h
		return
	}
	l.list = slices.Insert(l.list, i, h)
}

// down notes that a link to h fell, or could not be made.
func (l *links) down(h *peer.Handle) {
	if i, have := l.find(h.ID); have && l.list[i].Incarnation == h.Incarnation {
		l.list = slices.Delete(l.list, i, i+1)
	}
}

// stands reports whether a link to h stands.
func (l *links) stands(h *peer.Handle) bool {
	i, have := l.find(h.ID)
	return !l.told || have && l.list[i].Incarnation == h.Incarnation
}

// printed returns who has this fingerprint and is linked, nil if there is nobody.
func (l *links) printed(f uint32) *peer.Handle {
	i, _ := l.find(id.ID{Hi: uint64(f) << 32})
	if i < len(l.list) && fingerprint(l.list[i].ID) == f {
		return l.list[i]
	}
	return nil
}

// nearest returns the linked node nearest to key among those that fit, nil if no nearer
// one than x does.
func (l *links) nearest(key, x id.ID, fit func(*peer.Handle) bool) *peer.Handle {
	k := len(l.list)
	above, _ := l.find(key)
	below := above - 1 + k
	for range k {
		h := l.list[above%k]
		if under := l.list[below%k]; id.Closer(key, under.ID, h.ID) {
			h = under
			below--
		} else {
			above++
		}
		switch {
		case !id.Closer(key, h.ID, x):
			return nil
		case fit(h):
			return h
		}
	}
	return nil
}

// shortcut returns a linked node to which a message for key goes rather than to next,
// or next: one that is key's root, as far as can be guessed, or stands beside it; or,
// if there is no link to next, one that comes as near or has key in its leaf set.
func (n *Node) shortcut(next *contact, key id.ID, avoid []id.ID) *contact {
	if len(n.links.list) == 0 {
		return next
	}
	row, _ := n.slot(key)
	stands := n.links.stands(next.h)
	h := n.linkedHop(key, row, avoid)
	switch {
	case h == nil:
		return next
	case n.leafs.beside(key, h.ID), !stands && n.leafs.sees(key, h.ID):
	case stands:
		return next
	default:
		if h = n.linkedHop(key, min(row+1, n.cfg.Base.SharedPrefix(next.h.ID, key)), avoid); h == nil {
			return next
		}
	}
	return n.contacts.find(h.ID)
}

// linkedHop returns the linked node nearest to key of those that come nearer and share
// at least row digits with it, nil if there is none.
func (n *Node) linkedHop(key id.ID, row int, avoid []id.ID) *peer.Handle {
	return n.links.nearest(key, n.self.ID, func(h *peer.Handle) bool {
		c := n.contacts.find(h.ID)
		return c != nil && c.h.Incarnation == h.Incarnation && c.life == alive && c.active && c.via() == nil && n.nearerHop(key, row, c, avoid)
	})
}

// maxBack bounds an answer that goes back on the way of its question, in bytes: what
// is larger is worth a link of its own.
const maxBack = 16 << 10

// backOver reports whether the answer to m, which came from via, goes back on m's way,
// which leads over links that stand. Where an answer was lost it is tried another way.
func (n *Node) backOver(via *contact, m *msg.Hop, a *msg.Reply) bool {
	r := m.Route
	return via != nil && via.h.ID != r.Origin.ID && r.Attempt < 2 && !r.Straight && len(a.Payload) <= maxBack &&
		len(m.Path) >= 4 && n.links.told && via.via() == nil && n.links.stands(via.h)
}

// sendBack sends an answer to next, from whom its question came; path is what is left
// of the question's path then.
func (n *Node) sendBack(next *contact, a *msg.Reply, path []byte) {
	back := *a
	back.Path, back.Acks = path, next.takeSeqs()
	n.Send(next.h, machine.ClassApp, &back)
}

// passBack passes on an answer to who asked, on the way that the question came; where
// that is broken, the answer is routed.
func (n *Node) passBack(a *msg.Reply) {
	if k := len(a.Path) - 4; k >= 0 {
		if h := n.links.printed(binary.BigEndian.Uint32(a.Path[k:])); h != nil {
			n.sendBack(n.contact(h), a, a.Path[:k])
			return
		}
	}
	routed := *a
	routed.To, routed.Path, routed.Acks = id.ID{}, nil, nil
	n.originate(&msg.Routed{Key: a.To, Origin: n.self, To: true, Back: &routed, Env: wire.Envelope{Version: wire.Version}}, nil, nil)
}

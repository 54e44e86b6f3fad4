package pastry

import (
	"maps"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
)

// watch is an application's wish to learn of the end of an incarnation.
type watch struct {
	incarnation uint64
	f           func(kbr.Down)
}

func (n *Node) watched(x id.ID) bool { return len(n.watches[x]) > 0 }

func (n *Node) watchedIDs() []id.ID {
	return slices.SortedFunc(maps.Keys(n.watches), id.ID.Cmp)
}

// watch implements Endpoint.Watch.
func (n *Node) watch(p *peer.Handle, f func(kbr.Down)) (cancel func()) {
	c := n.contact(p)
	if c.h.Incarnation > p.Incarnation || c.life == dead || c.life == left {
		t := n.After(0, func() { f(kbr.Down{Peer: p, Why: kbr.Died}) })
		return func() { t.Stop() }
	}
	w := &watch{incarnation: p.Incarnation, f: f}
	if n.watches == nil {
		n.watches = make(map[id.ID][]*watch)
	}
	n.watches[p.ID] = append(n.watches[p.ID], w)
	if !n.watching {
		n.watching = true
		n.askWatchedLater()
	}
	if !c.met {
		n.probe(c)
	}
	return func() { n.unwatch(p.ID, w) }
}

// askWatchedLater has watched nodes asked of whom nothing was heard for three quarters of a
// heartbeat, however many watch them: one that falls silent is found dead within Heartbeat and
// the tries of a probe.
func (n *Node) askWatchedLater() {
	n.After(n.cfg.Heartbeat/6, func() {
		for _, x := range n.watchedIDs() {
			if c := n.contacts.find(x); c != nil && c.life != dead && n.Now().Sub(c.heard) > 3*n.cfg.Heartbeat/4 {
				n.probe(c)
			}
		}
		if n.watching = len(n.watches) > 0; n.watching {
			n.askWatchedLater()
		}
	})
}

func (n *Node) unwatch(x id.ID, w *watch) {
	ws := slices.DeleteFunc(slices.Clone(n.watches[x]), func(o *watch) bool { return o == w })
	if len(ws) == 0 {
		delete(n.watches, x)
		return
	}
	n.watches[x] = ws
}

// tellDown calls the watches of an incarnation that ended, and of earlier ones.
func (n *Node) tellDown(h *peer.Handle, why kbr.DownWhy) {
	for _, w := range n.watches[h.ID] {
		if w.incarnation <= h.Incarnation {
			n.unwatch(h.ID, w)
			w.f(kbr.Down{Peer: h, Why: why})
		}
	}
}

// tellUpdate tells applications that an active node entered or left the leaf set, or
// became active, or ceased to be, in it.
func (n *Node) tellUpdate(h *peer.Handle, joined bool) {
	for _, ep := range n.apps {
		ep.app.Update(h, joined)
	}
}

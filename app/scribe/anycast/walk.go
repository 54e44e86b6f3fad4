package anycast

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// tellEvery is the number of steps after which the asker is told that a walk goes on: where a step
// takes 150 ms, as over slow links, he still hears that within Config.Silence.
const tellEvery = 16

// maxAgain is how often a walk may come to nodes below which all were asked, or it was led away from, before it is
// taken to go round in a circle.
const maxAgain = 64

// maxBroken is after how many of these it goes back to none more of those from which it was led away: each level of the
// tree above one costs one.
const maxBroken = 16

// begin takes over a walk that did not come from a child or parent.
func (a *Anycast) begin(w *walk, via *peer.Handle) {
	n := a.cfg.Tree.Neighbours(w.Item.Group)
	switch {
	case via.ID != a.ep.Self().ID && !a.starts.Take(via.ID, a.ep.Now()):
		a.stats.Refused++
		a.end(w, whyBusy)
	case !n.InTree():
		a.visit(w) // which sends it on
	case w.Item.allowed(n.Charter, a.cfg.Ring, a.cfg.Verifier, a.ep.Wall()) != nil:
		a.stats.BadInput++
		a.end(w, whyDenied)
	default:
		a.stats.Begun++
		a.visit(w)
	}
}

// visit lets a walk go one step on: this node's member is asked, if it was not yet, then the
// walk goes to a child, and from the last of them to the parent.
func (a *Anycast) visit(w *walk) {
	self := a.ep.Self().ID
	n := a.cfg.Tree.Neighbours(w.Item.Group)
	w.Steps = min(w.Steps, uint32(a.cfg.MaxSteps))
	switch {
	case !w.Item.timely(a.ep.Wall()):
		a.stats.BadInput++
		return // its asker has given up
	case !n.InTree():
		a.byRing(w)
		return
	case w.left(self):
		a.again(w, n)
		return
	case w.done(self):
	case !w.add(self):
		a.end(w, whySpent)
		return
	case n.Member && a.offer(w.Item, n.Charter):
		w.Found++
		if w.Want--; w.Want == 0 {
			return // the asker hears it from who is willing
		}
	}
	if child := a.next(w, n); child != nil {
		a.hand(w, child, func() {
			if w.add(child.ID) { // it is gone
				w.leave(child.ID, nil)
				a.visit(w)
			} else {
				a.end(w, whySpent)
			}
		})
		return
	}
	if child := a.broken(w, n); child != nil {
		w.Again++
		a.hand(w, child, func() {
			w.leave(child.ID, nil)
			a.visit(w)
		})
		return
	}
	a.up(w, n)
}

// broken is a child below which some were asked and others not: a node there stood as a child with another parent, too,
// and rose to that one. nil: there is none, or the walk has come to so many that parents may stand in a circle.
func (a *Anycast) broken(w *walk, n scribe.Neighbours) *peer.Handle {
	if w.Again >= maxBroken {
		return nil
	}
	for _, h := range n.Children {
		if w.done(h.ID) && !w.left(h.ID) {
			return h
		}
	}
	return nil
}

// untimely gives a walk that is not of this node's time back to the neighbour that handed it on,
// once: an old one is dropped there as well, but where this node's clock is wrong the others are
// asked all the same.
func (a *Anycast) untimely(w *walk, via *peer.Handle) {
	a.stats.BadInput++
	if self := a.ep.Self().ID; !w.done(self) && w.add(self) {
		w.leave(self, nil)
		a.hand(w, via, func() {})
	}
}

// again passes on a walk that comes to this node once more after all below it were asked: a node
// there stands as a child with another parent, too, until that hears that it has left. To look below once
// more would let the walk go round for ever. Where it does, as parents stand in a circle, it goes to the root.
func (a *Anycast) again(w *walk, n scribe.Neighbours) {
	if w.Again++; w.Again > maxAgain {
		a.byRing(w)
		return
	}
	a.rise(w, n)
}

// up ends the search below this node: it goes on at the parent.
func (a *Anycast) up(w *walk, n scribe.Neighbours) {
	below := make([]id.ID, len(n.Children))
	for i, c := range n.Children {
		below[i] = c.ID
	}
	w.leave(a.ep.Self().ID, below)
	a.rise(w, n)
}

// rise hands a walk to the parent.
func (a *Anycast) rise(w *walk, n scribe.Neighbours) {
	switch {
	case n.Root:
		a.end(w, whyNobody)
	case n.Parent == nil:
		a.byRing(w)
	default:
		a.hand(w, n.Parent, func() { a.byRing(w) })
	}
}

// next is the child that is tried next: the nearest member that was not yet, then the nearest of
// those who are there for others; or any of them if a walk for the item was lost before.
func (a *Anycast) next(w *walk, n scribe.Neighbours) *peer.Handle {
	var members, others []*peer.Handle
	for i, h := range n.Children {
		switch {
		case w.done(h.ID):
		case i < len(n.Members) && n.Members[i]:
			members = append(members, h)
		default:
			others = append(others, h)
		}
	}
	left := append(members, others...)
	switch {
	case len(left) == 0:
		return nil
	case w.Round > 0:
		return left[a.ep.Rand().IntN(len(left))]
	case len(members) > 0:
		left = members
	}
	return slices.MinFunc(left, func(x, y *peer.Handle) int { return cmp.Compare(a.delay(x), a.delay(y)) })
}

// delay is the proximity of a node, the longest if it is not known.
func (a *Anycast) delay(h *peer.Handle) time.Duration {
	if d, known := a.ep.Proximity(h); known {
		return d
	}
	return math.MaxInt64
}

// hand gives a walk to a child or parent, or calls gone if that one cannot be reached.
func (a *Anycast) hand(w *walk, to *peer.Handle, gone func()) {
	if w.Steps == 0 {
		a.end(w, whySpent)
		return
	}
	w.Steps--
	a.stats.Steps++
	if w.Steps%tellEvery == 0 {
		a.tell(w, &onTheWay{Item: w.Item.ID(a.cfg.Ring), Round: w.Round})
	}
	a.ep.Send(to, encode(w), func(err error) {
		if err != nil {
			gone()
		}
	})
}

// byRing sends a walk on towards the root, from a node that has no parent.
func (a *Anycast) byRing(w *walk) {
	key := w.Item.Group.Place()
	if !a.closest(key) {
		if w.Steps == 0 {
			a.end(w, whySpent)
			return
		}
		w.Steps--
		a.ep.Route(key, encode(w), nil)
		return
	}
	a.end(w, whyNoGroup) // or its root is new, and is about to learn of it
}

// closest reports whether this node is the root of a key.
func (a *Anycast) closest(key id.ID) bool {
	near := a.ep.ReplicaSet(key, 1)
	return len(near) > 0 && near[0].ID == a.ep.Self().ID
}

// end tells the asker that a walk is over.
func (a *Anycast) end(w *walk, why uint32) {
	a.tell(w, &over{Item: w.Item.ID(a.cfg.Ring), Round: w.Round, Why: why, Found: w.Found})
}

func (a *Anycast) tell(w *walk, m wire.Message) { a.ep.Send(w.Item.Asker, encode(m), nil) }

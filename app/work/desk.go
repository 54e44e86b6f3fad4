package work

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// This file is what the root of a topic's key knows of who offers to the topic. Nothing of it is
// signed: so each node fills its share of the memory and no more, what a node says of itself
// counts for more than what others say, and what has no room is told as being there.

const (
	// hereFor is how long it is believed that a node has items of a topic, and ownFor how long its
	// own word stands against that of others.
	hereFor = 2*hereEvery + 30*time.Second
	ownFor  = hereEvery + hereEvery/2
	// maxDesks is of how many topics a root remembers who offers to them, maxHere how many nodes
	// of one, and maxSeen how many of all.
	maxDesks = 4096
	maxHere  = 64
	maxSeen  = 16_384
	// maxOwn is to how many topics one node may say that it offers, and maxCopied how often a
	// neighbour may say it of others, where others may come of whom this node does not know. See share.
	maxOwn    = 128
	maxCopied = 1024
	// copies is how many nodes beside the root know it, too, so that its death loses nothing, and
	// copyEvery how often they are told at most.
	copies    = 2
	copyEvery = hereEvery / 2
	// maxHandles bounds the nodes of one answer, in bytes, so that it fits a payload.
	maxHandles = 40 << 10
)

// register is what a node knows of who offers to topics whose root it is, or would be next.
type register struct {
	desks map[id.Hash]*desk
	told  map[teller]int // sightings by who told them
	all   int
	// full: until then some had no room, to topics without a desk.
	full task.Instant
}

// desk is one topic.
type desk struct {
	seen []*sighting
	full task.Instant // until then some had no room
}

type sighting struct {
	node *peer.Handle
	by   teller
	at   task.Instant
	next task.Instant // when the neighbours are told again
}

// teller is who says that a node offers: itself, or another.
type teller struct {
	node   id.ID
	itself bool
}

// saw remembers that a node has items of a topic. by may have told share sightings. nil: there
// is no room.
func (r *register) saw(group id.Hash, node *peer.Handle, by teller, share int, now task.Instant) *sighting {
	k := r.desks[group]
	if k == nil {
		if len(r.desks) >= maxDesks || r.all >= maxSeen || r.told[by] >= share {
			r.full = now.Add(hereFor)
			return nil
		}
		k = new(desk)
		r.desks[group] = k
	}
	r.fresh(k, now)
	at := slices.IndexFunc(k.seen, func(s *sighting) bool { return s.node.ID == node.ID })
	known := at >= 0
	if known {
		s := k.seen[at]
		switch {
		case s.by.itself && !by.itself && now.Sub(s.at) < ownFor:
			return s
		case s.by == by:
			s.node, s.at = node, now
			return s
		}
	} else if by.itself && len(k.seen) >= maxHere {
		at = slices.IndexFunc(k.seen, func(s *sighting) bool { return !s.by.itself })
	}
	room := r.told[by] < share && (at >= 0 || len(k.seen) < maxHere && r.all < maxSeen)
	if !known && (at >= 0 || !room) {
		k.full = now.Add(hereFor) // for this one, or the one whose place it has
	}
	if !room {
		return nil
	}
	if at >= 0 {
		r.forget(k.seen[at])
		k.seen = slices.Delete(k.seen, at, at+1)
	}
	s := &sighting{node: node, by: by, at: now}
	k.seen = append(k.seen, s)
	r.told[by]++
	r.all++
	return s
}

// forget counts a sighting out.
func (r *register) forget(s *sighting) {
	r.all--
	if r.told[s.by]--; r.told[s.by] == 0 {
		delete(r.told, s.by)
	}
}

// fresh forgets who has not been heard of for long.
func (r *register) fresh(k *desk, now task.Instant) {
	k.seen = slices.DeleteFunc(k.seen, func(s *sighting) bool {
		old := now.Sub(s.at) > hereFor
		if old {
			r.forget(s)
		}
		return old
	})
}

// sweep is fresh for all topics.
func (r *register) sweep(now task.Instant) {
	maps.DeleteFunc(r.desks, func(_ id.Hash, k *desk) bool {
		r.fresh(k, now)
		return len(k.seen) == 0 && !now.Before(k.full)
	})
}

// of is which nodes offer to a topic, and whether there are more. Those with the shortest handles
// come first: whose addresses fill an answer leaves himself out.
func (r *register) of(group id.Hash, now task.Instant) (nodes []*peer.Handle, more bool) {
	k := r.desks[group]
	if k == nil {
		return nil, now.Before(r.full)
	}
	r.fresh(k, now)
	for _, s := range k.seen {
		nodes = append(nodes, s.node)
	}
	slices.SortStableFunc(nodes, func(a, b *peer.Handle) int { return cmp.Compare(a.SizeCBOR(), b.SizeCBOR()) })
	size := 0
	for i, p := range nodes {
		if size += p.SizeCBOR(); size > maxHandles {
			return nodes[:i], true
		}
	}
	return nodes, now.Before(k.full)
}

// onHere hears which node has items of a topic: from itself, which is copied to the neighbours that
// would be the topic's root next, or from one of these.
func (w *Work) onHere(d *kbr.Delivery, m *here) {
	near := w.ep.ReplicaSet(m.Group.Place(), copies+1)
	among := func(node id.ID) bool {
		return slices.ContainsFunc(near, func(p *peer.Handle) bool { return p.ID == node })
	}
	node, self, now := d.Via, w.ep.Self().ID, w.ep.Now()
	if m.Node != nil {
		node = m.Node
	}
	if !among(self) || m.Node != nil && !among(d.Via.ID) {
		refuse(d, refusedDenied)
		return
	}
	by, share := teller{d.Via.ID, node.ID == d.Via.ID}, maxSeen
	if d.Via.ID != self {
		share = w.share(by.itself)
	}
	s := w.offerers.saw(m.Group, node, by, share, now)
	if s == nil {
		refuse(d, refusedFull)
		return
	}
	d.Reply(encode(&yes{}))
	if m.Node != nil || now.Before(s.next) {
		return
	}
	s.next = now.Add(copyEvery)
	for _, p := range near {
		if p.ID != self {
			w.ep.Send(p, encode(&here{Group: m.Group, Node: node}), nil)
		}
	}
}

// share is how many sightings a node may tell: of itself, or of others. In a ring so small that this node
// knows all of it there are as many tellers of each kind as nodes, and each has its part of the
// room: few nodes are the roots of all topics there.
func (w *Work) share(itself bool) int {
	least := maxCopied
	if itself {
		least = maxOwn
	}
	if all := len(w.ep.ReplicaSet(w.ep.Self().ID, math.MaxInt)); all > 0 {
		return max(least, maxSeen/(2*all))
	}
	return least
}

// onWho says which nodes offer items to a topic.
func (w *Work) onWho(d *kbr.Delivery, m *who) {
	now := w.ep.Now()
	nodes, more := w.offerers.of(m.Group, now)
	d.Reply(encode(&desks{Nodes: nodes, Young: !w.up || now.Sub(w.since) < hereFor, More: more}))
}

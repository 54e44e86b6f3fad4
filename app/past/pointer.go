package past

import (
	"errors"
	"maps"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// A pointer stands where a node should keep a replica and another node of its leaf set
// keeps it for this one. To the other holders it is a replica like any: it has the same
// state. To the node that it points to it is nothing, so that this one never takes its own
// replica for two.

// pointer reports whether the replica lies at another node.
func (e *entry) pointer() bool { return !e.at.IsZero() }

// relay answers a lookup from the node that a pointer points to. What that one gives is
// verified as everything is that a node serves.
func (p *Past) relay(t *task.T, k *kept) wire.Message {
	at := p.neighbour(*k.At)
	if at == nil {
		return &msg.Absent{}
	}
	m, err := p.asker.One(t, at, &msg.Get{Object: k.Cert.ID(), Own: true})
	o, ok := m.(*msg.Object)
	if err != nil || !ok {
		return &msg.Absent{}
	}
	if _, err := task.Work(t, disk, func() (struct{}, error) { return struct{}{}, k.Cert.Fits(o.Content) }); err != nil {
		p.stats.BadInput++
		return &msg.Absent{}
	}
	return &msg.Object{Cert: k.Cert, Content: o.Content}
}

// passOn tells the node that a pointer points to of a reclaim. If it does not hear of it
// it forgets its replica when it finds that nobody points to it any more.
func (p *Past) passOn(at id.ID, r *certificate.Reclaim) {
	if h := p.neighbour(at); h != nil {
		p.asker.Ask(h, &msg.Reclaim{Reclaim: r}, func(wire.Message, error) {})
	}
}

// neighbour returns the handle of a node of the leaf set, nil if it is none.
func (p *Past) neighbour(n id.ID) *peer.Handle {
	for _, h := range p.ep.NeighborSet(maxFellows) {
		if h.ID == n {
			return h
		}
	}
	return nil
}

// rank is this node's place among the nodes nearest to an object, from 0; k for the one
// that comes next, and -1 for all others and where it is not known.
func (p *Past) rank(o id.Hash, k int) int {
	return slices.IndexFunc(p.asker.Replicas(o.Place(), k, 1), func(h *peer.Handle) bool { return h.ID == p.ep.Self().ID })
}

// onPoint takes a pointer for the case that a holder fails. It is worth something only
// then, so it never stands in for a replica that this node should have made itself.
func (p *Past) onPoint(t *task.T, a asker, m *msg.Point) (wire.Message, uint16) {
	o, k := m.Cert.ID(), int(m.Cert.Copies)
	switch {
	case !p.rounds.Begun() || p.stopped:
		return nil, msg.RefusedBusy
	case p.fellow(a) == nil || m.At == p.ep.Self().ID:
		return nil, msg.RefusedStranger
	case m.Cert.Kind == certificate.Mutable:
		return nil, msg.RefusedInvalid
	case p.rank(o, k) != k:
		return nil, msg.RefusedNotHolder
	case !p.inTime(m.Cert):
		return nil, msg.RefusedClock
	}
	if p.busy.Take(t, o) != nil {
		return nil, msg.RefusedBusy
	}
	defer p.busy.Leave(o)
	switch e := p.shelf.find(o); {
	case e != nil && !e.pointer():
		return nil, msg.RefusedHolds
	case e == nil && len(p.shelf.list) >= p.cfg.MaxObjects:
		return nil, msg.RefusedFull
	}
	slip, code := p.diverted(t, a.node, m.Cert, m.Slip) // it is shown to others, who take this node's word
	if code != 0 {
		return nil, code
	}
	ring, v, st, w := p.cfg.Ring, p.cfg.Verifier, p.cfg.Store, written{kept: &kept{Cert: m.Cert, At: &m.At}, slip: slip}
	_, err := task.Work(t, disk, func() (good bool, err error) {
		if err := m.Cert.Verify(ring, v); err != nil {
			return false, err
		}
		return true, write(st, o, w)
	})
	if err != nil {
		p.stats.BadInput++
		return nil, msg.RefusedInvalid
	}
	p.keep(w.kept.entry(ring))
	return &msg.Taken{}, 0
}

// point tells the next in line of a pointer, so that the failure of this node loses nothing
// (PAST, 3.3). Where it cannot be told now it is told with the next round.
func (p *Past) point(t *task.T, c *certificate.Certificate, at id.ID, slip *voucher.Slip) error {
	o, k := c.ID(), int(c.Copies)
	set := p.asker.Replicas(o.Place(), k, 1)
	if len(set) <= k || set[k].ID == p.told[o] || set[k].ID == at {
		return nil
	}
	next := set[k]
	m, err := p.asker.One(t, next, &msg.Point{Cert: c, At: at, Slip: slip})
	if errors.Is(err, task.ErrStopped) {
		return err
	}
	if _, ok := m.(*msg.Taken); ok && err == nil {
		p.told[o] = next.ID
	}
	return nil
}

// tend looks after the pointers: those whose replica is gone are given up, so that a new
// replica is made; the next in line is told; and what this node has room for by now it
// fetches itself.
func (p *Past) tend(t *task.T) error {
	var lost, home []*entry
	maps.DeleteFunc(p.told, func(o id.Hash, _ id.ID) bool { e := p.shelf.find(o); return e == nil || !e.pointer() })
	at := make(map[id.ID][]*entry)
	var hosts []*peer.Handle
	for _, e := range p.shelf.list {
		if !e.pointer() {
			continue
		}
		h := p.neighbour(e.at)
		switch rank := p.rank(e.object, int(e.copies)); {
		case rank < 0: // see tidy
		case h == nil && p.waits(e):
		case h == nil, client.Contains(p.asker.Replicas(e.object.Place(), int(e.copies), 0), h.ID):
			lost = append(lost, e) // the replica is gone, or is counted as its holder's own
		default:
			if at[h.ID] == nil {
				hosts = append(hosts, h)
			}
			at[h.ID] = append(at[h.ID], e)
		}
	}
	for _, h := range hosts {
		there, gone, err := p.stands(t, h, at[h.ID])
		if err != nil {
			return err
		}
		lost = append(lost, gone...)
		home = append(home, there...)
	}
	if err := p.bring(t, home); err != nil || len(lost) == 0 {
		return err
	}
	for _, e := range lost {
		delete(p.told, e.object)
	}
	err := p.erase(t, lost)
	p.rounds.Unsettle()
	return err
}

// waits reports whether the node that a pointer points to went away a moment ago and is
// waited for, as others are.
func (p *Past) waits(e *entry) bool {
	return slices.ContainsFunc(p.away, func(a absence) bool { return a.node == e.at }) && p.majority(e.object.Place(), int(e.copies))
}

// another reports whether a diverted replica is kept here for another of the k nearest than the
// one that asks, as the next in line may become one of them: one replica is not two. If it was
// for one that is among them no more, it is for the one of them that asks from now on.
func (p *Past) another(e *entry, asks id.ID) bool {
	set := p.asker.Replicas(e.object.Place(), int(e.copies), 0)
	if e.whose.IsZero() || e.whose == asks {
		return false
	}
	if client.Contains(set, e.whose) {
		return true
	}
	if client.Contains(set, asks) {
		e.whose = asks
	}
	return false
}

// stands asks a node which of the replicas that pointers say it keeps it has.
func (p *Past) stands(t *task.T, h *peer.Handle, es []*entry) (there, gone []*entry, err error) {
	for some := range slices.Chunk(es, msg.MaxHave) {
		states, err := p.states(t, h, some, true)
		if err != nil {
			return nil, nil, err
		}
		for i, s := range states {
			if s == some[i].state {
				there = append(there, some[i])
			} else {
				gone = append(gone, some[i])
			}
		}
	}
	return there, gone, nil
}

// chunksHome fetches the chunks of a large replica from the node that keeps it, and reports
// whether all are here.
func (p *Past) chunksHome(t *task.T, at id.ID, o *msg.Object) (bool, error) {
	h := p.neighbour(at)
	if h == nil {
		return false, nil
	}
	return p.copyLarge(t, h, o.Cert, o.Content)
}

// bring fetches the replicas that this node has room for, and tells the next in line of the
// others.
func (p *Past) bring(t *task.T, es []*entry) error {
	for _, e := range es {
		k, _, err := p.body(t, e.object, false)
		slip, failed := p.pointed(t, e.object)
		switch err = errors.Join(err, failed); {
		case errors.Is(err, task.ErrStopped):
			return err
		case err != nil || p.rank(e.object, int(e.copies)) == int(e.copies):
			continue
		case !p.takes(k.Cert.Size):
			if err := p.point(t, k.Cert, e.at, slip); err != nil {
				return err
			}
			continue
		}
		o, ok := p.relay(t, k).(*msg.Object)
		if !ok {
			continue
		}
		if o.Cert.Large() {
			if all, err := p.chunksHome(t, e.at, o); err != nil {
				return err
			} else if !all {
				continue
			}
		}
		if slip, code := p.verify(t, e.at, o.Cert, slip); code == 0 && p.take(t, o.Cert, o.Content, slip, false).code == 0 {
			p.stats.Copied++
		}
	}
	return nil
}

package past

import (
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/divert"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// left is how many bytes of content this node has room for; less than none where it
// offers less than it did.
func (p *Past) left() int64 { return p.cfg.Capacity - p.shelf.bytes }

// takes reports whether this node takes a replica as one of the k nearest.
func (p *Past) takes(size int64) bool {
	return len(p.shelf.list) < p.cfg.MaxObjects && p.cfg.Diversion.Takes(size, p.left())
}

// takesHere reports whether an object that is to be kept goes to this node's own disk. Of a large
// one that was decided before its chunks went there.
func (p *Past) takesHere(c *certificate.Certificate) bool {
	if c.Large() {
		return p.lodgings[c.ID()] == nil && p.room(c.Size)
	}
	return p.takes(c.Size)
}

// maxDiverts is how many nodes are asked to take one replica: two of the k nearest may
// choose the same at the same moment.
const maxDiverts = 5

// place decides where a new replica goes: here, or to another node of the leaf set, and
// then w becomes the pointer to it. It returns 0, or the code of a refusal. A replica that
// others lack (not an insert) is kept as long as it fits: better here than nowhere.
func (p *Past) place(t *task.T, w *written, insert bool) uint16 {
	c := w.kept.Cert
	switch {
	case p.takesHere(c):
		return 0
	case insert && p.cfg.Capacity == 0:
		return msg.RefusedOffersNone // there are others to ask
	case c.Large():
		return p.placeLarge(t, w)
	}
	others := p.beyond(c)
	if len(p.shelf.list) < p.cfg.MaxObjects && len(others) > 0 {
		at, err := p.divert(t, w, others)
		switch {
		case errors.Is(err, task.ErrStopped):
			return msg.RefusedBusy
		case !at.IsZero():
			w.kept.At, w.fresh, w.content = &at, false, nil
			return 0
		}
	}
	if p.room(c.Size) && (!insert || len(others) == 0) {
		return 0
	}
	return p.noRoom()
}

// beyond returns the nodes of the leaf set that are not among the k nearest.
func (p *Past) beyond(c *certificate.Certificate) []*peer.Handle {
	near := p.asker.Replicas(c.ID().Place(), int(c.Copies), 0)
	return slices.DeleteFunc(p.ep.NeighborSet(maxFellows), func(h *peer.Handle) bool { return client.Contains(near, h.ID) })
}

// divert has one of several nodes take a replica, and returns which one; none if nobody
// does. The next in line is told before this node gives a receipt.
func (p *Past) divert(t *task.T, w *written, to []*peer.Handle) (at id.ID, err error) {
	q := &msg.Divert{Cert: w.kept.Cert, Content: w.content, Slip: w.slip}
	var m wire.Message
	var h *peer.Handle
	if q.Cert.Large() {
		m, h, err = p.lodge(t, q)
	} else {
		m, h, err = p.host(t, q, to)
	}
	if _, ok := m.(*msg.Taken); !ok || err != nil {
		return id.ID{}, err
	}
	return h.ID, p.point(t, w.kept.Cert, h.ID, q.Slip)
}

// host asks nodes to keep a replica, the one with most room first, until one does not refuse,
// and returns which and what it says; nil if all do. Where no slip is shown it is that which
// this node has. The error is task.ErrStopped, or the disk's.
func (p *Past) host(t *task.T, q *msg.Divert, to []*peer.Handle) (wire.Message, *peer.Handle, error) {
	if q.Slip == nil {
		var err error
		if q.Slip, err = p.pointed(t, q.Cert.ID()); err != nil {
			return nil, nil, err
		}
	}
	to, rooms, err := p.rooms(t, to)
	for range maxDiverts {
		i := p.cfg.Diversion.Choose(q.Cert.ID(), q.Cert.Size, rooms)
		if err != nil || i < 0 {
			return nil, nil, err
		}
		var m wire.Message
		if m, err = p.asker.One(t, to[i], q); err == nil || errors.Is(err, task.ErrStopped) {
			return m, to[i], err
		}
		err = nil
		to, rooms = slices.Delete(to, i, i+1), slices.Delete(rooms, i, i+1)
	}
	return nil, nil, nil
}

// rooms asks nodes how much room they have. Who does not answer soon is left out.
func (p *Past) rooms(t *task.T, of []*peer.Handle) (to []*peer.Handle, rooms []divert.Member, err error) {
	timeout := p.cfg.Ask / 5
	rs, err := task.Gather(t, timeout+client.Grace, len(of), func(i int, resolve func(wire.Message, error)) {
		p.asker.AskFor(of[i], &msg.Room{}, timeout, resolve)
	}, nil)
	for i, r := range rs {
		if m, ok := r.Value.(*msg.RoomLeft); ok && r.Err == nil {
			to, rooms = append(to, of[i]), append(rooms, divert.Member{Node: of[i].ID, Left: m.Left, Offered: m.Offered})
		}
	}
	return to, rooms, err
}

func (p *Past) onRoom(a asker) (wire.Message, uint16) {
	switch {
	case p.fellow(a) == nil:
		return nil, msg.RefusedStranger
	case !p.rounds.Begun() || p.stopped:
		return nil, msg.RefusedBusy
	}
	return &msg.RoomLeft{Left: max(0, p.left()), Offered: p.cfg.Capacity}, 0
}

// onDivert keeps a replica for one of the k nearest, who points to it from now on.
func (p *Past) onDivert(t *task.T, a asker, m *msg.Divert) (wire.Message, uint16) {
	c := m.Cert
	o := c.ID()
	set := p.asker.Replicas(o.Place(), int(c.Copies), slack)
	switch {
	case !p.rounds.Begun() || p.stopped:
		return nil, msg.RefusedBusy
	case p.fellow(a) == nil || set != nil && !client.Contains(set, a.node):
		return nil, msg.RefusedStranger
	case c.Kind == certificate.Mutable:
		return nil, msg.RefusedInvalid
	case !p.inTime(c):
		return nil, msg.RefusedClock
	}
	if p.busy.Take(t, o) != nil {
		return nil, msg.RefusedBusy
	}
	defer p.busy.Leave(o)
	if code := p.mayDivert(a, c); code != 0 {
		return nil, code
	}
	slip, code := p.diverted(t, a.node, c, m.Slip)
	if code != 0 {
		return nil, code
	}
	ring, v, w := p.cfg.Ring, p.cfg.Verifier, &written{kept: &kept{Cert: c, For: &a.node}, fresh: true, content: m.Content, slip: slip}
	if _, err := task.Work(t, disk, func() (bool, error) { return true, verified(c, m.Content, ring, v) }); err != nil {
		p.stats.BadInput++
		return nil, msg.RefusedInvalid
	}
	if c.Large() {
		if answer, code := p.collect(t, a, m); answer != nil || code != 0 {
			return answer, code
		}
	}
	if out := p.commit(t, o, c, w, false); out.code != 0 {
		return nil, out.code
	}
	return &msg.Taken{}, 0
}

// mayDivert reports with 0 whether a replica may be diverted to this node: it keeps none of
// the object but the asker's own, which may be renewed, and has room.
func (p *Past) mayDivert(a asker, c *certificate.Certificate) uint16 {
	o, left := c.ID(), p.left()
	e := p.shelf.find(o)
	switch rank := p.rank(o, int(c.Copies)); {
	case rank >= 0 && rank < int(c.Copies):
		return msg.RefusedHolds
	case e != nil && e.gone && c.Date <= e.date:
		return msg.RefusedReclaimed
	case e != nil && !e.gone && !e.pointer() && e.whose != a.node:
		return msg.RefusedHolds
	case e != nil && e.content != c.Content && !e.gone:
		return msg.RefusedHolds
	case e != nil && !e.gone:
		left += e.size
	case len(p.shelf.list) >= p.cfg.MaxObjects:
		return msg.RefusedFull
	}
	if !p.cfg.Diversion.TakesDiverted(c.Size, left) {
		return msg.RefusedFull
	}
	return 0
}

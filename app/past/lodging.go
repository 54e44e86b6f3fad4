package past

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// A large replica is diverted as a small one is, but its chunks take their time. They go straight
// to the node that is to keep it: from the client that stores the object, which is told where
// to send them, or, where a replica is made anew, from another holder. Until they are there the
// node that will point to them asks again, and remembers whom.

// lodging is the node where the chunks of a large replica go that this one has no room for.
type lodging struct {
	at    *peer.Handle
	until task.Instant // then another one is looked for
	kept  bool         // it has written the replica down; this node has no pointer yet
}

const (
	// maxLodgings is how many replicas this node has made anew elsewhere at once.
	maxLodgings = 8
	// lodgingPace is the time after which a node that moves replicas away asks again.
	lodgingPace = 3 * time.Second
)

// stays reports whether the chunks of a large object that is to be kept go to this node's disk. If
// they have begun to they all do, as long as they fit.
func (p *Past) stays(c *certificate.Certificate) bool {
	o := c.ID()
	e, begun := p.shelf.find(o), p.brought[o] == c.Content
	_, damaged := p.lost.objects[o]
	switch {
	case p.lodgings[o] != nil:
		return false
	case p.takes(c.Size):
		return true
	case e != nil && !e.gone:
		return !e.pointer()
	}
	return p.room(c.Size) && (begun || damaged || len(p.beyond(c)) == 0)
}

// lodge asks for a place for a large replica: the node where its chunks go, or lie, already, or
// else who has most room. It returns which, and Taken, Move or Coming, or nil if it is to be
// asked again; and no node if nobody takes it. The error is task.ErrStopped, or the disk's.
func (p *Past) lodge(t *task.T, q *msg.Divert) (m wire.Message, at *peer.Handle, err error) {
	o := q.Cert.ID()
	if q.Slip == nil {
		if q.Slip, err = p.pointed(t, o); err != nil {
			return nil, nil, err
		}
	}
	l := p.lodgingOf(q.Cert)
	if l != nil {
		timeout := p.asker.SettleTime(q.Cert.Size)
		m, err = task.Await(t, timeout+client.Grace, func(resolve func(wire.Message, error)) { p.asker.AskFor(l.at, q, timeout, resolve) })
		switch {
		case errors.Is(err, task.ErrStopped):
			return nil, nil, err
		case msg.Refusal(err) == msg.RefusedBusy:
			p.lodgings[o] = l
			return nil, l.at, nil
		case err != nil:
			l = nil
		}
	}
	delete(p.lodgings, o)
	if l == nil {
		if m, at, err = p.host(t, q, p.beyond(q.Cert)); err != nil || at == nil {
			return nil, nil, err
		}
		l = &lodging{at: at, until: p.ep.Now().Add(client.MoveTime(q.Cert.Size))}
	}
	switch m.(type) {
	case *msg.Taken:
		l.kept = true
	case *msg.Move, *msg.Coming:
	default:
		p.stats.BadInput++
		return nil, nil, nil
	}
	p.lodgings[o] = l
	return m, l.at, nil
}

// lodgingOf is where the chunks of an object go, or lie: nil if that is nowhere else.
func (p *Past) lodgingOf(c *certificate.Certificate) *lodging {
	o := c.ID()
	if l := p.lodgings[o]; l != nil {
		if p.ep.Now() < l.until && p.neighbour(l.at.ID) != nil {
			return l
		}
		return nil
	}
	if e := p.shelf.find(o); e != nil && e.pointer() && e.content == c.Content {
		if h := p.neighbour(e.at); h != nil {
			return &lodging{at: h, until: p.ep.Now().Add(client.MoveTime(c.Size))}
		}
	}
	return nil
}

// sendOn has another node keep a large replica that a client stores, and tells the client to
// send it there. It returns nil and no code if that one has it.
func (p *Past) sendOn(t *task.T, from *peer.Handle, m *msg.Put) (wire.Message, uint16) {
	if p.filling.Take(t, m.Cert.Content) != nil { // one node is chosen, however often the client asks
		return nil, msg.RefusedBusy
	}
	defer p.filling.Leave(m.Cert.Content)
	got, at, err := p.lodge(t, &msg.Divert{Cert: m.Cert, Content: m.Content, Slip: p.slip(m.Payment), From: from})
	if err == nil && at == nil {
		return nil, p.noRoom()
	}
	switch x := got.(type) {
	case *msg.Taken:
		return nil, 0
	case *msg.Move:
		return &msg.Move{Ticket: x.Ticket, Lacks: x.Lacks, To: at}, 0
	}
	return nil, msg.RefusedBusy
}

// gain gets what is missing of a large object that another holder has, for a replica that is made
// anew: here, or at a node that keeps it for this one. It reports whether that one, or this
// one, is ready to take it, or nobody ever is.
func (p *Past) gain(t *task.T, h *peer.Handle, q *msg.Divert) (bool, error) {
	c, o := q.Cert, q.Cert.ID()
	switch {
	case p.cfg.Blobs == nil || p.stays(c):
		return p.copyLarge(t, h, c, q.Content)
	case p.mayTake(o, c) != 0, p.lodgings[o] == nil && len(p.lodgings) >= maxLodgings:
		return false, nil
	}
	ring, v := p.cfg.Ring, p.cfg.Verifier
	if _, err := task.Work(t, disk, func() (struct{}, error) { return struct{}{}, verified(c, q.Content, ring, v) }); err != nil {
		p.stats.BadInput++
		return false, passStop(err)
	}
	got, at, err := p.lodge(t, q)
	switch {
	case err != nil:
		return false, passStop(err)
	case at == nil && p.room(c.Size): // better here than nowhere
		return p.copyLarge(t, h, c, q.Content)
	case at == nil:
		return true, nil
	}
	_, taken := got.(*msg.Taken)
	return taken, nil
}

// placeLarge is place for a large object, whose chunks are where they are to stay.
func (p *Past) placeLarge(t *task.T, w *written) uint16 {
	c := w.kept.Cert
	l := p.lodgings[c.ID()]
	switch {
	case l == nil && p.room(c.Size):
		return 0
	case l == nil:
		return p.noRoom()
	case !l.kept || p.point(t, c, l.at.ID, w.slip) != nil:
		return msg.RefusedBusy
	}
	w.kept.At, w.fresh, w.content = &l.at.ID, false, nil
	return 0
}

// collect has come what is missing here of a large replica that another node wants this one to
// keep. It returns nil and no code if nothing is.
func (p *Past) collect(t *task.T, a asker, m *msg.Divert) (wire.Message, uint16) {
	c := m.Cert
	switch x := p.tickets[c.ID()]; {
	case p.cfg.Blobs == nil:
		return nil, msg.RefusedFull
	case x != nil && x.to != a.node: // it will be for that one
		return nil, msg.RefusedHolds
	case m.From == nil && p.filling.Held(c.Content):
		return &msg.Coming{}, 0
	}
	return p.fill(t, c, m.Content, a.node, m.From)
}

// pull fetches what a draft lacks from the holders of the object, one after another.
func (p *Past) pull(c *certificate.Certificate, d store.Draft) {
	p.ep.Go(func(t *task.T) error {
		near, err := p.asker.Near(t, c.ID().Place(), int(c.Copies))
		for _, h := range near {
			if err == nil && h.ID != p.ep.Self().ID && len(d.Missing()) > 0 {
				err = p.drain(t, h, c, d)
			}
		}
		p.putDown(d, c.Content, nil)
		return err
	}, nil)
}

// whereabouts says who has the chunks of a large replica that this node points to.
func (p *Past) whereabouts(t *task.T, object id.Hash, at id.ID) (wire.Message, uint16) {
	h := p.neighbour(at)
	k, _, err := p.body(t, object, false)
	if h == nil || err != nil || k.At == nil || !k.Cert.Large() {
		return nil, msg.RefusedNotHolder
	}
	return &msg.Elsewhere{Node: h}, 0
}

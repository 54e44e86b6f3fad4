package past

import (
	"errors"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/office"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

var (
	// errHigher: a later term was promised.
	errHigher = errors.New("past: a later term was promised")
	// errFar: the object is not this node's to vote about.
	errFar = errors.New("past: far from this object")
)

// promised is the latest term that this node's disk has promised for an object.
func promised(st store.Store, o id.Hash) (t certificate.Term, err error) {
	b, err := st.Get(PromiseTable, o[:])
	if errors.Is(err, store.ErrNotFound) {
		return t, nil
	} else if err != nil {
		return t, err
	}
	return t, wire.Unmarshal(b, &t)
}

// concerns reports whether a mutable object is this node's to vote about: it is near the
// object, or has it. Whom a ruling names has promised before, and votes wherever it is by now.
func (p *Past) concerns(o id.Hash, copies uint8) bool {
	return p.shelf.find(o) != nil || client.Contains(p.asker.Replicas(o.Place(), int(copies), int(copies)), p.ep.Self().ID)
}

// mayRule reports whether a node is so near to an object that it may be its root, as far as
// this node can know.
func (p *Past) mayRule(n id.ID, o id.Hash, copies uint8) bool {
	set := p.asker.Replicas(o.Place(), int(copies), slack)
	return set == nil || client.Contains(set, n)
}

// sits reports whether a root that is nearer to an object than a node was heard of here a moment ago, and is in sight.
func (p *Past) sits(o id.Hash, node id.ID) bool {
	for _, s := range []office.Sittings{p.sittings, p.begun} {
		root, ok := s.Before(o, node, p.ep.Now())
		if ok && (root == p.ep.Self().ID || client.Contains(p.ep.NeighborSet(maxFellows), root)) {
			return true
		}
	}
	return false
}

// noteRoot notes that a root of an object was heard of. Of those that are not kept there may be any number, which cost
// nobody anything: they take no room from those that are.
func (p *Past) noteRoot(o id.Hash, root id.ID) {
	if p.shelf.find(o) != nil {
		p.sittings.Note(o, root, p.ep.Now())
	} else {
		p.begun.Note(o, root, p.ep.Now())
	}
}

func (p *Past) onPrepare(t *task.T, a asker, m *msg.Prepare) (wire.Message, uint16) {
	switch {
	case !p.rounds.Begun() || p.stopped:
		return nil, msg.RefusedBusy
	case !a.origin || a.node != m.Term.Root || !p.mayRule(a.node, m.Object, m.Copies):
		return nil, msg.RefusedStranger
	case p.late(m.Term):
		return nil, msg.RefusedClock
	case p.sits(m.Object, a.node):
		return nil, msg.RefusedBusy
	}
	if p.busy.Take(t, m.Object) != nil {
		return nil, msg.RefusedBusy
	}
	defer p.busy.Leave(m.Object)
	st, concerns := p.cfg.Store, p.concerns(m.Object, m.Copies)
	before, err := task.Work(t, disk, func() (certificate.Term, error) {
		before, err := promised(st, m.Object)
		switch {
		case err != nil:
			return before, err
		case !concerns && before == certificate.Term{}:
			return before, errFar
		case !before.Before(m.Term):
			return before, errHigher
		}
		return before, st.Put(PromiseTable, m.Object[:], wire.MustMarshal(&m.Term))
	})
	switch {
	case errors.Is(err, errHigher):
		return &msg.Higher{Term: before}, 0
	case errors.Is(err, errFar):
		return nil, msg.RefusedNotHolder
	case err != nil:
		return nil, msg.RefusedFailed
	}
	p.noteRoot(m.Object, a.node)
	outnumbered := len(p.asker.Replicas(m.Object.Place(), int(m.Copies), 0)) < int(m.Copies) && p.circle.Outnumbered(p.there())
	if p.shelf.find(m.Object) == nil {
		return &msg.Promise{Life: p.life, Sure: p.rounds.Settled(), Outnumbered: outnumbered}, 0
	}
	k, content, err := p.body(t, m.Object, true)
	if err != nil || k.Cert.Kind != certificate.Mutable {
		return nil, msg.RefusedFailed
	}
	return &msg.Promise{Life: p.life, Sure: true, Outnumbered: outnumbered, Cert: k.Cert, Content: content, Ruling: k.Ruling}, 0
}

func (p *Past) onAccept(t *task.T, m *msg.Accept) (wire.Message, uint16) {
	if !p.mayRule(m.Ruling.Term.Root, m.Cert.ID(), m.Cert.Copies) {
		return nil, msg.RefusedStranger
	}
	slip, code := p.ruled(t, m)
	if code != 0 {
		return nil, code
	}
	code, before := p.adopt(t, m.Cert, m.Content, m.Ruling, slip)
	switch {
	case code == msg.RefusedLater:
		return &msg.Higher{Term: before}, 0
	case code != 0:
		return nil, code
	}
	if slip == nil {
		p.note(m)
	}
	return &msg.Accepted{Life: p.life}, 0
}

// adopt keeps a version under its root's ruling, unless a later ruling is kept, or a later term
// was promised: then the code is refusedLater. A promise is about rulings that name this node:
// in others it has no vote, and may learn what is current by now. It does not matter who brings
// a ruling: it is the root's message, whoever repeats it.
func (p *Past) adopt(t *task.T, c *certificate.Certificate, content []byte, r *certificate.Ruling, slip *voucher.Slip) (code uint16, before certificate.Term) {
	o := c.ID()
	switch {
	case !p.rounds.Begun() || p.stopped:
		return msg.RefusedBusy, before
	case c.Kind != certificate.Mutable || r == nil:
		return msg.RefusedInvalid, before
	case c.Date > p.ep.Wall().Add(p.cfg.Skew).UnixMilli(), p.late(r.Term):
		return msg.RefusedClock, before
	}
	if p.busy.Take(t, o) != nil {
		return msg.RefusedBusy, before
	}
	defer p.busy.Leave(o)
	e, votes := p.shelf.find(o), r.Names(certificate.Member{Node: p.ep.Self().ID, Life: p.life})
	switch {
	case e != nil && r.Term == e.ruling.Term && r.Number == e.ruling.Number:
		return 0, before // it is here already
	case e != nil && (!r.Over(e.ruling) || p.objects(e.ruling, r, votes)):
		if !r.Draft && !e.ruling.Covers(r) {
			if code := p.keepRival(t, c, content, r, false); !lasting(code) {
				return code, before
			}
		}
		return msg.RefusedLater, e.ruling.Term
	case votes && p.sits(o, r.Term.Root):
		return msg.RefusedBusy, before
	case e == nil && !p.roomToVote(c.Size):
		return msg.RefusedFull, before
	case len(p.lacksRivals(o, r)) > 0:
		return msg.RefusedFailed, before
	}
	stay, rival, code := p.displace(t, e, r)
	if code != 0 {
		return code, before
	}
	k, st, ring, v, concerns := &kept{Cert: c, Ruling: r}, p.cfg.Store, p.cfg.Ring, p.cfg.Verifier, p.concerns(o, c.Copies)
	before, err := task.Work(t, disk, func() (before certificate.Term, err error) {
		if err := errors.Join(c.Fits(content), c.Verify(ring, v), r.Verify(ring, c, v)); err != nil {
			return before, err
		}
		before, err = promised(st, o)
		switch {
		case err != nil:
			return before, err
		case !concerns && before == certificate.Term{}:
			return before, errFar
		case votes && r.Term.Before(before):
			return before, errHigher
		}
		var b store.Batch
		written{kept: k, fresh: true, content: content, slip: slip}.into(&b, o)
		if stay != nil {
			stay(&b)
		}
		if before.Before(r.Term) {
			b.Put(PromiseTable, o[:], wire.MustMarshal(&r.Term))
		}
		return before, st.Apply(&b)
	})
	switch {
	case err == nil:
		if p.keep(k.entry(ring)); rival != nil {
			p.keep(rival)
			p.rounds.Unsettle()
		}
		if votes {
			p.noteRoot(o, r.Term.Root)
		}
		return 0, before
	case errors.Is(err, errHigher):
		return msg.RefusedLater, before
	case errors.Is(err, errFar):
		return msg.RefusedNotHolder, before
	}
	return p.refusalOfDisk(err), before
}

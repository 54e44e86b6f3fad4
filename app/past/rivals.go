package past

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// A rival is a version of a mutable object that is kept besides the current one: it was
// current in a part of the ring that had lost sight of the others. It is an object of its own
// (certificate.RivalID), frozen, with the object's place and so with its holders; these fetch
// it from each other as they do all else. So each holder has it sooner or later, the root too, and
// the root sees to it that the ruling of now knows of it: see package office.

// wantedFor is for how long a rival stays that was brought: a ruling may be on its way that names it.
const wantedFor = time.Minute

// maxRivals bounds the rivals of one object that a holder keeps: those that its ruling names, and some
// that it does not know of yet, or no more.
const maxRivals = 2 * certificate.MaxRivals

// rivals are the rivals of an object that are kept here. They lie side by side on the shelf, as
// their ids begin in the same way.
func (s *shelf) rivals(o id.Hash) (es []*entry) {
	first := id.Hash{}
	copy(first[:len(first)/2], o[:])
	i, _ := s.at(first)
	for _, e := range s.list[i:] {
		if e.object.Place() != o.Place() {
			break
		}
		if e.rival != nil && e.of == o {
			es = append(es, e)
		}
	}
	return es
}

// split reports whether there is a rival of an object here of which its ruling does not know,
// and which may have been acknowledged.
func (p *Past) split(e *entry) bool {
	return slices.ContainsFunc(p.shelf.rivals(e.object), func(x *entry) bool { return !e.ruling.Covers(x.rival) })
}

// merged reports whether a rival is not needed any more: the ruling of now covers it and does not
// have it kept.
func (p *Past) merged(e *entry) bool {
	if e.rival == nil || p.ep.Now().Sub(e.came) < wantedFor {
		return false
	}
	now := p.shelf.find(e.of)
	return now != nil && needless(now.ruling, e.rival)
}

// needless reports whether a ruling that is complete stands for another one, whose version is not
// kept besides. What a branch left that is apart is kept, as it says whom to ask before that ends.
func needless(now, r *certificate.Ruling) bool {
	return !now.Draft && now.Covers(r) && !slices.Contains(now.Rivals(), r.Certificate) && !now.LeftAt(r)
}

// rather reports whether a version is kept besides with this ruling rather than with an old one. The one that the
// branch of now left says whom to ask before what is apart ends: nobody takes its place who rules late of his own.
// Of others the later one is kept, as it may be left yet. Now is nil where nothing is current.
func rather(now, r, old *certificate.Ruling) bool {
	switch {
	case now != nil && now.LeftAt(old):
		return false
	case now != nil && now.LeftAt(r):
		return true
	}
	return r.After(old)
}

// outlived reports whether each of the nodes that are to keep a rival has a ruling that is complete, stands for
// it and does not have it kept. This node keeps none of the object, and cannot see that by itself. The error is
// task.ErrStopped.
func (p *Past) outlived(t *task.T, e *entry) (bool, error) {
	ring, v := p.cfg.Ring, p.cfg.Verifier
	set, err := p.asker.Near(t, e.object.Place(), int(e.copies))
	if err != nil {
		return false, passStop(err)
	}
	set = set[:min(len(set), int(e.copies))]
	rs, err := p.asker.All(t, set, func() wire.Message { return &msg.Get{Object: e.of} }, nil)
	if err != nil {
		return false, err
	}
	for _, r := range rs {
		m, ok := r.Value.(*msg.Object)
		if !ok || m.Ruling == nil || m.Cert.ID() != e.of || !needless(m.Ruling, e.rival) {
			return false, nil
		}
		if _, err := task.Work(t, disk, func() (struct{}, error) { return struct{}{}, m.Ruling.Verify(ring, m.Cert, v) }); err != nil {
			return false, passStop(err)
		}
	}
	return len(rs) > 0, nil
}

// lacksRivals returns the ids of the rivals that a ruling names and that are not kept here, neither
// as rivals nor as what is current so far.
func (p *Past) lacksRivals(o id.Hash, r *certificate.Ruling) (ids []id.Hash) {
	e := p.shelf.find(o)
	for _, h := range r.Rivals() {
		if x := certificate.RivalID(o, h); p.shelf.find(x) == nil && (e == nil || e.ruling.Certificate != h) {
			ids = append(ids, x)
		}
	}
	return ids
}

// displaced reports whether what a holder has of an object stays as a rival when it takes a
// ruling: it may have been acknowledged, and the ruling does not stand for it, or has it kept. A draft was not, and
// stays only where the ruling left it.
func displaced(by, old *certificate.Ruling) bool {
	if old.Draft && !by.LeftAt(old) || by.Origin == old.Origin {
		return false
	}
	return by.Draft || !needless(by, old)
}

func (p *Past) onKeep(t *task.T, a asker, m *msg.Keep) (wire.Message, uint16) {
	if !a.origin || !p.mayRule(a.node, m.Cert.ID(), m.Cert.Copies) {
		return nil, msg.RefusedStranger
	}
	if code := p.keepRival(t, m.Cert, m.Content, m.Ruling, true); code != 0 {
		return nil, code
	}
	return &msg.Taken{}, 0
}

// keepRival keeps a version besides the current one, unless that stands for it. Where it is wanted it is kept all the
// same, as a ruling is to come that names it: what was settled in this part of a ring may not be so in another.
// It returns 0 or the code of a refusal.
func (p *Past) keepRival(t *task.T, c *certificate.Certificate, content []byte, r *certificate.Ruling, wanted bool) uint16 {
	o := c.ID()
	switch {
	case !p.rounds.Begun() || p.stopped:
		return msg.RefusedBusy
	case c.Kind != certificate.Mutable || r == nil:
		return msg.RefusedInvalid
	case p.late(r.Term):
		return msg.RefusedClock
	case !p.concerns(o, c.Copies):
		return msg.RefusedNotHolder
	}
	x := certificate.RivalID(o, r.Certificate)
	if p.busy.Take(t, x) != nil {
		return msg.RefusedBusy
	}
	defer p.busy.Leave(x)
	var now *certificate.Ruling
	if e := p.shelf.find(o); e != nil {
		now = e.ruling
	}
	if r.Draft && (now == nil || !now.LeftAt(r)) {
		return msg.RefusedNotHolder // of something that this node cannot judge before it has the object
	}
	old := p.shelf.find(x)
	switch {
	case !wanted && now != nil && needless(now, r):
		return 0
	case old != nil && !rather(now, r, old.rival):
		if wanted {
			again := *old
			again.came = p.ep.Now()
			p.shelf.set(&again)
		}
		return 0
	case old == nil && (!p.roomToVote(c.Size) || len(p.shelf.rivals(o)) >= maxRivals):
		return msg.RefusedFull
	}
	k, st, ring, v := &kept{Cert: c, Ruling: r, Rival: true}, p.cfg.Store, p.cfg.Ring, p.cfg.Verifier
	_, err := task.Work(t, disk, func() (_ struct{}, err error) {
		if err := errors.Join(c.Fits(content), c.Verify(ring, v), r.Verify(ring, c, v)); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, write(st, x, written{kept: k, fresh: true, content: content})
	})
	if err == nil {
		e := k.entry(ring)
		e.came = p.ep.Now()
		p.keep(e)
		p.rounds.Unsettle() // the others should have it too, and the root look at it
	}
	return p.refusalOfDisk(err)
}

// refusalOfDisk is the code of an error of verifying something and writing it down.
func (p *Past) refusalOfDisk(err error) uint16 {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, certificate.ErrCertificate), errors.Is(err, certificate.ErrContent), errors.Is(err, certificate.ErrRuling):
		p.stats.BadInput++
		return msg.RefusedInvalid
	case errors.Is(err, store.ErrFull):
		return msg.RefusedFull
	}
	return msg.RefusedFailed
}

// displace returns what adds to a batch that what is here of an object stays as a rival, and
// that rival's entry; nothing if it need not. A code is that of a refusal.
func (p *Past) displace(t *task.T, e *entry, by *certificate.Ruling) (into func(*store.Batch), rival *entry, code uint16) {
	if e == nil || !displaced(by, e.ruling) {
		return nil, nil, 0
	}
	switch x := p.shelf.find(certificate.RivalID(e.object, e.ruling.Certificate)); {
	case x != nil && !rather(by, e.ruling, x.rival):
		return nil, nil, 0
	case x == nil && !p.roomToVote(e.size):
		return nil, nil, msg.RefusedFull
	}
	k, content, err := p.body(t, e.object, true)
	if err != nil {
		return nil, nil, msg.RefusedFailed // what is damaged was put away, and nothing is displaced next time
	}
	k.Rival = true
	rival = k.entry(p.cfg.Ring)
	return func(b *store.Batch) { written{kept: k, fresh: true, content: content}.into(b, rival.object) }, rival, 0
}

// fetchedRival keeps a rival that a neighbour gave. It is paid for with its object, so where storage
// is paid for it waits for that.
func (p *Past) fetchedRival(t *task.T, m *msg.Object) uint16 {
	if p.accounts != nil && p.lacks(m.Cert.ID()) {
		return msg.RefusedBusy
	}
	return p.keepRival(t, m.Cert, m.Content, m.Ruling, false)
}

// answers reports whether what a neighbour gave claims to be an object, or a rival with this id.
func answers(m *msg.Object, o id.Hash) bool {
	return m.Cert.ID() == o || m.Ruling != nil && certificate.RivalID(m.Cert.ID(), m.Ruling.Certificate) == o
}

// bringRivals fetches from a neighbour the rivals without which this node takes no ruling.
func (p *Past) bringRivals(t *task.T, h *peer.Handle, o id.Hash, r *certificate.Ruling) error {
	if r == nil {
		return nil
	}
	for _, x := range p.lacksRivals(o, r) {
		m, err := p.asker.One(t, h, &msg.Get{Object: x})
		if errors.Is(err, task.ErrStopped) {
			return err
		}
		if got, ok := m.(*msg.Object); ok && got.Cert.ID() == o && answers(got, x) && got.Cert.Body() == int64(len(got.Content)) {
			p.keepRival(t, got.Cert, got.Content, got.Ruling, true)
		}
	}
	return nil
}

// Rivals implements office.Holder.
func (b bench) Rivals(t *task.T, o id.Hash) (vs []*certificate.Version, err error) {
	for _, e := range b.p.shelf.rivals(o) {
		k, content, err := b.p.body(t, e.object, true)
		if errors.Is(err, task.ErrStopped) {
			return nil, err
		}
		if err == nil {
			vs = append(vs, &certificate.Version{Certificate: k.Cert, Content: content, Ruling: k.Ruling})
		}
	}
	return vs, nil
}

package past

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/office"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// late reports whether a term lies so far ahead that no honest root has come to it, whatever its clock
// says: a promise of it would keep all roots out that count.
func (p *Past) late(t certificate.Term) bool { return !t.InTime(p.ep.Wall().Add(p.ahead())) }

// ahead is how far a term may be ahead of this node's clock. Roots count terms by one, and so need what clocks differ by, after
// somebody took as late a term as he could: where a clock is further behind its node has no vote on that object for as long.
// But whoever takes such a term from holders has their votes until that time comes. So it is less than for certificates, whose
// dates are those of any clock.
func (p *Past) ahead() time.Duration { return min(p.cfg.Skew, time.Hour) }

// maxSettle bounds the objects that a root settles in one round of upkeep.
const maxSettle = 64

// bench is what a root sees of the holder at its own node.
type bench struct{ p *Past }

var _ office.Holder = bench{}

// Serves implements office.Holder.
func (b bench) Serves() bool { return b.p.rounds.Begun() && !b.p.stopped }

// Ruling implements office.Holder.
func (b bench) Ruling(o id.Hash) *certificate.Ruling {
	if e := b.p.shelf.find(o); e != nil {
		return e.ruling
	}
	return nil
}

// Away implements office.Holder.
func (b bench) Away() []id.ID { return b.p.awayFor(b.p.cfg.Absence) }

// Awaited implements office.Holder.
func (b bench) Awaited() []id.ID { return b.p.awayFor(b.p.cfg.Apart) }

// awayFor returns who went away and is gone for less than d.
func (p *Past) awayFor(d time.Duration) (ids []id.ID) {
	for _, a := range p.away {
		if p.ep.Now().Sub(a.since) < d {
			ids = append(ids, a.node)
		}
	}
	return ids
}

// Missed implements office.Holder.
func (b bench) Missed() (counted, others []id.ID) {
	there, away := b.p.there(), b.p.awayFor(b.p.cfg.Absence)
	if b.p.circle.Outnumbered(there) {
		for _, n := range b.p.circle.Missing(there) {
			if !slices.Contains(away, n) && !b.p.forLost(n) {
				counted = append(counted, n)
			}
		}
	}
	for _, n := range b.p.missed.All() {
		if !slices.Contains(there, n) && !slices.Contains(away, n) && !slices.Contains(counted, n) && !b.p.forLost(n) {
			others = append(others, n)
		}
	}
	return counted, others
}

// Lost implements office.Holder.
func (b bench) Lost(n id.ID) bool { return b.p.forLost(n) }

func (p *Past) onUpdate(t *task.T, m *msg.Update) (wire.Message, uint16) {
	ring, v, o := p.cfg.Ring, p.cfg.Verifier, m.Cert.ID()
	if !p.inTime(m.Cert) {
		return nil, msg.RefusedClock
	}
	if _, err := task.Work(t, disk, func() (struct{}, error) {
		return struct{}{}, errors.Join(m.Cert.Fits(m.Content), m.Cert.Verify(ring, v))
	}); err != nil {
		p.stats.BadInput++
		return nil, msg.RefusedInvalid
	}
	var out wire.Message
	var unpaid uint16
	begun := false
	try := func(of *office.Office) error {
		if of.Apart() && !m.Apart {
			return office.ErrAway
		}
		out = &msg.Updated{}
		have, hash := uint64(0), id.Hash{}
		if v := of.Current(); v != nil {
			have, hash = v.Certificate.Version, v.Certificate.Hash(ring)
			if hash == m.Cert.Hash(ring) {
				return nil // it was asked before
			}
		}
		if m.Cert.Version != have+1 || !m.Replaces.IsZero() && m.Replaces != hash {
			out = p.currentOf(of)
			return nil
		}
		if unpaid = p.covers(t, of, m); unpaid != 0 {
			return nil
		}
		begun = true
		return of.Decide(t, m.Cert, m.Content, m.Payment)
	}
	err := p.offices.Serve(t, o, int(m.Cert.Copies), mode(m.Apart), try)
	if unpaid != 0 {
		return nil, unpaid
	}
	if _, ok := out.(*msg.Updated); err == nil && !ok {
		err = p.offices.Serve(t, o, int(m.Cert.Copies), office.Fresh|mode(m.Apart), try) // a conflict is told in a new term only
	}
	if unpaid != 0 {
		return nil, unpaid
	}
	if code := refusalOf(err); code != msg.RefusedAway || begun {
		return out, code
	}
	return nil, msg.RefusedUndecided
}

func (p *Past) onSettle(t *task.T, m *msg.Settle) (out wire.Message, code uint16) {
	err := p.offices.Serve(t, m.Object, int(m.Copies), office.Fresh|mode(m.Apart), func(of *office.Office) error {
		out = p.currentOf(of)
		return nil
	})
	return out, refusalOf(err)
}

func (p *Past) currentOf(of *office.Office) wire.Message {
	v := of.Current()
	if v == nil {
		return &msg.Absent{Sure: true}
	}
	return &msg.Object{Cert: v.Certificate, Content: v.Content, Ruling: v.Ruling, Life: p.life}
}

func refusalOf(err error) uint16 {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, office.ErrNotRoot):
		return msg.RefusedNotRoot
	}
	return msg.RefusedAway
}

// rule takes office for objects that are overdue. Where others are lost, or away, it does so in vain for many of them,
// each time: so it begins with those for which it has not done so for longest.
func (p *Past) rule(t *task.T) error {
	var due []*entry
	tried := make(map[id.Hash]task.Instant)
	for _, e := range p.shelf.list {
		if !p.overdue(e) {
			continue
		}
		due = append(due, e)
		if at, have := p.tried[e.object]; have {
			tried[e.object] = at
		}
	}
	p.tried = tried
	slices.SortStableFunc(due, func(a, b *entry) int { return cmp.Compare(p.tried[a.object], p.tried[b.object]) })
	for _, e := range due[:min(len(due), maxSettle)] {
		p.tried[e.object] = p.ep.Now()
		if e = p.shelf.find(e.object); e == nil || !p.overdue(e) {
			continue // somebody has asked for it meanwhile
		}
		err := p.offices.Serve(t, e.object, int(e.copies), office.Fresh, func(*office.Office) error { return nil })
		if errors.Is(err, task.ErrStopped) {
			return err
		}
	}
	return nil
}

// overdue reports whether this node is the root of an object whose last ruling names other holders than are there now, so
// that the k nearest are to have what is current before the last of the old holders goes; or is a
// draft; or does not know of a rival; or was made apart from others who are back.
func (p *Past) overdue(e *entry) bool {
	if e.ruling == nil {
		return false
	}
	set := p.asker.Replicas(e.object.Place(), int(e.copies), 0)
	return len(set) > 0 && set[0].ID == p.ep.Self().ID && (!named(e.ruling, set) || e.ruling.Draft || p.split(e) || p.rejoins(e))
}

// named reports whether a ruling names just these nodes, and knows all their lives.
func named(r *certificate.Ruling, set []*peer.Handle) bool {
	return r.Settled() && slices.EqualFunc(r.Holders, set, func(m *certificate.Member, h *peer.Handle) bool { return m.Node == h.ID && m.Life != 0 })
}

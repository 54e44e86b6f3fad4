package past

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// quota is how much of something may be done in an hour.
type quota struct {
	since task.Instant
	done  int
}

// left returns how much of limit is left in the hour that began at since.
func (q *quota) left(now task.Instant, limit int) int {
	if now.Sub(q.since) >= time.Hour {
		q.since, q.done = now, 0
	}
	return max(0, limit-q.done)
}

const (
	// maxTidy is how many surplus replicas are looked at in one round, and maxFar of how
	// many the nodes that are to keep them are asked for.
	maxTidy = 1024
	maxFar  = 64
	// maxOffered bounds the objects that strangers can make this node fetch in an hour:
	// these are not paid for a second time.
	maxOffered = 256
	// usable is for how long a voucher that was used here may be shown again, by whatever clock: that
	// of a keeper who voted, of the holder that took it first, and of this node.
	usable = voucher.MaxLife + 3*peer.ClockSkew
)

// tidy forgets what has expired, reclaims that all know of by now, and surplus replicas.
func (p *Past) tidy(t *task.T) error {
	now, wall := p.ep.Now(), p.ep.Wall()
	var old, surplus []*entry
	// However wrong the clock may be, it costs a hundredth of the objects an hour.
	left := p.erased.left(now, max(1, len(p.shelf.list)/100))
	own := p.keysOf(p.ep.Self())
	was := p.surplus
	p.surplus = make(map[id.Hash]task.Instant)
	for _, e := range p.shelf.list {
		// Whatever dates the owner signs, that a voucher was used is remembered for as long as it is good:
		// its keepers may have given the charge back by now.
		over := e.over(&p.cfg, wall) && (!e.gone || now.Sub(e.came) >= usable)
		switch {
		case p.merged(e):
			old = append(old, e)
		case over && left > 0:
			left--
			p.erased.done++
			old = append(old, e)
		case over || own.due(e) || e.pointer() && p.rank(e.object, int(e.copies)) == int(e.copies):
		default:
			since, known := was[e.object]
			if !known {
				since = now
			}
			p.surplus[e.object] = since
			if len(surplus) < maxTidy {
				surplus = append(surplus, e)
			}
		}
	}
	if err := p.erase(t, old); err != nil { // at once: a rival may be wanted again while others are asked
		return err
	}
	kept, err := p.elsewhere(t, surplus)
	if err != nil {
		return err
	}
	return p.erase(t, kept)
}

// elsewhere returns those of some surplus replicas that were here for long enough, and of
// which each node that is to keep them has one, all in the same state. That may be another
// state than this node's: they have had the time to fetch its, and have decided. A node
// that lies makes nobody lose more than the replica that it should keep itself. Who lacks
// one, and cannot know of this one, is told.
func (p *Past) elsewhere(t *task.T, surplus []*entry) (kept []*entry, err error) {
	hs, polls, err := p.keepers(t, surplus)
	if err != nil {
		return nil, err
	}
	for _, h := range hs {
		for es := range slices.Chunk(h.of, msg.MaxHave) {
			states, err := p.states(t, h.node, es, false)
			if err != nil {
				return nil, err
			}
			var lacks []*entry
			for i, s := range states {
				if polls[es[i].object].count(s); s == 0 && es[i].whose.IsZero() {
					lacks = append(lacks, es[i])
				}
			}
			if err := p.offer(t, h.node, lacks); err != nil {
				return nil, err
			}
		}
	}
	now := p.ep.Now()
	for _, e := range surplus {
		v := polls[e.object]
		agreed := v != nil && v.agreed()
		// A holder that the last ruling names keeps what it has promised until another one is
		// made. If the others have another, and it is a later one, it is that. Nor does an object
		// go before its rivals here, as its ruling says whether these are needed.
		named := e.ruling != nil && (e.ruling.Names(certificate.Member{Node: p.ep.Self().ID, Life: p.life}) || len(p.shelf.rivals(e.object)) > 0)
		switch {
		case now.Sub(p.surplus[e.object]) < p.cfg.Surplus:
		case agreed && !named:
			kept = append(kept, e)
		case !e.whose.IsZero():
			p.surplus[e.object] = now // somebody points to it: the others' turn
		case agreed && v.state != e.state:
			if err := p.follow(t, e); err != nil {
				return nil, err
			}
		case e.rival != nil && v != nil:
			switch over, err := p.outlived(t, e); {
			case err != nil:
				return nil, err
			case over:
				kept = append(kept, e)
			}
		}
	}
	return kept, nil
}

// keeper is a node that is to keep some of this node's surplus replicas.
type keeper struct {
	node *peer.Handle
	of   []*entry
}

// keepers returns the nodes that are to keep surplus replicas, and a poll of them for each
// replica. For a replica that is far from its place they are asked for.
func (p *Past) keepers(t *task.T, surplus []*entry) (hs []*keeper, polls map[id.Hash]*poll, err error) {
	polls = make(map[id.Hash]*poll)
	far := 0
	for _, e := range surplus {
		key, k := e.object.Place(), int(e.copies)
		set := p.asker.Replicas(key, k, 0)
		if len(set) == 0 && far < maxFar {
			far++
			if set, err = p.asker.Near(t, key, k); errors.Is(err, task.ErrStopped) {
				return nil, nil, err
			}
			set = set[:min(len(set), k)]
		}
		if len(set) == 0 || client.Contains(set, p.ep.Self().ID) {
			continue // it is not known who they are, or the nodes have changed since
		}
		polls[e.object] = &poll{missing: len(set)}
		for _, n := range set {
			i := slices.IndexFunc(hs, func(h *keeper) bool { return h.node.ID == n.ID })
			if i < 0 {
				i = len(hs)
				hs = append(hs, &keeper{node: n})
			}
			hs[i].of = append(hs[i].of, e)
		}
	}
	return hs, polls, nil
}

// offer tells a node that is to keep objects, and is no fellow, that they are here: fellows
// ask for themselves.
func (p *Past) offer(t *task.T, h *peer.Handle, es []*entry) error {
	if len(es) == 0 || slices.Contains(p.fellows, h.ID) {
		return nil
	}
	m := new(msg.Offer)
	for _, e := range es {
		m.Items = appendItem(m.Items, e)
	}
	// Where it is not taken now it is offered again in the next round.
	if _, err := p.asker.One(t, h, m); errors.Is(err, task.ErrStopped) {
		return err
	}
	return nil
}

// onOffer fetches what this node should keep and another one keeps, far from its place.
func (p *Past) onOffer(t *task.T, a asker, m *msg.Offer) (wire.Message, uint16) {
	xs := readItems(m.Items)
	switch {
	case a.from == nil || !a.origin:
		return nil, msg.RefusedStranger
	case !p.rounds.Begun() || p.stopped:
		return nil, msg.RefusedBusy
	case p.fellow(a) == nil:
		xs = xs[:min(len(xs), p.offered.left(p.ep.Now(), maxOffered))]
		p.offered.done += len(xs)
	}
	if all, err := p.fetch(t, a.from, xs); err != nil || !all {
		return nil, msg.RefusedBusy
	}
	return &msg.Taken{}, 0
}

// states asks a node in which states it keeps objects, at most msg.MaxHave: with own, in
// its own store. It returns nil if there is no answer.
func (p *Past) states(t *task.T, h *peer.Handle, es []*entry, own bool) ([]state, error) {
	q := &msg.Have{Own: own}
	for _, e := range es {
		q.Objects = append(q.Objects, e.object)
	}
	m, err := p.asker.One(t, h, q)
	if errors.Is(err, task.ErrStopped) {
		return nil, err
	}
	got, ok := m.(*msg.Having)
	if err != nil || !ok || len(got.States) != len(es)*msg.StateSize {
		return nil, nil
	}
	states := make([]state, len(es))
	for i := range states {
		states[i] = state(binary.BigEndian.Uint64(got.States[i*msg.StateSize:]))
	}
	return states, nil
}

// follow learns from the root of a mutable object which ruling came after the one that this
// node has.
func (p *Past) follow(t *task.T, e *entry) error {
	set := p.asker.Replicas(e.object.Place(), int(e.copies), 0)
	if len(set) == 0 {
		return nil
	}
	m, err := p.asker.One(t, set[0], &msg.Get{Object: e.object})
	if errors.Is(err, task.ErrStopped) {
		return err
	}
	_, err = p.fetched(t, set[0], e.object, voucher.Bill{}, task.Result[wire.Message]{Value: m, Err: err})
	return err
}

// poll is what the holders of an object say that they have.
type poll struct {
	missing int // answers
	state   state
	differ  bool
}

func (v *poll) count(s state) {
	v.missing--
	v.differ = v.differ || s == 0 || v.state != 0 && v.state != s
	v.state = s
}

func (v *poll) agreed() bool { return v.missing == 0 && !v.differ }

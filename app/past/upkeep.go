package past

import (
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/missed"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/office"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/app/rounds"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

const (
	// maxFellows is the largest number of neighbours that may keep something in common
	// with this node, on both sides.
	maxFellows = 2 * certificate.MaxCopies
	// atOnce is the number of objects that are fetched at once.
	atOnce = 8
	// maxStrays bounds how many objects a neighbour can announce in one round.
	maxStrays = 1 << 20
)

// upkeep is what a node knows of how replicas stand around it.
type upkeep struct {
	rounds  rounds.Rounds // in which the fellow holders are asked; begun when the index is read
	widest  int           // the largest number of copies of any object that is known of
	fellows []id.ID
	away    []absence
	missed  missed.Missed // of those who were near, and
	named   missed.Missed // of those whom rulings name: some went before this node came
	circle  missed.Circle
	noted   noted                    // what lies on the disk of all these
	noting  bool                     // it is being written
	surplus map[id.Hash]task.Instant // replicas that are not this node's to keep, since when
	erased  quota
	passed  passed
	offered quota                    // objects, by strangers
	told    map[id.Hash]id.ID        // of pointers: the next in line, who has one too
	tried   map[id.Hash]task.Instant // of objects that were overdue in the last round: when office was taken for them last
}

// absence is a node that was among the neighbours and is away; or was only pushed out by
// newcomers, and then is too far from all that is kept here to matter.
type absence struct {
	node  id.ID
	since task.Instant
}

func (p *Past) begin() {
	p.rounds.Start(p.ep, p.cfg.Sync, p.round)
	p.widest, p.surplus = p.cfg.Copies, make(map[id.Hash]task.Instant)
	p.told = make(map[id.Hash]id.ID)
}

// Update implements kbr.App: when those near change, so may what this node keeps.
func (p *Past) Update(n *peer.Handle, joined bool) {
	before := slices.Clone(p.fellows)
	p.away = slices.DeleteFunc(p.away, func(a absence) bool { return a.node == n.ID })
	if joined {
		p.missed.Back(n.ID)
		p.named.Back(n.ID)
	} else if p.cfg.Absence > 0 && (p.cfg.Expelled == nil || !p.cfg.Expelled(n.ID)) {
		p.away = append(p.away, absence{n.ID, p.ep.Now()})
		p.ep.After(p.cfg.Absence, p.returned)
	}
	// Several may have gone at once: the first that is told of need not be a fellow, and
	// then the others are none any more.
	if p.look(); !slices.Equal(before, p.fellows) || slices.Contains(p.fellows, n.ID) {
		p.rounds.Unsettle()
	}
	p.encircle()
	p.noteFellows()
}

// returned forgets those who were away for too long: they are not waited for any more.
func (p *Past) returned() {
	n := len(p.away)
	p.away = slices.DeleteFunc(p.away, func(a absence) bool {
		over := p.ep.Now().Sub(a.since) >= p.cfg.Absence
		if over {
			p.missed.Add(a.node, p.cfg.Absence)
		}
		return over
	})
	if len(p.away) < n {
		p.encircle()
		p.rounds.Unsettle()
	}
}

// look remembers who is near: the nodes that keep something in common with this one.
func (p *Past) look() {
	p.fellows = p.fellows[:0]
	for _, h := range p.neighbours() {
		p.fellows = append(p.fellows, h.ID)
	}
}

// neighbours returns those who keep something in common with this node: the k nearest on
// either side. The nearest on both sides together may all lie on one.
func (p *Past) neighbours() []*peer.Handle {
	all, self := p.ep.NeighborSet(maxFellows), p.ep.Self().ID
	if len(all) <= 2*p.widest {
		return all
	}
	slices.SortFunc(all, func(a, b *peer.Handle) int { return a.ID.Sub(self).Cmp(b.ID.Sub(self)) })
	return slices.Concat(all[:p.widest], all[len(all)-p.widest:])
}

// awayNearer is how many of those who are away are nearer to a key than a node.
func (p *Past) awayNearer(key, than id.ID) (n int) {
	for _, a := range p.away {
		if id.Closer(key, a.node, than) {
			n++
		}
	}
	return n
}

// wanted reports whether this node should fetch an object. It is one of the k nearest
// nodes there are. If that is so only because others went away a moment ago, they
// are waited for as long as a majority of the replicas is there.
func (p *Past) wanted(key id.ID, k int) bool {
	set := p.asker.Replicas(key, k, 0)
	rank := slices.IndexFunc(set, func(h *peer.Handle) bool { return h.ID == p.ep.Self().ID })
	if rank < 0 {
		return false
	}
	if rank+p.awayNearer(key, p.ep.Self().ID) < k {
		return true
	}
	return !p.majority(key, k)
}

// majority reports whether a majority of those who kept an object before somebody went
// away a moment ago is there.
func (p *Past) majority(key id.ID, k int) bool {
	there := 0
	for i, h := range p.asker.Replicas(key, k, 0) {
		if i+p.awayNearer(key, h.ID) < k {
			there++
		}
	}
	return there >= k/2+1
}

// round fetches what this node should keep and does not, and forgets what it need not keep.
func (p *Past) round(t *task.T, r *rounds.Round) error {
	p.miss()
	width := p.widest
	p.look()
	for _, h := range p.neighbours() {
		heard, old, err := p.meet(t, h)
		if errors.Is(err, task.ErrStopped) {
			return err
		}
		r.Heard(heard, old)
	}
	if p.widest > width { // there are more to be asked
		r.Again(rounds.Calm)
		return nil
	}
	if !r.Settle() {
		return nil
	}
	for _, f := range []func(*task.T) error{p.rule, p.tend, p.shrink, p.tidy, p.sweep} {
		if err := f(t); err != nil {
			return err
		}
	}
	p.release()
	return nil
}

// meet fetches from one neighbour what this node should keep. heard tells that he was
// heard to the end and gave what he listed; old that he is no newcomer.
func (p *Past) meet(t *task.T, h *peer.Handle) (heard, old bool, err error) {
	heard, old, err = p.compareArc(t, h, id.Range{Full: true}, 0)
	if !heard || err != nil {
		return false, false, err
	}
	q := new(msg.Strays)
	for range maxStrays / msg.MaxItems {
		m, err := p.asker.One(t, h, q)
		list, ok := m.(*msg.Items)
		if err != nil || !ok {
			return false, false, err
		}
		xs := readItems(list.Items)
		if ok, err := p.fetch(t, h, xs); !ok {
			return false, false, err
		}
		if !list.More || len(xs) == 0 {
			return true, old, nil
		}
		q = &msg.Strays{After: xs[len(xs)-1].object}
	}
	return false, false, nil
}

// compareArc compares an arc with a neighbour, and fetches where they differ.
func (p *Past) compareArc(t *task.T, h *peer.Handle, arc id.Range, depth int) (heard, old bool, err error) {
	c := cutOf(arc)
	m, err := p.asker.One(t, h, &msg.Compare{Arc: arc, Sums: c.sums(p.shared(arc, h))})
	d, ok := m.(*msg.Differs)
	if err != nil || !ok {
		return false, false, err
	}
	p.widest = max(p.widest, int(d.Widest))
	if ok, err := p.fetch(t, h, readItems(d.Items)); !ok {
		return false, false, err
	}
	for part := range msg.Parts {
		if d.Deeper&(1<<part) == 0 {
			continue
		}
		if depth == maxDepth || c.shift == 0 {
			return false, false, nil
		}
		if heard, _, err := p.compareArc(t, h, c.arcOf(part), depth+1); !heard {
			return false, false, err
		}
	}
	return true, d.Sure, nil
}

// fetch fetches what this node lacks of what a neighbour lists, and reports whether he
// gave all of it.
func (p *Past) fetch(t *task.T, h *peer.Handle, xs []item) (bool, error) {
	xs = slices.DeleteFunc(xs, func(x item) bool {
		return p.shelf.state(x.object) == x.state || p.passes(x) || !p.wanted(x.object.Place(), int(x.copies))
	})
	all := true
	for some := range slices.Chunk(p.unpaid(h, xs), msg.MaxHave) {
		due, none, err := p.bills(t, h, some)
		if err != nil {
			return false, err
		}
		ok, err := p.get(t, h, due)
		if err != nil {
			return false, err
		}
		all = all && none && ok
	}
	return all, nil
}

// get fetches objects from the neighbour who showed their bills.
func (p *Past) get(t *task.T, h *peer.Handle, xs []billed) (bool, error) {
	all := true
	for len(xs) > 0 {
		some := xs[:min(atOnce, len(xs))]
		xs = xs[len(some):]
		rs, err := task.Gather(t, p.cfg.Ask+client.Grace, len(some), func(i int, resolve func(wire.Message, error)) {
			p.asker.Ask(h, &msg.Get{Object: some[i].object}, resolve)
		}, nil)
		if err != nil {
			return false, err
		}
		for i, r := range rs {
			ok, err := p.fetched(t, h, some[i].object, some[i].bill, r)
			if err != nil {
				return false, err
			}
			all = all && ok
		}
	}
	return all, nil
}

// fetched keeps what a neighbour gave, once it is verified, and what he showed is worth what it
// should be.
func (p *Past) fetched(t *task.T, h *peer.Handle, o id.Hash, b voucher.Bill, r task.Result[wire.Message]) (ok bool, err error) {
	switch m := r.Value.(type) {
	case *msg.Object:
		if !answers(m, o) || m.Cert.Body() != int64(len(m.Content)) {
			p.stats.BadInput++
			return false, nil
		}
		if m.Cert.ID() != o {
			return lasting(p.fetchedRival(t, m)), nil
		}
		slip, code := p.due(t, h, m.Cert, b)
		if code != 0 {
			return lasting(code), nil
		}
		if m.Cert.Large() {
			if ready, err := p.gain(t, h, &msg.Divert{Cert: m.Cert, Content: m.Content, Slip: slip}); !ready {
				return false, err
			}
		}
		had := p.shelf.find(o)
		var out outcome
		if m.Cert.Kind == certificate.Mutable {
			if err := p.bringRivals(t, h, o, m.Ruling); err != nil {
				return false, err
			}
			out.code, _ = p.adopt(t, m.Cert, m.Content, m.Ruling, slip)
			if out.code == msg.RefusedLater && (had == nil || m.Ruling.After(had.ruling)) {
				if err := p.askNewTerm(t, m.Cert); err != nil {
					return false, err
				}
			}
		} else {
			out = p.take(t, m.Cert, m.Content, slip, false)
		}
		if had == nil && out.code == 0 {
			p.stats.Copied++
		}
		return lasting(out.code), nil
	case *msg.Absent:
		if m.Reclaim == nil || m.Reclaim.Of.ID() != o {
			return false, nil
		}
		code := p.takeReclaim(t, m.Reclaim)
		if code == 0 && p.shelf.find(o) == nil {
			p.passBy((&kept{Reclaim: m.Reclaim}).entry(p.cfg.Ring))
		}
		return lasting(code), nil
	}
	return false, nil
}

// askNewTerm asks an object's root for a new term. What is current was refused here because
// a later term was promised, to somebody who never took office: in the root's own term this
// node would stay behind until the next change of holders.
func (p *Past) askNewTerm(t *task.T, c *certificate.Certificate) error {
	o, copies := c.ID(), int(c.Copies)
	near := p.asker.Replicas(o.Place(), copies, 0)
	if len(near) == 0 {
		return nil
	}
	if near[0].ID != p.ep.Self().ID {
		_, err := p.asker.One(t, near[0], &msg.Settle{Object: o, Copies: c.Copies})
		return passStop(err)
	}
	return passStop(p.offices.Serve(t, o, copies, office.Fresh, func(*office.Office) error { return nil }))
}

// lasting reports whether another try would come to the same: what a neighbour gave was
// kept, or was refused for a reason that stands.
func lasting(code uint16) bool {
	return code != msg.RefusedBusy && code != msg.RefusedInvalid && code != msg.RefusedFailed
}

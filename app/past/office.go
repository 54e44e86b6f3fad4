package past

import (
	"errors"
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

// office is a root's term for one mutable object.
type office struct {
	object  id.Hash
	copies  int
	term    certificate.Term
	nodes   []*peer.Handle // the k nearest, this node first
	holders []*certificate.Member
	current *certificate.Version // nil: there is no such object yet
}

// offices are those of this node.
type offices struct {
	turns locks // one change of an object at a time
	held  map[id.Hash]*office
}

const (
	// maxOffices bounds the memory; who has more takes them anew.
	maxOffices = 4096
	// maxTerms is how often a root tries a later term.
	maxTerms = 4
	// maxSettle bounds the objects that a root settles in one round of upkeep.
	maxSettle = 64
)

var (
	errNotRoot = errors.New("past: not the root of this object")
	errAway    = errors.New("past: a majority of the holders is not reachable")
)

// serveAs lets f act as the object's root, alone, in a term that a majority of the holders
// has agreed to: a new one, if fresh. In an older one it may only decide, which fails if
// another root has taken office since; what it remembers may be of the past.
func (p *Past) serveAs(t *task.T, o id.Hash, copies int, fresh bool, f func(*office) error) error {
	if !p.rounds.Begun() || p.stopped {
		return errNotRoot
	}
	if err := p.turns.take(t, o); err != nil {
		return err
	}
	defer p.turns.leave(o)
	set := p.asker.Replicas(o.Place(), copies, 0)
	if !p.ep.Ready() || len(set) == 0 || set[0].ID != p.ep.Self().ID {
		delete(p.held, o)
		return errNotRoot
	}
	of := p.held[o]
	if of == nil || fresh || !sameNodes(of.nodes, set) {
		delete(p.held, o)
		var err error
		if of, err = p.takeOffice(t, o, copies, set); err != nil {
			return err
		}
		if len(p.held) >= maxOffices {
			clear(p.held)
		}
		p.held[o] = of
	}
	err := f(of)
	if err != nil {
		delete(p.held, o) // what is current is not known any more
	}
	return err
}

func sameNodes(a, b []*peer.Handle) bool {
	return slices.EqualFunc(a, b, func(x, y *peer.Handle) bool { return x.ID == y.ID && x.Incarnation == y.Incarnation })
}

// takeOffice begins a term: it asks for promises, learns what is current, and completes
// it under its own term among the old holders and the new.
func (p *Past) takeOffice(t *task.T, o id.Hash, copies int, set []*peer.Handle) (*office, error) {
	of := &office{object: o, copies: copies, nodes: set, term: certificate.Term{Count: 1, Root: p.ep.Self().ID}}
	if e := p.shelf.find(o); e != nil && e.ruling != nil {
		of.term.Count = e.ruling.Term.Count + 1
	}
	for range maxTerms {
		c := &canvass{p: p, of: of, heard: make(map[id.ID]*msg.Promise)}
		switch err := c.run(t); {
		case errors.Is(err, errHigher):
			of.term.Count = c.highest + 1
			continue
		case err != nil:
			return nil, err
		}
		of.holders = c.members()
		if c.best == nil {
			return of, nil
		}
		return of, c.complete(t)
	}
	return nil, errAway
}

// canvass is the search for promises at the beginning of a term.
type canvass struct {
	p       *Past
	of      *office
	asked   []id.ID
	heard   map[id.ID]*msg.Promise
	highest uint64               // of the terms that were promised to others
	best    *certificate.Version // the latest that was heard of
	old     []*peer.Handle
}

// run asks the nodes near the object, and the holders that the latest ruling names, until
// no later ruling is heard of.
func (c *canvass) run(t *task.T) error {
	key := c.of.object.Place()
	near := c.p.asker.Replicas(key, c.of.copies, c.of.copies)
	if err := c.ask(t, near); err != nil {
		return err
	}
	for c.best != nil {
		ruling := c.best.Ruling
		if err := c.find(t, ruling); err != nil {
			return err
		}
		if c.best.Ruling == ruling {
			if promised, _ := c.count(ruling); promised < ruling.Majority() {
				return errAway
			}
			break
		}
	}
	if c.best == nil && !c.nothing(near) {
		return errAway
	}
	n := 0
	for _, h := range c.of.nodes {
		if c.heard[h.ID] != nil {
			n++
		}
	}
	if n < len(c.of.nodes)/2+1 {
		return errAway
	}
	return nil
}

// nothing reports whether it is sure that there is no such object: of the nodes near it, so
// few are away, silent or new that they make no majority of any k of them.
func (c *canvass) nothing(near []*peer.Handle) bool {
	unheard := len(c.p.away)
	if len(near) >= 2*c.of.copies {
		unheard = c.p.awayNearer(c.of.object.Place(), near[len(near)-1].ID)
	}
	for _, h := range near {
		if m := c.heard[h.ID]; m == nil || !m.Sure {
			unheard++
		}
	}
	return unheard <= (min(c.of.copies, len(near))-1)/2
}

// find asks the holders that a ruling names and that were not asked yet.
func (c *canvass) find(t *task.T, r *certificate.Ruling) error {
	var ids []id.ID
	for _, m := range r.Holders {
		away := slices.ContainsFunc(c.p.away, func(a absence) bool { return a.node == m.Node })
		if !away && !slices.Contains(c.asked, m.Node) {
			ids = append(ids, m.Node)
		}
	}
	c.asked = append(c.asked, ids...)
	rs, err := task.Gather(t, c.p.cfg.Ask, len(ids), func(i int, resolve func(*peer.Handle, error)) {
		c.p.ep.Find(ids[i], resolve)
	}, nil)
	if err != nil {
		return err
	}
	var to []*peer.Handle
	for _, r := range rs {
		if r.Err == nil {
			to = append(to, r.Value)
		}
	}
	c.old = append(c.old, to...)
	return c.ask(t, to)
}

func (c *canvass) ask(t *task.T, to []*peer.Handle) error {
	for _, h := range to {
		c.asked = append(c.asked, h.ID)
	}
	rs, err := c.p.asker.All(t, to, func() wire.Message {
		return &msg.Prepare{Object: c.of.object, Copies: uint8(c.of.copies), Term: c.of.term}
	}, nil)
	if err != nil {
		return err
	}
	for i, r := range rs {
		switch m := r.Value.(type) {
		case *msg.Higher:
			c.highest = max(c.highest, m.Term.Count)
		case *msg.Promise:
			if err := c.hear(t, to[i].ID, m); err != nil {
				return err
			}
		}
	}
	if c.highest != 0 {
		return errHigher
	}
	return nil
}

// hear verifies a promise, and notes the latest version of all.
func (c *canvass) hear(t *task.T, from id.ID, m *msg.Promise) error {
	if m.Cert == nil {
		c.heard[from] = m
		return nil
	}
	v := &certificate.Version{Certificate: m.Cert, Content: m.Content, Ruling: m.Ruling}
	if err := c.p.verify(t, c.of.object, v); err != nil {
		if errors.Is(err, task.ErrStopped) {
			return err
		}
		c.p.stats.BadInput++
		return nil
	}
	c.heard[from] = m
	if c.best == nil || v.After(c.best) {
		c.best = v
	}
	return nil
}

// verify returns nil if a version is one of the object, signed by its owner and by a root.
func (p *Past) verify(t *task.T, o id.Hash, v *certificate.Version) error {
	ring, ver := p.cfg.Ring, p.cfg.Verifier
	_, err := task.Work(t, disk, func() (struct{}, error) { return struct{}{}, v.Verify(ring, o, ver) })
	return err
}

// count is how many of a ruling's holders have promised, and how many have shown that they
// lost their disks since. One that was named without its disk took part in no majority, so
// its promise counts, on whatever disk.
func (c *canvass) count(r *certificate.Ruling) (promised, lost int) {
	for _, m := range r.Holders {
		switch got := c.heard[m.Node]; {
		case got == nil:
		case m.Life == 0 || got.Life == m.Life:
			promised++
		default:
			lost++
		}
	}
	return promised, lost
}

// members are the k nearest as holders. One that was not heard has no life that counts,
// until the root hears it in a later term.
func (c *canvass) members() (ms []*certificate.Member) {
	for _, h := range c.of.nodes {
		m := &certificate.Member{Node: h.ID}
		if got := c.heard[h.ID]; got != nil {
			m.Life = got.Life
		}
		ms = append(ms, m)
	}
	return ms
}

// complete rules that the latest version is current in this term, among a majority of the
// new holders and of the old: so who asks either of them later hears of this term. Old ones
// that lost their disks answer nobody any more, and are not needed for that.
func (c *canvass) complete(t *task.T) error {
	old, of := c.best.Ruling, c.of
	to := slices.Clone(of.nodes)
	for _, h := range c.old {
		if !client.Contains(to, h.ID) {
			to = append(to, h)
		}
	}
	for _, h := range c.p.asker.Replicas(of.object.Place(), of.copies, of.copies) {
		if !client.Contains(to, h.ID) && c.heard[h.ID] != nil && old.Has(certificate.Member{Node: h.ID, Life: c.heard[h.ID].Life}) {
			to = append(to, h)
		}
	}
	next, took, err := c.p.announce(t, of, c.best.Certificate, c.best.Content, nil, to)
	_, lost := c.count(old)
	switch {
	case err != nil:
		return err
	case took(next.Ruling) < next.Ruling.Majority() || took(old) < max(1, old.Majority()-lost):
		return errAway
	}
	of.current = next
	return nil
}

// announce signs a ruling and tells it to nodes. took counts those of a ruling's holders
// that have it on their disks.
func (p *Past) announce(t *task.T, of *office, cert *certificate.Certificate, content []byte, pay *voucher.Payment, to []*peer.Handle) (v *certificate.Version, took func(*certificate.Ruling) int, err error) {
	ring, signer, own := p.cfg.Ring, p.cfg.Signer, p.cfg.Certificate()
	if own == nil {
		return nil, nil, errAway
	}
	r, err := task.Work(t, disk, func() (*certificate.Ruling, error) {
		return certificate.NewRuling(ring, of.object, of.term, of.holders, cert.Hash(ring), own, signer), nil
	})
	if err != nil {
		return nil, nil, err
	}
	var have []certificate.Member
	count := func(rs []task.Result[wire.Message]) {
		have = have[:0]
		for i, x := range rs {
			if m, ok := x.Value.(*msg.Accepted); ok && x.Err == nil {
				have = append(have, certificate.Member{Node: to[i].ID, Life: m.Life})
			}
		}
	}
	took = func(r *certificate.Ruling) (n int) {
		for _, m := range have {
			if r.Has(m) {
				n++
			}
		}
		return n
	}
	rs, err := p.asker.All(t, to, func() wire.Message { return &msg.Accept{Cert: cert, Content: content, Ruling: r, Payment: pay} },
		func(so []task.Result[wire.Message]) bool {
			count(so)
			return len(to) == len(of.nodes) && took(r) >= r.Majority()
		})
	if err != nil {
		return nil, nil, err
	}
	count(rs)
	return &certificate.Version{Certificate: cert, Content: content, Ruling: r}, took, nil
}

// decide makes a version current, or fails with errAway, and then it may become so all
// the same.
func (p *Past) decide(t *task.T, of *office, m *msg.Update) error {
	next, took, err := p.announce(t, of, m.Cert, m.Content, m.Payment, of.nodes)
	if err != nil {
		return err
	}
	if took(next.Ruling) < next.Ruling.Majority() {
		return errAway
	}
	of.current = next
	return nil
}

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
	try := func(of *office) error {
		out = &msg.Updated{}
		have := uint64(0)
		if of.current != nil {
			have = of.current.Certificate.Version
			if of.current.Certificate.Hash(ring) == m.Cert.Hash(ring) {
				return nil // it was asked before
			}
		}
		if m.Cert.Version != have+1 {
			out = p.currentOf(of)
			return nil
		}
		if unpaid = p.covers(t, of, m); unpaid != 0 {
			return nil
		}
		return p.decide(t, of, m)
	}
	err := p.serveAs(t, o, int(m.Cert.Copies), false, try)
	if unpaid != 0 {
		return nil, unpaid
	}
	if _, ok := out.(*msg.Updated); err == nil && !ok {
		err = p.serveAs(t, o, int(m.Cert.Copies), true, try) // a conflict is told in a new term only
	}
	if unpaid != 0 {
		return nil, unpaid
	}
	return out, refusalOf(err)
}

func (p *Past) onSettle(t *task.T, m *msg.Settle) (out wire.Message, code uint16) {
	err := p.serveAs(t, m.Object, int(m.Copies), true, func(of *office) error {
		out = p.currentOf(of)
		return nil
	})
	return out, refusalOf(err)
}

func (p *Past) currentOf(of *office) wire.Message {
	if of.current == nil {
		return &msg.Absent{Sure: true}
	}
	return &msg.Object{Cert: of.current.Certificate, Content: of.current.Content, Ruling: of.current.Ruling, Life: p.life}
}

func refusalOf(err error) uint16 {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errNotRoot):
		return msg.RefusedNotRoot
	}
	return msg.RefusedAway
}

// rule takes office for objects whose last ruling names other holders than are there now:
// so the k nearest have what is current before the last of the old holders goes.
func (p *Past) rule(t *task.T) error {
	left := maxSettle
	for _, e := range slices.Clone(p.shelf.list) {
		if e.ruling == nil || left == 0 {
			continue
		}
		set := p.asker.Replicas(e.object.Place(), int(e.copies), 0)
		if len(set) == 0 || set[0].ID != p.ep.Self().ID || named(e.ruling, set) {
			continue
		}
		left--
		err := p.serveAs(t, e.object, int(e.copies), true, func(*office) error { return nil })
		if errors.Is(err, task.ErrStopped) {
			return err
		}
	}
	return nil
}

// named reports whether a ruling names just these nodes, and knows all their lives.
func named(r *certificate.Ruling, set []*peer.Handle) bool {
	return slices.EqualFunc(r.Holders, set, func(m *certificate.Member, h *peer.Handle) bool { return m.Node == h.ID && m.Life != 0 })
}

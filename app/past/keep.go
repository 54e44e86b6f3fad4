package past

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// onGet answers from the own store.
func (p *Past) onGet(a asker, m *msg.Get, answer client.Reply) {
	e := p.shelf.find(m.Object)
	if e == nil {
		answer(&msg.Absent{Sure: p.knowsAll(m.Object.Place())}, 0)
		return
	}
	own := a.node == p.ep.Self().ID // whoever asks here may write to what he gets
	if last, ok := p.read.Get(m.Object); ok && last.entry == e && !e.expired(p.ep.Wall()) && !m.Bare && !own {
		answer(last.answer, 0)
		return
	}
	p.work(answer, func(t *task.T) (wire.Message, uint16) {
		k, content, err := p.body(t, m.Object, !m.Bare)
		switch {
		case errors.Is(err, errDamaged), errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrCorrupt):
			return &msg.Absent{}, 0
		case err != nil:
			return nil, msg.RefusedFailed
		case k.Reclaim != nil:
			return &msg.Absent{Sure: true, Reclaim: k.Reclaim}, 0
		case k.Cert.Expired(p.ep.Wall()):
			return &msg.Absent{Sure: true}, 0
		}
		if k.At == nil || m.Bare {
			found := p.objectOf(k, content)
			if k.At == nil && !m.Bare && !own && e.stays() && p.shelf.find(m.Object) == e {
				p.read.Put(m.Object, lastRead{e, found}, lastReadCost+len(content))
			}
			return found, 0
		}
		if m.Own {
			return &msg.Absent{}, 0
		}
		return p.relay(t, k), 0
	})
}

// lastRead is an object that was read for somebody a moment ago, as it was answered: the next
// who asks waits for no disk. It is good as long as the entry is on the shelf, of which each change
// makes a new one. What has rotted on the disk since is found by scrubbing.
type lastRead struct {
	entry  *entry
	answer *msg.Object
}

const (
	// readSize is how many bytes of memory are used for what was read lately.
	readSize = 4 << 20
	// lastReadCost is about what one takes beside its content.
	lastReadCost = 1 << 10
)

// objectOf is what this node has, as a message.
func (p *Past) objectOf(k *kept, content []byte) *msg.Object {
	m := &msg.Object{Cert: k.Cert, Content: content, Ruling: k.Ruling}
	if k.Ruling != nil {
		m.Life = p.life
	}
	return m
}

// knowsAll reports whether this node would keep an object with this place if there was
// one: it is one of the holders, has asked its fellows, and none went away a moment ago
// who may have the only replica.
func (p *Past) knowsAll(key id.ID) bool {
	set := p.ep.ReplicaSet(key, p.cfg.Copies)
	switch {
	case !p.rounds.Settled() || !client.Contains(set, p.ep.Self().ID):
		return false
	case len(set) < p.cfg.Copies:
		return len(p.away) == 0 // whoever went is one of the holders
	}
	return p.awayNearer(key, set[len(set)-1].ID) == 0
}

func (p *Past) onPut(t *task.T, a asker, m *msg.Put) (wire.Message, uint16) {
	if code := p.admit(t, m); code != 0 {
		return nil, code
	}
	if m.Cert.Large() {
		if answer, code := p.refill(t, a, m); answer != nil || code != 0 {
			return answer, code
		}
	}
	o := p.take(t, m.Cert, m.Content, p.slip(m.Payment), true)
	switch {
	case o.code != 0:
		return nil, o.code
	case o.other != nil:
		return &msg.Exists{Cert: o.other}, 0
	}
	p.stats.Receipts++
	return &msg.Stored{Receipt: o.receipt}, 0
}

// outcome is what became of an object that was to be kept.
type outcome struct {
	code    uint16                   // of a refusal, or
	other   *certificate.Certificate // what is kept instead, or
	receipt *certificate.Receipt     // if one was wanted
}

// take keeps an object: it is verified, written down with what pays for it (nil: nobody, or
// that is written already), and only then is a receipt given.
// With receipt it is an insert, which never takes another content's place. Without, it
// comes from another holder, and of two contents all holders keep the same.
func (p *Past) take(t *task.T, c *certificate.Certificate, content []byte, slip *voucher.Slip, receipt bool) outcome {
	o := c.ID()
	if code := p.mayTake(o, c); code != 0 {
		return outcome{code: code}
	}
	if p.busy.Take(t, o) != nil {
		return outcome{code: msg.RefusedBusy}
	}
	defer p.busy.Leave(o)
	w := &written{kept: &kept{Cert: c}, fresh: true, content: content, slip: slip}
	if p.shelf.find(o) == nil && p.takesHere(c) { // as it is nearly always
		w.unsure = true
		return p.commit(t, o, c, w, receipt)
	}
	ring, v := p.cfg.Ring, p.cfg.Verifier
	if _, err := task.Work(t, disk, func() (struct{}, error) {
		return struct{}{}, verified(c, content, ring, v)
	}); err != nil {
		p.stats.BadInput++
		return outcome{code: msg.RefusedInvalid}
	}
	e := p.shelf.find(o)
	switch {
	case e != nil && e.gone && c.Date <= e.date:
		return outcome{code: msg.RefusedReclaimed}
	case e != nil && !e.gone:
		k, _, err := p.body(t, o, true)
		switch {
		case err != nil:
			return outcome{code: msg.RefusedFailed}
		case k.Cert.Content != c.Content && (receipt || !c.Over(k.Cert, ring)):
			return outcome{other: k.Cert}
		case k.Cert.Content == c.Content && !c.Over(k.Cert, ring) && (!e.pointer() || receipt && c.Large() || !p.takes(c.Size)):
			w = nil // what is here is as good
		case k.Cert.Content == c.Content && !e.pointer():
			w.fresh, w.kept.For = false, k.For
		}
	}
	if w != nil && (e == nil || e.gone || e.pointer()) {
		if code := p.place(t, w, receipt); code != 0 {
			return outcome{code: code}
		}
	}
	return p.commit(t, o, c, w, receipt)
}

// verified returns nil for content that its owner signed for.
func verified(c *certificate.Certificate, content []byte, ring id.Hash, v peer.Verifier) error {
	return errors.Join(c.Fits(content), c.Verify(ring, v))
}

// commit verifies what is unsure, writes, and signs the receipt: in one go, as each way to a
// worker and back takes as long as a signature.
func (p *Past) commit(t *task.T, o id.Hash, c *certificate.Certificate, w *written, receipt bool) outcome {
	cert, signer, v, st, blobs, ring, wall := p.cfg.Certificate(), p.cfg.Signer, p.cfg.Verifier, p.cfg.Store, p.cfg.Blobs, p.cfg.Ring, p.ep.Wall()
	if receipt && cert == nil {
		return outcome{code: msg.RefusedBusy}
	}
	r, err := task.Work(t, disk, func() (*certificate.Receipt, error) {
		if w != nil && w.unsure {
			if err := verified(c, w.content, ring, v); err != nil {
				return nil, err
			}
		}
		if w != nil {
			if err := w.lies(blobs); err != nil {
				return nil, err
			}
			if err := write(st, o, *w); err != nil {
				return nil, err
			}
		}
		if !receipt {
			return nil, nil
		}
		return certificate.NewReceipt(ring, o, c.Hash(ring), cert, signer, wall), nil
	})
	switch {
	case errors.Is(err, certificate.ErrCertificate), errors.Is(err, certificate.ErrContent):
		p.stats.BadInput++
		return outcome{code: msg.RefusedInvalid}
	case errors.Is(err, store.ErrFull):
		return outcome{code: msg.RefusedFull}
	case err != nil:
		return outcome{code: msg.RefusedFailed}
	}
	if w != nil {
		p.keep(w.kept.entry(ring))
	}
	return outcome{receipt: r}
}

// keep puts an entry on the shelf, whose object is on the disk.
func (p *Past) keep(e *entry) {
	p.shelf.set(e)
	delete(p.lodgings, e.object)
	p.found(e.object)
	p.cache.Remove(e.object)
	p.cacheRoom()
	p.widest = max(p.widest, int(e.copies))
}

// mayTake looks at what needs no signature to be checked.
func (p *Past) mayTake(o id.Hash, c *certificate.Certificate) uint16 {
	switch {
	case !p.rounds.Begun() || p.stopped:
		return msg.RefusedBusy
	case c.Kind == certificate.Mutable:
		return msg.RefusedInvalid // not by this message
	case !p.holder(o.Place(), int(c.Copies)):
		return msg.RefusedNotHolder
	case !p.inTime(c):
		return msg.RefusedClock
	}
	return 0
}

// room reports whether one more object of this size may be kept.
func (p *Past) room(size int64) bool { return p.within(size, p.cfg.Capacity) }

func (p *Past) within(size, capacity int64) bool {
	return len(p.shelf.list) < p.cfg.MaxObjects && p.shelf.bytes+size <= capacity
}

// ballotRoom is how many bytes a node keeps of mutable objects that it votes about, whatever
// it offers: in a ring of two, of which one has a full disk, there would be no majority else.
const ballotRoom = 16 << 20

// roomToVote is room for a mutable object.
func (p *Past) roomToVote(size int64) bool {
	return p.within(size, max(p.cfg.Capacity, ballotRoom))
}

// noRoom is the code of a refusal for want of room. Who offers nothing says so: it does not
// count among those who could keep a copy.
func (p *Past) noRoom() uint16 {
	if p.cfg.Capacity == 0 {
		return msg.RefusedOffersNone
	}
	return msg.RefusedFull
}

func (p *Past) onReclaim(t *task.T, m *msg.Reclaim) (wire.Message, uint16) {
	if code := p.takeReclaim(t, m.Reclaim); code != 0 {
		return nil, code
	}
	return &msg.Reclaimed{}, 0
}

// maxGone is which part of the objects that a node keeps may be reclaimed ones that it never had:
// nobody has paid for these, and who signs for them may have made them up.
const maxGone = 4

// passFor is for how long a node does not ask again for reclaims that it did not want.
const passFor = 6 * time.Hour

// passed are the states of reclaimed objects that this node has seen and does not want.
type passed struct {
	states map[state]struct{}
	since  task.Instant
}

// passBy notes, of a reclaim that a fellow gave, that this node does not want it: the fellow lists it in
// each round.
func (p *Past) passBy(e *entry) {
	if p.passed.states == nil {
		p.passed = passed{make(map[state]struct{}), p.ep.Now()}
	}
	if len(p.passed.states) < p.cfg.MaxObjects {
		p.passed.states[e.state] = struct{}{}
	}
}

// passes reports whether this node does not want what a fellow lists. That holds as long as it has
// nothing of the object: else it must hear that it was reclaimed.
func (p *Past) passes(x item) bool {
	if p.passed.states != nil && p.ep.Now().Sub(p.passed.since) >= passFor {
		p.passed = passed{}
	}
	_, seen := p.passed.states[x.state]
	return seen && p.shelf.find(x.object) == nil
}

// takeReclaim gives an object up, and remembers that, so that no other holder brings it
// back. It returns 0 or the code of a refusal.
func (p *Past) takeReclaim(t *task.T, r *certificate.Reclaim) uint16 {
	o := r.Of.ID()
	switch {
	case !p.rounds.Begun() || p.stopped:
		return msg.RefusedBusy
	case !p.holder(o.Place(), int(r.Of.Copies)) && p.shelf.find(o) == nil:
		return msg.RefusedNotHolder
	case r.Date > p.ep.Wall().Add(p.cfg.Skew).UnixMilli():
		return msg.RefusedClock
	}
	if p.busy.Take(t, o) != nil {
		return msg.RefusedBusy
	}
	defer p.busy.Leave(o)
	ring, v, st := p.cfg.Ring, p.cfg.Verifier, p.cfg.Store
	if _, err := task.Work(t, disk, func() (struct{}, error) { return struct{}{}, r.Verify(ring, v) }); err != nil {
		p.stats.BadInput++
		return msg.RefusedInvalid
	}
	e := p.shelf.find(o)
	k := &kept{Reclaim: r, Told: e == nil || e.told}
	next := k.entry(ring)
	if e != nil && (e.date > r.Of.Date || e.gone && (e.date == r.Of.Date && e.state >= next.state)) {
		return 0 // what is here is as new, or was stored again since
	} else if e == nil && len(p.shelf.list) >= p.cfg.MaxObjects {
		return msg.RefusedFull
	} else if e == nil && p.shelf.told >= max(1, p.cfg.MaxObjects/maxGone) {
		return 0 // nothing is here: whoever has it remembers that it is reclaimed
	} else if e == nil && next.over(&p.cfg, p.ep.Wall()) {
		return 0 // nobody takes it any more, or all have forgotten it
	} else if e != nil && e.pointer() {
		defer p.passOn(e.at, r)
	}
	if _, err := task.Work(t, disk, func() (struct{}, error) {
		return struct{}{}, write(st, o, written{kept: k})
	}); err != nil {
		return msg.RefusedFailed
	}
	next.came = p.ep.Now()
	p.keep(next)
	if e != nil && e.large() && p.deleteBlobs(t, []id.Hash{e.content}) != nil {
		p.stats.Damaged++ // it stays until the next sweep
	}
	return 0
}

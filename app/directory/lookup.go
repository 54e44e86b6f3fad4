package directory

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/directory/msg"
	"github.com/phyllo-net/phyllo/app/directory/record"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Found is a name's record, believed.
type Found struct {
	// Record is the newest that the agreeing holders gave. It is shared: do not
	// change it.
	Record *Record
	// Agree holders of Of gave its key.
	Agree, Of int
	// At is when it was verified, by the node's boot clock.
	At task.Instant
}

// grace is added to a wait over the time-out of the question itself.
const grace = time.Second

// pause is the time between two attempts.
const pause = time.Second

// Lookup returns the record that a majority of the name's holders give, asking again
// for Config.Patience if too few answer. What was verified within Config.CacheFor
// is given at once. Errors: ErrNotFound, ErrNotReachable, a *DisputedError, or
// task.ErrStopped.
func (d *Directory) Lookup(t *task.T, name Name) (Found, error) {
	if f, ok := d.cache.get(name); ok && d.ep.Now().Sub(f.At) < d.cfg.CacheFor {
		return f, nil
	}
	return d.LookupNow(t, name)
}

// Cached returns what a Lookup or Put of this node verified last for a name, however
// long ago. It asks nobody.
func (d *Directory) Cached(name Name) (Found, bool) { return d.cache.get(name) }

// LookupNow is Lookup for somebody who wants to see what the holders say now: what
// was verified a moment ago does not count.
func (d *Directory) LookupNow(t *task.T, name Name) (Found, error) {
	end := d.ep.Now().Add(d.cfg.Patience)
	for {
		f, err := d.lookupOnce(t, name)
		if !errors.Is(err, ErrNotReachable) {
			return f, err
		}
		if !d.ep.Now().Add(pause).Before(end) {
			return Found{}, err
		}
		if err := t.Sleep(pause); err != nil {
			return Found{}, err
		}
	}
}

func (d *Directory) lookupOnce(t *task.T, name Name) (Found, error) {
	s, err := d.seats(t, name.Key())
	if err != nil {
		return Found{}, err
	}
	j := &judge{d: d, name: name}
	votes, err := d.poll(t, s, func() wire.Message { return &msg.Read{Name: name.Hash(), Nonce: d.nonce()} }, j.check,
		func(vs []vote) bool { return count(vs).decided(s.of) })
	if err != nil {
		return Found{}, err
	}
	tally := count(votes)
	need := record.Majority(s.of)
	switch best := tally.best(); {
	case best != nil && best.votes >= need:
		f := Found{Record: best.record, Agree: best.votes, Of: s.of, At: d.ep.Now()}
		d.cache.put(name, f, j.sum(f.Record))
		return f, nil
	case tally.absent >= need:
		d.cache.drop(name)
		return Found{}, ErrNotFound
	case len(tally.keys) > 1:
		e := &DisputedError{Name: name}
		for _, k := range tally.keys {
			e.Keys = append(e.Keys, k.key)
		}
		slices.SortFunc(e.Keys, func(a, b peer.Key) int { return bytes.Compare(a[:], b[:]) })
		return Found{}, e
	}
	return Found{}, ErrNotReachable
}

// judge says which answers to a read of one name can be believed.
type judge struct {
	d    *Directory
	name Name
	good []judged
}

// judged is a record whose signature is right.
type judged struct {
	record *Record
	sum    id.Hash // of it with its signature
}

// check returns nil if an answer holds a record of the name, rightly signed, or none;
// and came over a link that stands, or is signed by the node that was asked. Equal records
// are verified once, and not again if the one that is remembered of an earlier read is
// the same.
func (j *judge) check(q wire.Message, h *peer.Handle, m wire.Message, a kbr.Answer) error {
	got, ok := m.(*msg.Answer)
	if !ok {
		return fmt.Errorf("%w: not an answer", msg.ErrMessage)
	}
	if a.Relayed || a.From == nil || a.From.ID != h.ID {
		if err := j.d.proven(q.(*msg.Read), h, got); err != nil {
			return err
		}
	}
	if got.Record == nil {
		return nil
	}
	if got.Record.Name != j.name {
		return fmt.Errorf("%w: of another name", ErrRecord)
	}
	if slices.ContainsFunc(j.good, func(g judged) bool { return g.record == got.Record }) {
		return nil
	}
	sum := id.HashOf("seen", got.Record.Hash(j.d.cfg.Ring), got.Record.Sig)
	if !j.knows(sum) {
		if err := got.Record.Verify(j.d.cfg.Ring, j.d.cfg.Verifier); err != nil {
			return err
		}
	}
	j.good = append(j.good, judged{got.Record, sum})
	return nil
}

// knows reports whether a record with this sum was verified before.
func (j *judge) knows(sum id.Hash) bool {
	return sum == j.d.cache.sum(j.name) || slices.ContainsFunc(j.good, func(g judged) bool { return g.sum == sum })
}

// sum is that of a record that was found good, or zero.
func (j *judge) sum(r *Record) id.Hash {
	for _, g := range j.good {
		if g.record == r {
			return g.sum
		}
	}
	return id.Hash{}
}

// proven checks an answer that came through the ring.
func (d *Directory) proven(q *msg.Read, h *peer.Handle, a *msg.Answer) error {
	if a.Cert == nil || a.Cert.Node != h.ID || d.cfg.Expelled != nil && d.cfg.Expelled(h.ID) {
		return errUnproven
	}
	if err := a.Cert.Check(d.cfg.Ring, d.ep.Wall(), d.cfg.Verifier); err != nil {
		return err
	}
	if !d.cfg.Verifier.Verify(a.Cert.Key, msg.SignedAnswer(d.cfg.Ring, h.ID, q, a), a.Sig) {
		return errUnproven
	}
	return nil
}

// tally is the count of votes on a name.
type tally struct {
	keys   []*ballot
	absent int
}

type ballot struct {
	key    peer.Key
	record *Record // the newest
	votes  int
}

func count(votes []vote) tally {
	var s tally
	for _, v := range votes {
		a, ok := v.msg.(*msg.Answer)
		switch {
		case v.err != nil || !ok:
		case a.Known == msg.Absent:
			s.absent++
		case a.Known == msg.Present:
			s.add(a.Record)
		}
	}
	return s
}

func (s *tally) add(r *Record) {
	for _, b := range s.keys {
		if b.key == r.Identity {
			b.votes++
			if r.Newer(b.record) {
				b.record = r
			}
			return
		}
	}
	s.keys = append(s.keys, &ballot{r.Identity, r, 1})
}

// best returns the key with most votes, or nil.
func (s *tally) best() *ballot {
	var best *ballot
	for _, b := range s.keys {
		if best == nil || b.votes > best.votes {
			best = b
		}
	}
	return best
}

// decided reports whether there is a majority of n.
func (s tally) decided(n int) bool {
	best := s.best()
	return s.absent >= record.Majority(n) || best != nil && best.votes >= record.Majority(n)
}

// cache remembers what was verified, for the names verified last.
type cache struct {
	size int
	list []cached // by name
}

type cached struct {
	name  Name
	found Found
	sum   id.Hash // of the record with its signature, if that was verified; else zero
}

func (c *cache) at(n Name) (int, bool) {
	return slices.BinarySearchFunc(c.list, n, func(x cached, n Name) int { return cmp.Compare(x.name, n) })
}

func (c *cache) get(n Name) (Found, bool) {
	if i, have := c.at(n); have {
		return c.list[i].found, true
	}
	return Found{}, false
}

// sum is that of the record that is remembered, or zero.
func (c *cache) sum(n Name) id.Hash {
	if i, have := c.at(n); have {
		return c.list[i].sum
	}
	return id.Hash{}
}

func (c *cache) put(n Name, f Found, sum id.Hash) {
	i, have := c.at(n)
	if have {
		c.list[i].found, c.list[i].sum = f, sum
		return
	}
	c.list = slices.Insert(c.list, i, cached{n, f, sum})
	if len(c.list) <= c.size {
		return
	}
	oldest := 0
	for i := range c.list {
		if c.list[i].found.At < c.list[oldest].found.At {
			oldest = i
		}
	}
	c.list = slices.Delete(c.list, oldest, oldest+1)
}

func (c *cache) drop(n Name) {
	if i, have := c.at(n); have {
		c.list = slices.Delete(c.list, i, i+1)
	}
}

package directory

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/directory/msg"
	"github.com/phyllo-net/phyllo/app/directory/record"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

func (d *Directory) onWhere(m *msg.Where) (wire.Message, *kbr.RefusedError) {
	set := d.ep.ReplicaSet(m.Key, d.cfg.Replicas+spare)
	if len(set) == 0 {
		return nil, refuse(msg.RefusedNotHolder)
	}
	return &msg.Holders{Nodes: set}, nil
}

func (d *Directory) onRead(a asker, m *msg.Read, say reply) {
	e := d.shelf.find(m.Name)
	known := msg.Absent
	switch _, ok := d.holder(m.Name.Place()); {
	case !ok:
		say(nil, refuse(msg.RefusedNotHolder))
		return
	case !d.rounds.Begun():
		known = msg.Unsure
	case e != nil && e.stands && !e.lapsed(d.ep.Wall(), &d.cfg):
		known = msg.Present
	case (e == nil || !e.stands) && !d.knowsAll(m.Name.Place()):
		known = msg.Unsure
	}
	out := &msg.Answer{Known: known}
	if known == msg.Present {
		out.Record = e.record
	}
	if a.origin && (known != msg.Present || out.Record != nil) {
		say(out, nil)
		return
	}
	d.work(say, func(t *task.T) (wire.Message, *kbr.RefusedError) {
		if known == msg.Present && out.Record == nil {
			s, err := d.body(t, m.Name)
			if err != nil {
				return nil, refuse(msg.RefusedBusy)
			}
			out.Record = s.Claim.Record
			if d.shelf.find(m.Name) == e { // it did not change meanwhile
				d.recent.add(e, out.Record)
			}
		}
		if !a.origin {
			cert, signer, ring := d.cfg.Certificate(), d.cfg.Signer, d.cfg.Ring
			signed := msg.SignedAnswer(ring, d.ep.Self().ID, m, out)
			sig, err := task.Work(t, disk, func() ([]byte, error) { return signer.Sign(signed), nil })
			if err != nil || cert == nil {
				return nil, refuse(msg.RefusedBusy)
			}
			out.Cert, out.Sig = cert, sig
		}
		return out, nil
	})
}

// knowsAll reports whether this node would keep a record of this key if there was one:
// it is one of the holders, and has asked its fellows.
func (d *Directory) knowsAll(key id.ID) bool {
	return d.rounds.Settled() && contains(d.ep.ReplicaSet(key, d.cfg.Replicas), d.ep.Self().ID)
}

func (d *Directory) onPut(t *task.T, a asker, m *msg.Put) (wire.Message, *kbr.RefusedError) {
	o := d.take(t, m.Claim, source{from: a.node, vote: true})
	switch {
	case o.refused != 0:
		return nil, refuse(o.refused)
	case o.taken != nil:
		return &msg.Taken{Claim: o.taken, Stands: o.stands}, nil
	}
	d.stats.Receipts++
	return &msg.Kept{Receipt: o.receipt, Stands: o.stands, Known: uint8(o.known)}, nil
}

func (d *Directory) onGive(t *task.T, a asker, m *msg.Give) (wire.Message, *kbr.RefusedError) {
	out := new(msg.Given)
	for _, c := range m.Claims {
		fellow := d.fellow(a, c.Record.Name.Key())
		switch o := d.take(t, c, source{from: a.node, fellow: fellow}); {
		case o.refused != 0:
		case o.taken == nil:
			out.Kept++
		case o.stands:
			out.Other++
		}
	}
	return out, nil
}

// source is where a claim came from.
type source struct {
	from id.ID
	// vote: its owner asks for a receipt. Otherwise the claim must stand already,
	// by the receipts that it brings.
	vote bool
	// fellow: it came from another holder of the name. Only from them is a claim
	// taken that contradicts one that stands.
	fellow bool
}

// outcome is what became of a claim.
type outcome struct {
	refused uint16          // the code of a refusal, or
	taken   *record.Claim   // what is kept instead, or
	receipt *record.Receipt // the own receipt, if it was a vote
	stands  bool
	known   int // receipts
}

// take decides about a claim, and writes it down before it says yes.
func (d *Directory) take(t *task.T, c *record.Claim, src source) outcome {
	name := c.Record.Name.Hash()
	if refused := d.mayTake(name, c, src); refused != 0 {
		return outcome{refused: refused}
	}
	d.busy[name] = struct{}{}
	defer delete(d.busy, name)

	ring, v, until := d.cfg.Ring, d.cfg.Verifier, d.ep.Wall().Add(d.cfg.Skew)
	given := c // what runs off the loop may begin when this task has given up, and set c to nil
	c, err := task.Work(t, disk, func() (*record.Claim, error) { return given.Verified(ring, v, until) })
	if err != nil {
		return outcome{refused: msg.RefusedRecord}
	}
	c.Receipts = d.dropExpelled(c.Receipts)
	e := d.shelf.find(name)
	var old *stored
	if e != nil {
		if old, err = d.body(t, name); err != nil {
			return outcome{refused: msg.RefusedBusy}
		}
	}
	n, ok := d.holder(name.Place())
	if !ok {
		return outcome{refused: msg.RefusedNotHolder}
	}
	next, verdict := d.decide(e, old, c, src, n)
	switch verdict {
	case verdictTaken:
		return outcome{taken: old.Claim, stands: e.stands}
	case verdictWeak:
		return outcome{refused: msg.RefusedRecord}
	case verdictNew:
		if !d.room(c.Record.Identity, src) {
			return outcome{refused: msg.RefusedLimit}
		}
	}
	o := d.write(t, e, next, src, n)
	if verdict == verdictRival && o.refused == 0 {
		d.stats.Conflicts++
		d.tellLoser(old.Claim.Record)
	}
	return o
}

// mayTake looks at what needs no signature to be checked.
func (d *Directory) mayTake(name id.Hash, c *record.Claim, src source) uint16 {
	_, busy := d.busy[name]
	_, ok := d.holder(name.Place())
	signed, wall := time.Unix(c.Record.Time, 0), d.ep.Wall()
	switch {
	case !d.rounds.Begun() || d.leaving || busy:
		return msg.RefusedBusy
	case !ok:
		return msg.RefusedNotHolder
	case src.vote && !d.rounds.Settled() && d.shelf.find(name) == nil:
		return msg.RefusedUnsure // a fellow holder may know of an older claim
	case signed.After(wall.Add(d.cfg.Skew)), src.vote && wall.After(signed.Add(d.cfg.Lapse)):
		return msg.RefusedClock
	case wall.After(signed.Add(d.cfg.Lapse + d.cfg.Hold)):
		return msg.RefusedRecord
	}
	return 0
}

func (d *Directory) dropExpelled(rs []*record.Receipt) []*record.Receipt {
	if d.cfg.Expelled == nil {
		return rs
	}
	var good []*record.Receipt
	for _, r := range rs {
		if !d.cfg.Expelled(r.Holder()) {
			good = append(good, r)
		}
	}
	return good
}

type verdict uint8

const (
	verdictNew   verdict = iota + 1 // keep it; the name is new here
	verdictSame                     // keep it beside what is known of the same key
	verdictRival                    // keep it in place of a claim of another key, which stood
	verdictTaken                    // keep what is there
	verdictWeak                     // not a claim that stands
)

// decide applies the rules of the package comment. n is the number of holders.
func (d *Directory) decide(e *entry, old *stored, c *record.Claim, src source, n int) (next *record.Claim, v verdict) {
	if !src.vote && !c.Stands(1) {
		return nil, verdictWeak
	}
	if e != nil && e.identity == c.Record.Identity {
		if src.vote && !follows(c.Record, old.Claim.Record) {
			return nil, verdictTaken
		}
		return record.Merged(old.Claim, c, d.cfg.Replicas), verdictSame
	}
	switch {
	case e == nil || e.over(d.ep.Now(), d.ep.Wall(), &d.cfg):
		return c, verdictNew
	case !e.stands && src.vote && c.Stands(n), !e.stands && src.fellow:
		return c, verdictNew
	case e.stands && !src.vote && src.fellow && c.Stronger(old.Claim, d.cfg.Ring):
		return c, verdictRival
	}
	return nil, verdictTaken
}

// follows reports whether an owner may put r where old is: with a higher version, or
// unchanged with the same time or a later one.
func follows(r, old *Record) bool {
	return r.Version > old.Version || r.Version == old.Version && r.Time >= old.Time && r.Content() == old.Content()
}

// room reports whether one more name of this key, brought by this node, may be kept.
func (d *Directory) room(identity peer.Key, src source) bool {
	if len(d.shelf.list) >= d.cfg.MaxRecords {
		return false
	}
	ofKey, ofPeer := 0, 0
	for _, e := range d.shelf.list {
		if e.identity == identity {
			ofKey++
		}
		if e.from == src.from {
			ofPeer++
		}
	}
	return ofKey < d.cfg.MaxPerIdentity && (src.fellow || ofPeer < d.cfg.MaxPerPeer)
}

// write makes a claim durable, signs a receipt if it is a vote, and only then lets
// others see it.
func (d *Directory) write(t *task.T, e *entry, c *record.Claim, src source, n int) outcome {
	type written struct {
		stored  *stored
		receipt *record.Receipt
	}
	self, cert, wall, limit := d.ep.Self().ID, d.cfg.Certificate(), d.ep.Wall(), d.cfg.Replicas
	signer, st, ring := d.cfg.Signer, d.cfg.Store, d.cfg.Ring
	if src.vote && cert == nil {
		return outcome{refused: msg.RefusedBusy}
	}
	begin := stored{Claim: c}
	if e != nil && e.identity == c.Record.Identity {
		begin.Stands, begin.From = e.stands, e.from
	} else if !src.fellow {
		begin.From = src.from
	}
	name := c.Record.Name.Hash()
	var had entry // what is on the disk already
	if e != nil {
		had = *e
	}
	w, err := task.Work(t, disk, func() (written, error) {
		s := begin
		out := written{stored: &s}
		if src.vote {
			if out.receipt = c.By(self); out.receipt == nil {
				out.receipt = record.NewReceipt(signer, cert, ring, name, c.Record.Identity, n, wall)
				s.Claim = record.Merged(c, &record.Claim{Record: c.Record, Receipts: []*record.Receipt{out.receipt}}, limit)
			}
			s.Stands = s.Stands || s.Claim.Stands(n)
		} else {
			s.Stands = true
		}
		if had.digest == s.Claim.Digest(ring) && had.stands == s.Stands {
			return out, nil
		}
		return out, st.Put(Table, name[:], wire.MustMarshal(&s))
	})
	if err != nil {
		if errors.Is(err, store.ErrFull) {
			return outcome{refused: msg.RefusedFull}
		}
		return outcome{refused: msg.RefusedBusy}
	}
	next := w.stored.entry(ring)
	next.bars = d.ep.Now().Add(d.cfg.Tentative)
	d.shelf.set(next)
	return outcome{receipt: w.receipt, stands: next.stands, known: len(w.stored.Claim.Receipts)}
}

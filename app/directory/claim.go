package directory

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Receipt is a holder's signed word that it keeps a name for a key, and wrote it
// down before it said so. It stands for the pair of name and key: later versions
// of the record need no new one.
type Receipt struct {
	Of   uint8             `cbor:"1,keyasint"` // the number of holders, as this one saw it
	Time int64             `cbor:"2,keyasint"` // Unix seconds, by the holder's time of day
	Cert *peer.Certificate `cbor:"3,keyasint"` // the holder's
	Sig  []byte            `cbor:"4,keyasint"`
}

// Claim is a record with the receipts that it has gathered.
type Claim struct {
	Record   *Record    `cbor:"1,keyasint"`
	Receipts []*Receipt `cbor:"2,keyasint,omitempty"` // by holder
}

func receiptMessage(ring, name id.Hash, identity peer.Key, holder id.ID, of uint8, at int64) []byte {
	h := id.HashOf("receipt", ring, name, identity[:], holder, of, at)
	return h[:]
}

// newReceipt signs for a name and key. It is called in Work.
func newReceipt(s peer.Signer, cert *peer.Certificate, ring, name id.Hash, identity peer.Key, of int, now time.Time) *Receipt {
	r := &Receipt{Of: uint8(of), Time: now.Unix(), Cert: cert}
	r.Sig = s.Sign(receiptMessage(ring, name, identity, cert.Node, r.Of, r.Time))
	return r
}

// holder is the node that gave the receipt.
func (r *Receipt) holder() id.ID { return r.Cert.Node }

func (r *Receipt) verify(ring, name id.Hash, identity peer.Key, v peer.Verifier) error {
	// A certificate lives for 90 days, a receipt for years: what counts is that
	// the holder was a member when it signed.
	if err := r.Cert.Check(ring, time.Unix(r.Time, 0), v); err != nil {
		return err
	}
	if !v.Verify(r.Cert.Key, receiptMessage(ring, name, identity, r.Cert.Node, r.Of, r.Time), r.Sig) {
		return fmt.Errorf("%w: receipt with a wrong signature", ErrRecord)
	}
	return nil
}

// Check implements wire.Checker.
func (c *Claim) Check() error {
	if c.Record == nil {
		return fmt.Errorf("%w: none", ErrRecord)
	}
	if err := c.Record.Check(); err != nil {
		return err
	}
	if len(c.Receipts) > maxReplicas {
		return fmt.Errorf("%w: %d receipts, at most %d", ErrRecord, len(c.Receipts), maxReplicas)
	}
	for _, r := range c.Receipts {
		if err := r.check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Receipt) check() error {
	switch {
	case r == nil || r.Cert == nil || r.Cert.Admission == nil:
		return fmt.Errorf("%w: a receipt without a certificate", ErrRecord)
	case r.Of < 1 || r.Of > maxReplicas || r.Time <= 0 || r.Time > maxTime || len(r.Sig) != peer.SignatureSize:
		return fmt.Errorf("%w: an impossible receipt", ErrRecord)
	}
	return nil
}

// verified returns the claim with those of its receipts that are good, one for each
// holder, or an error if the record itself is not. It is called in Work: it
// checks up to 28 signatures. until is the latest time that a receipt may show.
func (c *Claim) verified(ring id.Hash, v peer.Verifier, until time.Time) (*Claim, error) {
	if err := c.Record.Verify(ring, v); err != nil {
		return nil, err
	}
	name := c.Record.Name.Hash()
	good := &Claim{Record: c.Record}
	for _, r := range c.Receipts {
		if r.Time <= until.Unix() && r.verify(ring, name, c.Record.Identity, v) == nil {
			good.add(r, maxReplicas)
		}
	}
	return good, nil
}

// add puts a receipt in, in the order of holders, unless there is one by the same
// holder. Of more than limit those of the holders nearest to the name stay.
func (c *Claim) add(r *Receipt, limit int) (changed bool) {
	at, have := slices.BinarySearchFunc(c.Receipts, r.holder(), func(r *Receipt, h id.ID) int { return r.holder().Cmp(h) })
	if have {
		return false
	}
	c.Receipts = slices.Insert(slices.Clone(c.Receipts), at, r)
	if len(c.Receipts) <= limit {
		return true
	}
	key, far := c.Record.Name.Key(), 0
	for i, x := range c.Receipts {
		if id.Closer(key, c.Receipts[far].holder(), x.holder()) {
			far = i
		}
	}
	dropped := c.Receipts[far] == r
	c.Receipts = slices.Delete(c.Receipts, far, far+1)
	return !dropped
}

// of is the largest number of holders that a receipt speaks of.
func (c *Claim) of() int {
	n := uint8(0)
	for _, r := range c.Receipts {
		n = max(n, r.Of)
	}
	return int(n)
}

// stands reports whether the receipts are a majority of the holders, by their own
// word and of at least n.
func (c *Claim) stands(n int) bool {
	return len(c.Receipts) > 0 && len(c.Receipts) >= majority(max(n, c.of()))
}

// by returns the receipt of a holder, or nil.
func (c *Claim) by(holder id.ID) *Receipt {
	for _, r := range c.Receipts {
		if r.holder() == holder {
			return r
		}
	}
	return nil
}

// hash is what decides between two claims with equally many receipts.
func (c *Claim) hash(ring id.Hash) id.Hash {
	return id.HashOf("claim", ring, string(c.Record.Name), c.Record.Identity[:])
}

// stronger reports whether c beats d, a claim of another key on the same name: more
// receipts win, then the smaller hash.
func (c *Claim) stronger(d *Claim, ring id.Hash) bool {
	if len(c.Receipts) != len(d.Receipts) {
		return len(c.Receipts) > len(d.Receipts)
	}
	a, b := c.hash(ring), d.hash(ring)
	return bytes.Compare(a[:], b[:]) < 0
}

// digest tells two holders whether they keep the same.
func (c *Claim) digest(ring id.Hash) uint64 {
	parts := []any{c.Record.Hash(ring)}
	for _, r := range c.Receipts {
		parts = append(parts, r.holder())
	}
	return id.HashOf("kept", parts...).Place().Hi
}

// merged is the union of two claims of the same name and key: the newer record and
// all receipts.
func merged(a, b *Claim, limit int) *Claim {
	if b.Record.newer(a.Record) {
		a, b = b, a
	}
	m := &Claim{Record: a.Record, Receipts: a.Receipts}
	for _, r := range b.Receipts {
		m.add(r, limit)
	}
	return m
}

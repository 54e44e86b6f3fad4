package record

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// MaxReplicas bounds the keepers of a name, so that a claim with its receipts fits a message.
const MaxReplicas = 9

// Majority is the number of keepers that make a majority of n.
func Majority(n int) int { return n/2 + 1 }

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

// NewReceipt signs for a name and key. It is called in Work.
func NewReceipt(s peer.Signer, cert *peer.Certificate, ring, name id.Hash, identity peer.Key, of int, now time.Time) *Receipt {
	r := &Receipt{Of: uint8(of), Time: now.Unix(), Cert: cert}
	r.Sig = s.Sign(receiptMessage(ring, name, identity, cert.Node, r.Of, r.Time))
	return r
}

// Holder is the node that gave the receipt.
func (r *Receipt) Holder() id.ID { return r.Cert.Node }

// Verify reports what is wrong with a receipt for a name and key, or nil. An error is an
// ErrRecord, or says what is wrong with the holder's certificate.
func (r *Receipt) Verify(ring, name id.Hash, identity peer.Key, v peer.Verifier) error {
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
	if len(c.Receipts) > MaxReplicas {
		return fmt.Errorf("%w: %d receipts, at most %d", ErrRecord, len(c.Receipts), MaxReplicas)
	}
	for _, r := range c.Receipts {
		if err := r.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Check implements wire.Checker.
func (r *Receipt) Check() error {
	switch {
	case r == nil || r.Cert == nil || r.Cert.Admission == nil:
		return fmt.Errorf("%w: a receipt without a certificate", ErrRecord)
	case r.Of < 1 || r.Of > MaxReplicas || r.Time <= 0 || r.Time > maxTime || len(r.Sig) != peer.SignatureSize:
		return fmt.Errorf("%w: an impossible receipt", ErrRecord)
	}
	return nil
}

// Verified returns the claim with those of its receipts that are good, one for each
// holder, or an error if the record itself is not. It is called in Work: it
// checks up to 28 signatures. until is the latest time that a receipt may show.
func (c *Claim) Verified(ring id.Hash, v peer.Verifier, until time.Time) (*Claim, error) {
	if err := c.Record.Verify(ring, v); err != nil {
		return nil, err
	}
	name := c.Record.Name.Hash()
	good := &Claim{Record: c.Record}
	for _, r := range c.Receipts {
		if r.Time <= until.Unix() && r.Verify(ring, name, c.Record.Identity, v) == nil {
			good.Add(r, MaxReplicas)
		}
	}
	return good, nil
}

// Add puts a receipt in, in the order of holders, unless there is one by the same
// holder. Of more than limit those of the holders nearest to the name stay.
func (c *Claim) Add(r *Receipt, limit int) (changed bool) {
	at, have := slices.BinarySearchFunc(c.Receipts, r.Holder(), func(r *Receipt, h id.ID) int { return r.Holder().Cmp(h) })
	if have {
		return false
	}
	c.Receipts = slices.Insert(slices.Clone(c.Receipts), at, r)
	if len(c.Receipts) <= limit {
		return true
	}
	key, far := c.Record.Name.Key(), 0
	for i, x := range c.Receipts {
		if id.Closer(key, c.Receipts[far].Holder(), x.Holder()) {
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

// Stands reports whether the receipts are a majority of the holders, by their own
// word and of at least n.
func (c *Claim) Stands(n int) bool {
	return len(c.Receipts) > 0 && len(c.Receipts) >= Majority(max(n, c.of()))
}

// By returns the receipt of a holder, or nil.
func (c *Claim) By(holder id.ID) *Receipt {
	for _, r := range c.Receipts {
		if r.Holder() == holder {
			return r
		}
	}
	return nil
}

// Hash is what decides between two claims with equally many receipts.
func (c *Claim) Hash(ring id.Hash) id.Hash {
	return id.HashOf("claim", ring, string(c.Record.Name), c.Record.Identity[:])
}

// Stronger reports whether c beats d, a claim of another key on the same name: more
// receipts win, then the smaller hash.
func (c *Claim) Stronger(d *Claim, ring id.Hash) bool {
	if len(c.Receipts) != len(d.Receipts) {
		return len(c.Receipts) > len(d.Receipts)
	}
	a, b := c.Hash(ring), d.Hash(ring)
	return bytes.Compare(a[:], b[:]) < 0
}

// Digest tells two holders whether they keep the same.
func (c *Claim) Digest(ring id.Hash) uint64 {
	parts := []any{c.Record.Hash(ring)}
	for _, r := range c.Receipts {
		parts = append(parts, r.Holder())
	}
	return id.HashOf("kept", parts...).Place().Hi
}

// Merged is the union of two claims of the same name and key: the newer record and
// all receipts.
func Merged(a, b *Claim, limit int) *Claim {
	if b.Record.Newer(a.Record) {
		a, b = b, a
	}
	m := &Claim{Record: a.Record, Receipts: a.Receipts}
	for _, r := range b.Receipts {
		m.Add(r, limit)
	}
	return m
}

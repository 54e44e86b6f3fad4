package voucher

import (
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Vote is the word of one who keeps an account: it has written a debit down, and the
// member may have as much.
type Vote struct {
	Voter *peer.Certificate `cbor:"1,keyasint"`
	Sig   []byte            `cbor:"2,keyasint"`
}

func voteMessage(ring, debit id.Hash, voter id.ID) []byte {
	h := id.HashOf("vote", ring, debit, voter)
	return h[:]
}

// NewVote signs a vote for a debit with the key of the node whose certificate is given.
func NewVote(ring, debit id.Hash, voter *peer.Certificate, key peer.Signer) *Vote {
	return &Vote{Voter: voter, Sig: key.Sign(voteMessage(ring, debit, voter.Node))}
}

// Check implements wire.Checker. The error wraps ErrVoucher.
func (x *Vote) Check() error {
	switch {
	case x == nil || x.Voter == nil:
		return bad("a vote of nobody")
	case len(x.Sig) != peer.SignatureSize:
		return bad("signature of %d bytes", len(x.Sig))
	}
	return nil
}

// Verify returns nil if a node that is certified at the time of day now voted for the debit,
// in this ring. The error wraps ErrVoucher.
func (x *Vote) Verify(ring, debit id.Hash, now time.Time, v peer.Verifier) error {
	if err := x.Check(); err != nil {
		return err
	}
	if err := x.Voter.Check(ring, now, v); err != nil {
		return bad("a voter: %v", err)
	}
	if !v.Verify(x.Voter.Key, voteMessage(ring, debit, x.Voter.Node), x.Sig) {
		return bad("wrong signature of a vote")
	}
	return nil
}

// Voucher is a debit with the votes for it. What it is worth depends on who voted: that
// they keep the member's account, and are a majority of those who do, is for the caller to
// know.
type Voucher struct {
	Debit *Debit  `cbor:"1,keyasint"`
	Votes []*Vote `cbor:"2,keyasint"`
}

// Check implements wire.Checker. The error wraps ErrVoucher.
func (x *Voucher) Check() error {
	if x == nil {
		return bad("there is none")
	}
	if err := x.Debit.Check(); err != nil {
		return err
	}
	if len(x.Votes) == 0 || len(x.Votes) > certificate.MaxCopies {
		return bad("%d votes, want 1 to %d", len(x.Votes), certificate.MaxCopies)
	}
	for i, vote := range x.Votes {
		if err := vote.Check(); err != nil {
			return err
		}
		for _, other := range x.Votes[:i] {
			if other.Voter.Node == vote.Voter.Node {
				return bad("a voter twice")
			}
		}
	}
	return nil
}

// Verify returns nil if the member signed, each of the voters voted, and the voucher may be
// used at the time of day now, in this ring. The error wraps ErrVoucher.
func (x *Voucher) Verify(ring id.Hash, now time.Time, v peer.Verifier) error {
	if err := x.Check(); err != nil {
		return err
	}
	if !x.Debit.Open(now) {
		return bad("it may be used from %s to %s", time.UnixMilli(x.Debit.Date).UTC(), time.UnixMilli(x.Debit.Expires).UTC())
	}
	if err := x.Debit.Verify(ring, v); err != nil {
		return err
	}
	debit := x.Debit.Hash(ring)
	for _, vote := range x.Votes {
		if err := vote.Verify(ring, debit, now, v); err != nil {
			return err
		}
	}
	return nil
}

// Payment is what goes to the holders of one object: the voucher, and the way to the
// object's charge in it.
type Payment struct {
	Voucher *Voucher `cbor:"1,keyasint"`
	Path    *Path    `cbor:"2,keyasint"`
}

// Check implements wire.Checker. The error wraps ErrVoucher.
func (p *Payment) Check() error {
	if p == nil {
		return bad("there is none")
	}
	if err := p.Voucher.Check(); err != nil {
		return err
	}
	return p.Path.Check()
}

// Covers returns nil if the payment is for an object with a certificate like this: as
// large at most, with as many copies, and no longer life. The error wraps ErrVoucher.
func (p *Payment) Covers(c *certificate.Certificate) error {
	d := p.Voucher.Debit
	if err := covers(p.Path.Charge, d.Until, c); err != nil {
		return err
	}
	return p.Path.In(d)
}

// covers reports whether a charge, for a life until then, is for an object with a certificate
// like this.
func covers(charge Charge, until int64, c *certificate.Certificate) error {
	switch {
	case charge.Object != c.ID():
		return bad("it is for another object")
	case charge.Copies != c.Copies:
		return bad("it is for %d copies, not for %d", charge.Copies, c.Copies)
	case c.Size > charge.Size:
		return bad("it is for %d bytes, not for %d", charge.Size, c.Size)
	case until != 0 && (c.Expires == 0 || c.Expires > until):
		return bad("the object lives for longer")
	}
	return nil
}

package voucher

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/merkle"
	"github.com/phyllo-net/phyllo/id"
)

// MaxCharges is the largest number of objects under one voucher.
const MaxCharges = 256

// ErrVoucher is wrapped by the reasons why something of this package is refused.
var ErrVoucher = errors.New("not a valid voucher")

// ErrQuota: the member's account does not allow a debit.
var ErrQuota = errors.New("the account does not allow so much: reclaim what is not needed, or offer more with `phyllo offer SIZE`")

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrVoucher, fmt.Sprintf(format, args...))
}

// Charge is what one object costs its member.
type Charge struct {
	Object id.Hash `cbor:"1,keyasint"`
	// Size is the largest content that it pays for, in bytes: a mutable object may have
	// any content up to that without another voucher.
	Size   int64 `cbor:"2,keyasint"`
	Copies uint8 `cbor:"3,keyasint"` // k, 1 to certificate.MaxCopies
}

// Cost is size·k, in bytes (PAST, 2.1).
func (c Charge) Cost() int64 { return c.Size * int64(c.Copies) }

// Check implements wire.Checker. The error wraps ErrVoucher.
func (c Charge) Check() error {
	switch {
	case c.Size < 0 || c.Size > certificate.MaxSize:
		return bad("size of %d bytes, want 0 to %d", c.Size, int64(certificate.MaxSize))
	case c.Copies < 1 || c.Copies > certificate.MaxCopies:
		return bad("%d copies, want 1 to %d", c.Copies, certificate.MaxCopies)
	}
	return nil
}

func (c Charge) leaf() id.Hash { return id.HashOf("charge", c.Object, c.Size, c.Copies) }

// CheckCharges returns nil for 1 to MaxCharges charges within their limits, each for
// another object. The error wraps ErrVoucher.
func CheckCharges(cs []Charge) error {
	if len(cs) == 0 || len(cs) > MaxCharges {
		return bad("%d charges, want 1 to %d", len(cs), MaxCharges)
	}
	seen := make(map[id.Hash]bool, len(cs))
	for _, c := range cs {
		if err := c.Check(); err != nil {
			return err
		}
		if seen[c.Object] {
			return bad("an object twice")
		}
		seen[c.Object] = true
	}
	return nil
}

// tree is the kind of the inner hashes of the Merkle tree over charges.
const tree = "charges"

func leaves(cs []Charge) []id.Hash {
	row := make([]id.Hash, len(cs))
	for i, c := range cs {
		row[i] = c.leaf()
	}
	return row
}

// sum returns the root of the tree over charges, and what they cost together.
func sum(cs []Charge) (root id.Hash, total int64) {
	for _, c := range cs {
		total += c.Cost()
	}
	return merkle.Root(tree, leaves(cs)), total
}

// Path leads from one charge to the root in its debit.
type Path struct {
	Charge Charge    `cbor:"1,keyasint"`
	Index  uint16    `cbor:"2,keyasint"` // among the debit's charges
	Beside []id.Hash `cbor:"3,keyasint,omitempty"`
}

// maxBeside is the height of a tree over MaxCharges.
const maxBeside = 8

// Paths returns the path of each of the charges.
func Paths(cs []Charge) []*Path {
	ps := make([]*Path, len(cs))
	_, beside := merkle.Paths(tree, leaves(cs))
	for i, c := range cs {
		ps[i] = &Path{Charge: c, Index: uint16(i), Beside: beside[i]}
	}
	return ps
}

// Check implements wire.Checker. The error wraps ErrVoucher.
func (p *Path) Check() error {
	switch {
	case p == nil:
		return bad("no path")
	case p.Index >= MaxCharges || len(p.Beside) > maxBeside:
		return bad("path of %d hashes for charge %d", len(p.Beside), p.Index)
	}
	return p.Charge.Check()
}

// In returns nil if the path's charge is in a debit, at its index. The error wraps ErrVoucher.
func (p *Path) In(d *Debit) error {
	if err := p.Check(); err != nil {
		return err
	}
	if p.Index >= d.Count {
		return bad("charge %d of %d", p.Index, d.Count)
	}
	if root, ok := merkle.Climb(tree, p.Charge.leaf(), int(p.Index), int(d.Count), p.Beside); !ok || root != d.Root {
		return bad("the charge is not in the debit")
	}
	return nil
}

package voucher

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/past/certificate"
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

// sum returns the root of a Merkle tree over charges, and what they cost together. In a
// row of odd length the last hash moves up as it is.
func sum(cs []Charge) (root id.Hash, total int64) {
	row := make([]id.Hash, len(cs))
	for i, c := range cs {
		row[i] = c.leaf()
		total += c.Cost()
	}
	for len(row) > 1 {
		row = above(row)
	}
	return row[0], total
}

func above(row []id.Hash) []id.Hash {
	up := make([]id.Hash, 0, (len(row)+1)/2)
	for i := 0; i+1 < len(row); i += 2 {
		up = append(up, id.HashOf("charges", row[i], row[i+1]))
	}
	if len(row)%2 == 1 {
		up = append(up, row[len(row)-1])
	}
	return up
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
	row := make([]id.Hash, len(cs))
	for i, c := range cs {
		ps[i], row[i] = &Path{Charge: c, Index: uint16(i)}, c.leaf()
	}
	for level := 0; len(row) > 1; level++ {
		for i, p := range ps {
			if at := (i >> level) ^ 1; at < len(row) {
				p.Beside = append(p.Beside, row[at])
			}
		}
		row = above(row)
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
	h, beside := p.Charge.leaf(), p.Beside
	for at, n := int(p.Index), int(d.Count); n > 1; at, n = at/2, (n+1)/2 {
		if at^1 >= n {
			continue
		}
		if len(beside) == 0 {
			return bad("a path that is too short")
		}
		if at%2 == 0 {
			h = id.HashOf("charges", h, beside[0])
		} else {
			h = id.HashOf("charges", beside[0], h)
		}
		beside = beside[1:]
	}
	if len(beside) != 0 || h != d.Root {
		return bad("the charge is not in the debit")
	}
	return nil
}

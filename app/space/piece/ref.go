package piece

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// ErrDamaged is wrapped by errors about bytes that are not what they should be.
var ErrDamaged = errors.New("the content is damaged")

// Ref is where a sealed object is, what it is, and the key that opens it. Who has it can read.
type Ref struct {
	Object id.Hash     `cbor:"1,keyasint"`           // its id in storage
	Hash   id.Hash     `cbor:"2,keyasint"`           // of what is stored, as its certificate says
	Key    peer.Secret `cbor:"3,keyasint"`           // for this object alone
	Size   int64       `cbor:"4,keyasint,omitempty"` // bytes of content that it stands for
	// Code says that it is archived in fragments: Hash is then the root of the tree over
	// these, and Object nobody's id but the reference's own.
	Code Code `cbor:"5,keyasint,omitzero"`
}

// Code is how an object is kept as fragments, of which any Need make it whole. The zero
// Code is that of an object which is kept in copies.
type Code struct {
	Need  uint8    `cbor:"1,keyasint"`
	Total uint8    `cbor:"2,keyasint"`
	Owner peer.Key `cbor:"3,keyasint"` // signed them
}

// MaxTotal is the largest number of fragments.
const MaxTotal = 128

// IsZero reports whether there are copies and no fragments.
func (c Code) IsZero() bool { return c == Code{} }

// Check implements wire.Checker. The error wraps ErrDamaged.
func (c Code) Check() error {
	if !c.IsZero() && (c.Need < 1 || c.Need > c.Total || c.Total > MaxTotal || c.Owner.IsZero()) {
		return fmt.Errorf("%w: %d of %d fragments", ErrDamaged, c.Need, c.Total)
	}
	return nil
}

// IsZero reports whether there is no object.
func (r Ref) IsZero() bool { return r.Object.IsZero() }

// Content is what a file contains. The zero Content is that of an empty file.
type Content struct {
	Ref Ref `cbor:"1,keyasint"`
	// Height is the number of lists above a piece: 0 if Ref is a piece itself.
	Height uint8 `cbor:"2,keyasint,omitempty"`
}

// Limits of what is read.
const (
	// Fan is the largest number of references in a list.
	Fan = 256
	// MaxHeight is far above the height of the largest file.
	MaxHeight = 6
	// MaxSize is the largest content, in bytes.
	MaxSize = 1 << 40
)

// Check implements wire.Checker. The error wraps ErrDamaged.
func (c *Content) Check() error {
	switch {
	case c.Height > MaxHeight:
		return fmt.Errorf("%w: lists %d deep, at most %d", ErrDamaged, c.Height, MaxHeight)
	case c.Ref.Size < 0 || c.Ref.Size > MaxSize:
		return fmt.Errorf("%w: a size of %d bytes", ErrDamaged, c.Ref.Size)
	case c.Ref.IsZero() != (c.Ref.Size == 0):
		return fmt.Errorf("%w: %d bytes in no object, or none in one", ErrDamaged, c.Ref.Size)
	}
	return c.Ref.Code.Check()
}

// List is what stands above pieces, or above other lists.
type List struct {
	Refs []Ref `cbor:"1,keyasint"`
}

// NewList returns a list and what a reference to it says of its size.
func NewList(refs []Ref) (b []byte, size int64) {
	for _, r := range refs {
		size += r.Size
	}
	return wire.MustMarshal(&List{refs}), size
}

var listForm = wire.FormOf((*List)(nil))

// OpenList reads the list that a reference of this size stands for. Errors wrap ErrDamaged.
func OpenList(b []byte, size int64) (*List, error) {
	l := new(List)
	if err := listForm.Unmarshal(b, l); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if len(l.Refs) == 0 || len(l.Refs) > Fan {
		return nil, fmt.Errorf("%w: a list of %d, want 1 to %d", ErrDamaged, len(l.Refs), Fan)
	}
	left := size
	for _, r := range l.Refs {
		if r.IsZero() || r.Size <= 0 || r.Size > left {
			return nil, fmt.Errorf("%w: the sizes in a list do not add up", ErrDamaged)
		}
		if err := r.Code.Check(); err != nil {
			return nil, err
		}
		left -= r.Size
	}
	if left != 0 {
		return nil, fmt.Errorf("%w: the sizes in a list do not add up", ErrDamaged)
	}
	if again, _ := NewList(l.Refs); !bytes.Equal(again, b) {
		return nil, fmt.Errorf("%w: a list that is not written as it should be", ErrDamaged)
	}
	return l, nil
}

// Part is a reference, and where its content begins in the file.
type Part struct {
	Ref Ref
	At  int64
}

// Overlapping returns the parts of a list, which begins at at, that have bytes of [from, to).
func (l *List) Overlapping(at, from, to int64) (ps []Part) {
	for _, r := range l.Refs {
		if at < to && at+r.Size > from {
			ps = append(ps, Part{r, at})
		}
		at += r.Size
	}
	return ps
}

// CheckText returns an error for what is no text of 1 to most bytes, without control
// characters.
func CheckText(s string, most int) error {
	if s == "" || len(s) > most || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%+q is no text of 1 to %d bytes", s, most)
	}
	return nil
}

package tree

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/peer"
)

// Limits of an entry.
const (
	MaxName = 1024 // bytes of a name
	MaxMeta = 2048 // bytes of a version's meta data, keys and values together
	// MaxEntry bounds an entry with all its versions, in bytes: the oldest are dropped.
	MaxEntry = 8 << 10
)

// ErrName is wrapped by errors about names that none may have.
var ErrName = errors.New("not a name")

// CheckName returns an error that wraps ErrName for what is no name: names are valid UTF-8
// without NUL, of 1 to MaxName bytes.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > MaxName:
		return fmt.Errorf("%w: %d bytes, want 1 to %d", ErrName, len(name), MaxName)
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return fmt.Errorf("%w: it is not UTF-8, or has a NUL", ErrName)
	}
	return nil
}

// Entry is a name and what stands under it. It is frozen once it is in a tree.
type Entry struct {
	Name string `cbor:"1,keyasint"`
	// Versions are at least one, the newest first, numbers falling.
	Versions []*Version `cbor:"2,keyasint"`
}

// Version is what stood under a name for some time. It is frozen.
type Version struct {
	// Number grows with each change in the space; no two versions in a space have the same.
	Number  uint64        `cbor:"1,keyasint"`
	Time    int64         `cbor:"2,keyasint"` // when it was made, by its author's clock; Unix milliseconds
	Author  peer.Key      `cbor:"3,keyasint"`
	Content piece.Content `cbor:"4,keyasint"`
	Copies  uint8         `cbor:"5,keyasint,omitempty"` // how many are wanted of the content
	Expires int64         `cbor:"6,keyasint,omitempty"` // Unix milliseconds; 0: never
	Meta    []Pair        `cbor:"7,keyasint,omitempty"` // sorted by key, each once
	// Removed: the name had nothing under it from then on.
	Removed bool `cbor:"8,keyasint,omitempty"`
	// Shared: another version may have the same content.
	Shared bool `cbor:"9,keyasint,omitempty"`
	// Clash: it was replaced by somebody who did not know of it, and is kept for that alone.
	Clash bool `cbor:"10,keyasint,omitempty"`
	// More is meta data that is too long for here; nil: there is none. Its form is a matter of
	// whoever wrote it.
	More *piece.Content `cbor:"11,keyasint,omitempty"`
	// By is the change that made it. Versions of the first programs do not tell: zero.
	By Made `cbor:"12,keyasint,omitzero"`
}

// Alive reports whether the version stands for something at this time, Unix milliseconds.
func (v *Version) Alive(now int64) bool {
	return !v.Removed && (v.Expires == 0 || v.Expires > now)
}

// Made names an attempt to change a space, which may have become a root. Who is drawn for each run of a node; its
// attempts are numbered, and a root names the last one of each that it comes after.
type Made struct {
	Who     uint64 `cbor:"1,keyasint"`
	Attempt uint64 `cbor:"2,keyasint"`
}

// Pair is one piece of meta data.
type Pair struct {
	Key   string `cbor:"1,keyasint"`
	Value string `cbor:"2,keyasint"`
}

// Size is the length of the content, in bytes.
func (v *Version) Size() int64 { return v.Content.Ref.Size }

// Contents are those of a version: its own, and its long meta data.
func (v *Version) Contents() (cs []piece.Content) {
	if !v.Content.Ref.IsZero() {
		cs = append(cs, v.Content)
	}
	if v.More != nil && !v.More.Ref.IsZero() {
		cs = append(cs, *v.More)
	}
	return cs
}

// Current is the newest version.
func (e *Entry) Current() *Version { return e.Versions[0] }

// cost is at least what a version takes in its encoding, in bytes.
func (v *Version) cost() int {
	n := 250
	if !v.Content.Ref.Code.IsZero() { // archived
		n += 12
	}
	if v.More != nil {
		n += 130
		if !v.More.Ref.Code.IsZero() {
			n += 35
		}
	}
	for _, p := range v.Meta {
		n += 10 + len(p.Key) + len(p.Value)
	}
	return n
}

// cost is at least what an entry takes in its encoding, in bytes.
func (e *Entry) cost() int {
	n := 16 + len(e.Name)
	for _, v := range e.Versions {
		n += v.cost()
	}
	return n
}

// Keep returns the entry with its newest versions alone: at most n of them, and no more than
// fit; and those that were left out.
func (e *Entry) Keep(n int) (kept *Entry, dropped []*Version) {
	cost, keep := 16+len(e.Name), 0
	for keep < min(n, len(e.Versions)) {
		if cost += e.Versions[keep].cost(); cost > MaxEntry && keep > 0 {
			break
		}
		keep++
	}
	if keep == len(e.Versions) {
		return e, nil
	}
	return &Entry{e.Name, e.Versions[:keep:keep]}, e.Versions[keep:]
}

// CheckMeta returns an error if meta data is larger than MaxMeta, not sorted, or has
// a key twice or an empty one.
func CheckMeta(meta []Pair) error {
	size := 0
	for i, p := range meta {
		if p.Key == "" || i > 0 && p.Key <= meta[i-1].Key || !utf8.ValidString(p.Key) || !utf8.ValidString(p.Value) {
			return fmt.Errorf("meta data: the key %+q is empty, not in its place or not UTF-8", p.Key)
		}
		size += len(p.Key) + len(p.Value)
	}
	if size > MaxMeta {
		return fmt.Errorf("meta data of %d bytes, at most %d", size, MaxMeta)
	}
	return nil
}

func (e *Entry) check() error {
	if err := CheckName(e.Name); err != nil {
		return err
	}
	if len(e.Versions) == 0 {
		return fmt.Errorf("%w: %+q has no version", piece.ErrDamaged, e.Name)
	}
	for i, v := range e.Versions {
		switch {
		case v == nil || v.Number == 0 || i > 0 && v.Number >= e.Versions[i-1].Number:
			return fmt.Errorf("%w: the versions of %+q are not in order", piece.ErrDamaged, e.Name)
		case v.Time < 0 || v.Expires < 0:
			return fmt.Errorf("%w: impossible times of %+q", piece.ErrDamaged, e.Name)
		}
		more := v.More
		if more == nil {
			more = new(piece.Content)
		}
		if err := errors.Join(v.Content.Check(), more.Check(), CheckMeta(v.Meta)); err != nil {
			return err
		}
	}
	return nil
}

// Shorten is the beginning of a text, of at most n bytes.
func Shorten(s string, n int) string {
	for len(s) > n {
		_, last := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-last]
	}
	return s
}

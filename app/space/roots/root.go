package roots

import (
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/app/space/notes"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Root is what a space is at one moment. It is frozen once it is signed.
type Root struct {
	// Number is that of the newest version in the tree, or of a later change.
	Number uint64      `cbor:"1,keyasint"`
	Tree   tree.Tree   `cbor:"2,keyasint"`
	Author peer.Key    `cbor:"3,keyasint"` // who changed it last; signs
	Made   []tree.Made `cbor:"4,keyasint,omitempty"`
	// History: versions that are replaced or removed are kept.
	History bool `cbor:"5,keyasint,omitempty"`
	// Moved: the space goes on under another key. Nothing comes after this root.
	Moved bool   `cbor:"6,keyasint,omitempty"`
	Bytes int64  `cbor:"7,keyasint,omitempty"` // of all contents, those of older versions too
	Sig   []byte `cbor:"8,keyasint"`
	// Met is the number of the change that brought roots of parts of the ring together last.
	// Who knows of no later one may have seen another part's changes before it.
	Met uint64 `cbor:"9,keyasint,omitempty"`
	// Agreed is the Number of the last root before this one that a majority has agreed to, as far as
	// its author knew, and By what made it. What another root has that comes after it, too, and that has no
	// later number, stood in both.
	Agreed uint64    `cbor:"10,keyasint,omitempty"`
	By     tree.Made `cbor:"11,keyasint,omitzero"`

	Version     uint64    `cbor:"-"` // of the mutable object: 0 if there is none yet
	Certificate id.Hash   `cbor:"-"` // and the hash of its certificate: parts of a ring may make two of one version
	Rivals      []id.Hash `cbor:"-"` // the certificates of roots that other parts of the ring have made
	Apart       int       `cbor:"-"` // how many keep it of whom no majority had a say: see past.Found
	Sure        bool      `cbor:"-"` // a majority had, when this node made it or read it once, though it is away now
	Resolves    []id.Hash `cbor:"-"` // of these: they are merged in a root that is to be made
}

// MaxMade is how many nodes' attempts are remembered: more than change one space while
// one of them waits for an answer.
const MaxMade = 64

// Check implements wire.Checker.
func (r *Root) Check() error {
	if len(r.Made) > MaxMade || r.Bytes < 0 || len(r.Sig) != peer.SignatureSize {
		return fmt.Errorf("%w: a root out of its limits", piece.ErrDamaged)
	}
	return r.Tree.Check()
}

// Hash is what the author signs.
func (r *Root) Hash(space id.Hash) id.Hash {
	list := []any{space, r.Number, r.Tree.Root.Object, r.Tree.Root.Hash, r.Tree.Root.Key[:], r.Tree.Levels, r.Tree.Count,
		r.Author[:], r.History, r.Moved, r.Bytes, r.Version}
	for _, m := range r.Made {
		list = append(list, m.Who, m.Attempt)
	}
	h := id.HashOf("space root", list...)
	if r.Met > 0 {
		h = id.HashOf("space root that brings others together", h, r.Met)
	}
	if r.Agreed > 0 {
		h = id.HashOf("space root after an agreed one", h, r.Agreed, r.By.Who, r.By.Attempt)
	}
	return h
}

// LastAgreed is what a root in place of this one says of the last one that a majority has agreed to.
func (r *Root) LastAgreed() (number uint64, by tree.Made) {
	if r.Sure && len(r.Made) > 0 {
		return r.Number, r.Made[0]
	}
	return r.Agreed, r.By
}

// Common is the Number of the last root that this one and another one have both grown from, as far as is
// known; 0 if none is. All that they have with no later number stood in it: unless parts have met since, as what one
// of them had kept its number, whatever had one like that in the others.
func (r *Root) Common(x *Root) (number uint64) {
	if x.Agreed > 0 && r.Met <= x.Agreed && r.Facts().After(x.By) {
		number = x.Agreed
	}
	if r.Agreed > number && x.Met <= r.Agreed && x.Facts().After(r.By) {
		number = r.Agreed
	}
	return number
}

// Has reports whether an attempt became a root, this one or one before it.
func (r *Root) Has(m tree.Made) bool { return slices.Contains(r.Made, m) }

// Facts are what notes want to know of a root.
func (r *Root) Facts() notes.Root {
	return notes.Root{Version: r.Version, Made: r.Made, Agreed: r.Sure}
}

// with is a list of attempts with one more, the latest first, and the last one alone of each who made some.
func with(list []tree.Made, m tree.Made) []tree.Made {
	out := []tree.Made{m}
	for _, x := range list {
		i := slices.IndexFunc(out, func(y tree.Made) bool { return y.Who == x.Who })
		switch {
		case i >= 0:
			out[i].Attempt = max(out[i].Attempt, x.Attempt)
		case len(out) < MaxMade:
			out = append(out, x)
		}
	}
	return out
}

// Names name the attempts of one person on one node.
type Names struct {
	Who  uint64    // names the person's changes, in this run of the node, in roots; 0: not drawn yet
	Last tree.Made // of these, that became a root, or may have
}

// Heard notes that an attempt became a root.
func (n *Names) Heard(m tree.Made) {
	if m.Who == n.Who && (n.Last.Who != n.Who || m.Attempt > n.Last.Attempt) {
		n.Last = m
	}
}

// Attempt names the attempt of a number, which rises, to replace a root. Of one person on one node each attempt follows the one
// before, so a root names the last one for all; several people there go on beside each other, and have names of their own. So
// has who comes to a root that does not come after his last attempt, though that became one, or may have: it stands elsewhere,
// or may, and no root is to claim that it comes after it. draw returns a number that nobody else has.
func (n *Names) Attempt(r *Root, number uint64, draw func() uint64) tree.Made {
	if n.Who == 0 || n.Last.Who == n.Who && !r.Facts().After(n.Last) {
		n.Who = draw()
	}
	return tree.Made{Who: n.Who, Attempt: number}
}

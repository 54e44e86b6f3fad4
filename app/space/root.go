package space

import (
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space/notes"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// root is what a space is at one moment. It is frozen once it is signed.
type root struct {
	// Number is that of the newest version in the tree, or of a later change.
	Number uint64    `cbor:"1,keyasint"`
	Tree   tree.Tree `cbor:"2,keyasint"`
	Author peer.Key  `cbor:"3,keyasint"` // who changed it last; signs
	Made   []made    `cbor:"4,keyasint,omitempty"`
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
	Agreed uint64 `cbor:"10,keyasint,omitempty"`
	By     made   `cbor:"11,keyasint,omitzero"`

	version     uint64    // of the mutable object: 0 if there is none yet
	certificate id.Hash   // and the hash of its certificate: parts of a ring may make two of one version
	rivals      []id.Hash // the certificates of roots that other parts of the ring have made
	apart       int       // how many keep it of whom no majority had a say: see past.Found
	sure        bool      // a majority had, when this node made it or read it once, though it is away now
	resolves    []id.Hash // of these: they are merged in a root that is to be made
}

// made is the latest attempt of a node that became a root.
type made = notes.Made

// maxMade is how many nodes' attempts are remembered: more than change one space while
// one of them waits for an answer.
const maxMade = 64

// Check implements wire.Checker.
func (r *root) Check() error {
	if len(r.Made) > maxMade || r.Bytes < 0 || len(r.Sig) != peer.SignatureSize {
		return fmt.Errorf("%w: a root out of its limits", ErrDamaged)
	}
	return r.Tree.Check()
}

// hash is what the author signs.
func (r *root) hash(space id.Hash) id.Hash {
	list := []any{space, r.Number, r.Tree.Root.Object, r.Tree.Root.Hash, r.Tree.Root.Key[:], r.Tree.Levels, r.Tree.Count,
		r.Author[:], r.History, r.Moved, r.Bytes, r.version}
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

// agreed is what a root in place of this one says of the last one that a majority has agreed to.
func (r *root) agreed() (number uint64, by made) {
	if r.sure && len(r.Made) > 0 {
		return r.Number, r.Made[0]
	}
	return r.Agreed, r.By
}

// common is the Number of the last root that this one and another one have both grown from, as far as is
// known; 0 if none is. All that they have with no later number stood in it: unless parts have met since, as what one
// of them had kept its number, whatever had one like that in the others.
func (r *root) common(x *root) (number uint64) {
	if x.Agreed > 0 && r.Met <= x.Agreed && r.facts().After(x.By) {
		number = x.Agreed
	}
	if r.Agreed > number && x.Met <= r.Agreed && x.facts().After(r.By) {
		number = r.Agreed
	}
	return number
}

// has reports whether an attempt became a root, this one or one before it.
func (r *root) has(m made) bool { return slices.Contains(r.Made, m) }

// facts are what notes want to know of a root.
func (r *root) facts() notes.Root {
	return notes.Root{Version: r.version, Made: r.Made, Agreed: r.sure}
}

// with is a list of attempts with one more, the latest first, and the last one alone of each who made some.
func with(list []made, m made) []made {
	out := []made{m}
	for _, x := range list {
		i := slices.IndexFunc(out, func(y made) bool { return y.Who == x.Who })
		switch {
		case i >= 0:
			out[i].Attempt = max(out[i].Attempt, x.Attempt)
		case len(out) < maxMade:
			out = append(out, x)
		}
	}
	return out
}

// replace signs a root and puts it in place of a version: with strict only where a majority of those
// who keep it has a say.
func (sp *Space) replace(t *task.T, r *root, replaces uint64, strict bool) (*root, error) {
	next := *r
	next.rivals = nil
	next.Author, next.version = sp.person.Signer.Public(), replaces+1
	h := next.hash(sp.id)
	next.Sig = sp.person.Signer.Sign(h[:])
	b := lock(sp.s.cfg.Locker, sp.secrets.Read, "root", &next)
	f, err := sp.s.cfg.Past.Edit(t, past.Edit{Part: sp.part("root"), Copies: sp.handle.Copies, Replaces: replaces, Content: b,
		Resolves: r.resolves, Apart: !strict}, sp.signer)
	var other *past.ConflictError
	if errors.As(err, &other) {
		now, bad := sp.openRoot(t, other.Current)
		return now, errors.Join(past.ErrConflict, bad)
	}
	if err != nil {
		return nil, err
	}
	next.certificate, next.apart, next.sure = f.Certificate.Hash(sp.s.cfg.Ring), f.Apart, f.Apart == 0
	return &next, nil
}

// openRoot reads a root; that of a space in which nothing was stored yet is empty.
func (sp *Space) openRoot(t *task.T, f past.Found) (*root, error) {
	if f.Certificate == nil {
		return &root{}, nil
	}
	hash := f.Certificate.Hash(sp.s.cfg.Ring)
	if sp.current != nil && sp.current.certificate == hash && f.Certificate.Owner == sp.charter.Writer {
		if !slices.Equal(sp.current.rivals, f.Rivals) || sp.current.apart != f.Apart {
			met := *sp.current
			met.rivals, met.apart, met.sure = f.Rivals, f.Apart, met.sure || f.Apart == 0
			sp.current = &met
		}
		return sp.current, nil
	}
	r, err := sp.readRoot(t, f)
	if err == nil && (sp.current == nil || sp.current.version <= r.version) {
		sp.current = r
	}
	return r, err
}

// readRoot reads a root, also one that is not the current one.
func (sp *Space) readRoot(t *task.T, f past.Found) (*root, error) {
	r := new(root)
	if err := unlock(sp.s.cfg.Locker, sp.secrets.Read, "root", f.Content, r); err != nil {
		return nil, err
	}
	r.version, r.certificate, r.rivals, r.apart, r.sure = f.Certificate.Version, f.Certificate.Hash(sp.s.cfg.Ring), f.Rivals, f.Apart, f.Apart == 0
	if !sp.charter.writes(r.Author) {
		if err := sp.refresh(t); err != nil {
			return nil, err
		}
	}
	if h := r.hash(sp.id); !sp.charter.writes(r.Author) || !sp.s.cfg.Verifier.Verify(r.Author, h[:], r.Sig) {
		return nil, ErrForged
	}
	return r, nil
}

// now reads the root as it is now. It is empty in a space in which nothing was stored.
func (sp *Space) now(t *task.T) (*root, error) {
	for {
		writer := sp.charter.Writer
		f, err := sp.s.cfg.Past.Latest(t, past.Name{Owner: writer, Part: sp.part("root"), Copies: sp.handle.Copies})
		if err != nil && !errors.Is(err, past.ErrNotFound) {
			return nil, err
		}
		r, err := sp.openRoot(t, f)
		if err != nil || !r.Moved {
			return r, err
		}
		if err := sp.refresh(t); err != nil {
			return nil, err
		}
		if sp.charter.Writer == writer {
			return r, nil
		}
		sp.current = nil
	}
}

// close makes the last root under a key, and returns it.
func (sp *Space) close(t *task.T) (*root, error) {
	r, err := sp.now(t)
	for range maxRounds {
		if err != nil {
			return nil, err
		}
		if did, err := sp.bringTogether(t, r); err != nil {
			return nil, err
		} else if did {
			if r, err = sp.now(t); err != nil {
				return nil, err
			}
		}
		if r.Moved {
			return r, nil
		}
		last := *r
		last.Moved = true
		after, err := sp.replace(t, &last, r.version, true)
		switch {
		case err == nil:
			sp.current = after
			return after, nil
		case !errors.Is(err, past.ErrConflict):
			return nil, err
		}
		r = after
	}
	return nil, ErrUncertain
}

package space

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Entry of a person's list of spaces.
type Entry struct {
	Name   string `cbor:"1,keyasint"` // what the person calls it
	Handle Handle `cbor:"2,keyasint"`
}

// MaxSpaces is how many spaces a person has at most.
const MaxSpaces = 200

// shelf is a person's list of spaces. It is kept in the ring, sealed to himself, so that all
// his machines have the same.
type shelf struct {
	Entries []Entry `cbor:"1,keyasint"` // by name
	version uint64
	merged  []id.Hash // rivals of its object whose entries it has, too
}

// box is a shelf, sealed.
type box struct {
	Number uint64 `cbor:"1,keyasint"` // of the sealing pair
	Sealed []byte `cbor:"2,keyasint"`
}

// shelfPart is the place of everybody's list, below his own key.
var shelfPart = certificate.NamePart([]byte("phyllo"), "list of spaces")

const shelfInfo = "list of spaces"

// Check implements wire.Checker.
func (s *shelf) Check() error {
	if len(s.Entries) > MaxSpaces {
		return fmt.Errorf("%w: a list of %d spaces", ErrDamaged, len(s.Entries))
	}
	for i, e := range s.Entries {
		if i > 0 && e.Name <= s.Entries[i-1].Name || piece.CheckText(e.Name, MaxSpaceName) != nil {
			return fmt.Errorf("%w: a list of spaces that is not in order", ErrDamaged)
		}
	}
	return nil
}

func (s *Spaces) readShelf(t *task.T, p Person) (*shelf, error) {
	f, err := s.cfg.Past.Latest(t, past.Name{Owner: p.Signer.Public(), Part: shelfPart, Copies: Copies})
	switch {
	case errors.Is(err, past.ErrNotFound):
		return &shelf{}, nil
	case err != nil:
		return nil, err
	}
	list, err := openShelf(p, f)
	if err != nil {
		return nil, err
	}
	for _, h := range f.Rivals {
		if err := s.mergeShelf(t, p, list, h); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// mergeShelf adds what a list has that another part of the ring made, out of sight of this one.
// What cannot be read, or finds no room, stays a rival.
func (s *Spaces) mergeShelf(t *task.T, p Person, list *shelf, rival id.Hash) error {
	f, err := s.cfg.Past.Rival(t, past.Name{Owner: p.Signer.Public(), Part: shelfPart, Copies: Copies}, rival)
	switch {
	case errors.Is(err, past.ErrNotFound):
		return nil // another node has merged it meanwhile
	case err != nil:
		return err
	}
	if x, err := openShelf(p, f); err == nil && list.take(x.Entries) {
		list.merged = append(list.merged, rival)
	}
	return nil
}

// take adds entries, under other names where theirs are those of other spaces. It adds none if
// there is no room for all.
func (s *shelf) take(more []Entry) bool {
	entries := slices.Clone(s.Entries)
	for _, e := range more {
		if slices.ContainsFunc(entries, func(x Entry) bool { return x.Handle == e.Handle }) {
			continue
		}
		name := e.Name
		i, taken := search(entries, name)
		for n := 2; taken; n++ {
			mark := fmt.Sprintf(" (%d)", n)
			name = tree.Shorten(e.Name, MaxSpaceName-len(mark)) + mark
			i, taken = search(entries, name)
		}
		entries = slices.Insert(entries, i, Entry{name, e.Handle})
	}
	if len(entries) > MaxSpaces {
		return false
	}
	s.Entries = entries
	return true
}

func openShelf(p Person, f past.Found) (*shelf, error) {
	var b box
	if err := wire.Unmarshal(f.Content, &b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	i := slices.IndexFunc(p.Seals, func(s SealPair) bool { return s.Number == b.Number })
	if i < 0 {
		return nil, fmt.Errorf("%w: your list of spaces was sealed to key %d of yours, which is not on this node", ErrNoAccess, b.Number)
	}
	plain, err := p.Seals[i].Opener.Open([]byte(shelfInfo), b.Sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	list := &shelf{version: f.Certificate.Version}
	if err := wire.Unmarshal(plain, list); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return list, nil
}

// List is a person's list of spaces, by name. Errors: ErrNoAccess, ErrDamaged,
// past.ErrNotReachable, task.ErrStopped.
func (s *Spaces) List(t *task.T, p Person) ([]Entry, error) {
	list, err := s.readShelf(t, p)
	if err != nil {
		return nil, err
	}
	return list.Entries, nil
}

// Add puts a space on a person's list. That it is there already under this name is no error.
// Errors: ErrTaken, ErrFull, ErrHandle for what cannot be a name, and those of List.
func (s *Spaces) Add(t *task.T, p Person, e Entry) error {
	if err := piece.CheckText(e.Name, MaxSpaceName); err != nil || strings.Contains(e.Name, "/") {
		return fmt.Errorf("%w: a space cannot be called %+q", ErrHandle, e.Name)
	}
	return s.amendShelf(t, p, func(list *shelf) (bool, error) {
		i, there := search(list.Entries, e.Name)
		switch {
		case there && list.Entries[i].Handle == e.Handle:
			return false, nil
		case there:
			return false, ErrTaken
		case len(list.Entries) == MaxSpaces:
			return false, ErrFull
		}
		list.Entries = slices.Insert(slices.Clone(list.Entries), i, e)
		return true, nil
	})
}

// Forget takes a space from a person's list. The space itself stays. Errors: ErrNotFound, and
// those of List.
func (s *Spaces) Forget(t *task.T, p Person, name string) error {
	return s.amendShelf(t, p, func(list *shelf) (bool, error) {
		i, there := search(list.Entries, name)
		if !there {
			return false, ErrNotFound
		}
		list.Entries = slices.Delete(slices.Clone(list.Entries), i, i+1)
		return true, nil
	})
}

func search(es []Entry, name string) (int, bool) {
	return slices.BinarySearchFunc(es, name, func(e Entry, name string) int { return strings.Compare(e.Name, name) })
}

func (s *Spaces) amendShelf(t *task.T, p Person, change func(*shelf) (bool, error)) error {
	var err error
	for range maxRounds {
		list, rerr := s.readShelf(t, p)
		if rerr != nil {
			return rerr
		}
		changed, cerr := change(list)
		if cerr != nil || !changed {
			return cerr
		}
		pair := p.seal()
		sealed, serr := s.cfg.Sealer.Seal(pair.Opener.SealKey(), []byte(shelfInfo), wire.MustMarshal(list))
		if serr != nil {
			return serr
		}
		b := wire.MustMarshal(&box{pair.Number, sealed})
		if _, err = s.cfg.Past.Edit(t, past.Edit{Part: shelfPart, Copies: Copies, Replaces: list.version, Content: b, Resolves: list.merged, Apart: true}, p.Signer); !errors.Is(err, past.ErrConflict) {
			return err
		}
	}
	return err
}

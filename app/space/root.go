package space

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/space/roots"
	"github.com/phyllo-net/phyllo/task"
)

// replace signs a root and puts it in place of a version: with strict only where a majority of those
// who keep it has a say. It is tried for so long; 0: for as long as storage does. What a conflict shows is not read, as it is one
// root's word, which would have what others made meanwhile left out: now asks a majority.
func (sp *Space) replace(t *task.T, r *roots.Root, replaces uint64, strict bool, within time.Duration) (*roots.Root, error) {
	next := *r
	next.Rivals = nil
	next.Author, next.Version = sp.person.Signer.Public(), replaces+1
	h := next.Hash(sp.id)
	next.Sig = sp.person.Signer.Sign(h[:])
	b := lock(sp.s.cfg.Locker, sp.secrets.Read, "root", &next)
	f, err := sp.s.cfg.Past.Edit(t, past.Edit{Part: sp.part("root"), Copies: sp.handle.Copies, Replaces: replaces, Content: b,
		Resolves: r.Resolves, Apart: !strict, Within: within}, sp.signer)
	if err != nil {
		return nil, err
	}
	next.Certificate, next.Apart, next.Sure = f.Certificate.Hash(sp.s.cfg.Ring), f.Apart, f.Apart == 0
	return &next, nil
}

// openRoot reads a root; that of a space in which nothing was stored yet is empty.
func (sp *Space) openRoot(t *task.T, f past.Found) (*roots.Root, error) {
	if f.Certificate == nil {
		return &roots.Root{}, nil
	}
	hash := f.Certificate.Hash(sp.s.cfg.Ring)
	if sp.current != nil && sp.current.Certificate == hash && f.Certificate.Owner == sp.charter.Writer {
		if !slices.Equal(sp.current.Rivals, f.Rivals) || sp.current.Apart != f.Apart {
			met := *sp.current
			met.Rivals, met.Apart, met.Sure = f.Rivals, f.Apart, met.Sure || f.Apart == 0
			sp.current = &met
		}
		return sp.current, nil
	}
	r, err := sp.readRoot(t, f)
	if err == nil && (sp.current == nil || sp.current.Version <= r.Version) {
		sp.current = r
	}
	return r, err
}

// readRoot reads a root, also one that is not the current one.
func (sp *Space) readRoot(t *task.T, f past.Found) (*roots.Root, error) {
	r := new(roots.Root)
	if err := unlock(sp.s.cfg.Locker, sp.secrets.Read, "root", f.Content, r); err != nil {
		return nil, err
	}
	r.Version, r.Certificate, r.Rivals, r.Apart, r.Sure = f.Certificate.Version, f.Certificate.Hash(sp.s.cfg.Ring), f.Rivals, f.Apart, f.Apart == 0
	if !sp.charter.writes(r.Author) {
		if err := sp.refresh(t); err != nil {
			return nil, err
		}
	}
	if h := r.Hash(sp.id); !sp.charter.writes(r.Author) || !sp.s.cfg.Verifier.Verify(r.Author, h[:], r.Sig) {
		return nil, ErrForged
	}
	return r, nil
}

// now reads the root as it is now. It is empty in a space in which nothing was stored.
func (sp *Space) now(t *task.T) (*roots.Root, error) {
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
func (sp *Space) close(t *task.T) (*roots.Root, error) {
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
		after, err := sp.replace(t, &last, r.Version, true, 0)
		switch {
		case err == nil:
			sp.current = after
			return after, nil
		case !errors.Is(err, past.ErrConflict):
			return nil, err
		}
		if r, err = sp.now(t); err != nil {
			return nil, err
		}
	}
	return nil, ErrUncertain
}

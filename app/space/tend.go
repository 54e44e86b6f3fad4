package space

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/space/archive"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/app/space/tree"
	"github.com/phyllo-net/phyllo/cause"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Tended is what was found when archives were looked through.
type Tended struct {
	Objects int   // archived ones, of which files are made
	Mended  int   // fragments that were made anew
	Lost    int   // objects of which too few fragments are left
	Err     error // why others could not be looked at, the first reason; nil: all were
}

// page is how many names are looked through at once.
const page = 256

// signerOf is the key that signed the fragments of an archived object; nil: it is none, or
// not one of this space's.
func (sp *Space) signerOf(r piece.Ref) peer.Signer {
	for _, signer := range sp.signers() {
		if signer.Public() == r.Code.Owner {
			return signer
		}
	}
	return nil
}

// Tend looks through all archived contents of a space that the person writes to, and has
// missing fragments made anew where they are more than are waited for (package archive). It takes
// its time, which is Config.Pace for each object. The error is task.ErrStopped; others
// are in Tended.
func (sp *Space) Tend(t *task.T) (sum Tended, err error) {
	if sp.signer == nil {
		return sum, nil
	}
	from, more := "", true
	for more {
		var contents []tended
		err := sp.Look(t, func(sn Snapshot) (err error) {
			contents, from, more, err = archived(sn, from)
			return err
		})
		if err != nil {
			sum.Err = cause.Join(sum.Err, err)
			return sum, passStop(err)
		}
		for _, c := range contents {
			if err := sp.tendContent(t, c, &sum); err != nil {
				return sum, err
			}
		}
	}
	return sum, nil
}

// tended is an archived content, and the end of its life.
type tended struct {
	content piece.Content
	expires time.Time
}

// archived are the archived contents of a page of names, from one on.
func archived(sn Snapshot, from string) (contents []tended, next string, more bool, err error) {
	names := 0
	err = sn.Scan(from, func(e *tree.Entry) (string, bool) {
		if names == page {
			next, more = e.Name, true
			return "", false
		}
		names++
		for _, v := range e.Versions {
			if v.Content.Ref.Code.IsZero() || !v.Removed && !sn.Alive(v) {
				continue
			}
			c := tended{content: v.Content}
			if v.Expires != 0 {
				c.expires = time.UnixMilli(v.Expires)
			}
			contents = append(contents, c)
		}
		return "", true
	})
	return contents, next, more, err
}

// tendContent looks after the objects of one content. The error is task.ErrStopped.
func (sp *Space) tendContent(t *task.T, c tended, sum *Tended) error {
	pieces, lists, err := sp.s.leaves(t, c.content)
	if err != nil {
		sum.note(err)
		return passStop(err)
	}
	for _, r := range slices.Concat(lists, pieces) {
		signer := sp.signerOf(r)
		if signer == nil {
			continue
		}
		if err := t.Sleep(sp.s.cfg.Pace); err != nil {
			return err
		}
		made, err := sp.s.archives.Mend(t, r, c.expires, signer)
		if errors.Is(err, task.ErrStopped) {
			return err
		}
		sum.Objects++
		sum.Mended += made
		sum.note(err)
	}
	return nil
}

// note counts what came of an object.
func (x *Tended) note(err error) {
	switch {
	case archive.Lost(err):
		x.Lost++
	case x.Err == nil:
		x.Err = err
	}
}

// passStop keeps of an error that the node stops.
func passStop(err error) error {
	if errors.Is(err, task.ErrStopped) {
		return err
	}
	return nil
}

// tendSoon looks through the archives of this node's people in a while, and again and again.
func (s *Spaces) tendSoon(in time.Duration) {
	if s.cfg.People == nil {
		return
	}
	in += time.Duration(s.ep.Rand().Int64N(int64(in) + 1)) // not all nodes at once
	s.ep.After(in, func() {
		s.ep.Go(func(t *task.T) error {
			if err := s.tendAll(t); err != nil {
				return err
			}
			sum, err := s.sweep(t)
			if err == nil && s.cfg.Swept != nil {
				s.cfg.Swept(sum)
			}
			return err
		}, func(err error) {
			if !errors.Is(err, task.ErrStopped) {
				s.tendSoon(s.cfg.Tend / 2)
			}
		})
	})
}

// tendAll looks through all archives that this node's people may write to.
func (s *Spaces) tendAll(t *task.T) error {
	var sum Tended
	for _, p := range s.cfg.People() {
		list, err := s.List(t, p)
		if err != nil && sum.Err == nil {
			sum.Err = err
		}
		for _, e := range list {
			sp, err := s.Open(t, p, e.Handle)
			if err != nil {
				sum.note(err)
				continue
			}
			one, err := sp.Tend(t)
			if err != nil {
				return err
			}
			sum = Tended{sum.Objects + one.Objects, sum.Mended + one.Mended, sum.Lost + one.Lost, cause.Join(sum.Err, one.Err)}
		}
	}
	if s.cfg.Tended != nil {
		s.cfg.Tended(sum)
	}
	return passStop(sum.Err)
}

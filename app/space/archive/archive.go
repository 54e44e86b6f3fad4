package archive

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/cause"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// work bounds what is computed, or lies in a queue before that.
const work = 5 * time.Minute

// Archives stores, reads and mends archived contents, for tasks of one node.
type Archives struct {
	ring id.Hash
	past *past.Past
	ep   kbr.Endpoint
}

// New returns the Archives of a node with storage, of one of its applications.
func New(ring id.Hash, p *past.Past, ep kbr.Endpoint) *Archives {
	return &Archives{ring: ring, past: p, ep: ep}
}

// Code is the one for the ring as this node sees it; a zero Code: it is too small.
func (a *Archives) Code() piece.Code {
	var near []id.ID
	for _, h := range a.ep.NeighborSet(around) {
		near = append(near, h.ID)
	}
	return Choose(RingSize(a.ep.Self().ID, near))
}

// enough is how many fragments are to be stored for a content to be kept: that no more are missing
// than are waited for before they are mended.
func enough(c piece.Code) int { return int(c.Total) - int(c.Total-c.Need)/4 }

// Store keeps a content of 1 to MaxSize bytes in fragments that its owner signs. The reference
// has its Key, its Size and a Code without an owner; what is missing is filled in. stored
// is how many fragments are kept, and if they are not enough the error wraps past.ErrTooFew, and
// what was kept is given back.
//
// Errors besides: those of past.Past.Store.
func (a *Archives) Store(t *task.T, r piece.Ref, content []byte, expires time.Time, owner peer.Signer) (ref piece.Ref, stored int, err error) {
	c, err := task.Work(t, work, func() (coded, error) { return encode(content, r.Code) })
	if err != nil {
		return piece.Ref{}, 0, err
	}
	r.Object, r.Hash, r.Code.Owner = object(r.Key), c.root, owner.Public()
	all := make([]int, r.Code.Total)
	for i := range all {
		all[i] = i
	}
	stored, err = a.put(t, r, c, all, expires, owner)
	switch {
	case errors.Is(err, task.ErrStopped):
		return piece.Ref{}, stored, err
	case stored < enough(r.Code):
		a.ep.Go(func(t *task.T) error { return a.Reclaim(t, r, owner) }, nil)
		return piece.Ref{}, stored, fmt.Errorf("%d of %d fragments were stored: %w: %w", stored, r.Code.Total, past.ErrTooFew, err)
	}
	return r, stored, nil
}

// put stores some fragments at once. It returns how many are kept, and why others are not.
func (a *Archives) put(t *task.T, r piece.Ref, c coded, which []int, expires time.Time, owner peer.Signer) (stored int, err error) {
	ring, wall, until := a.ring, a.ep.Wall(), int64(0)
	if !expires.IsZero() {
		until = expires.UnixMilli()
	}
	certs, err := task.Work(t, work, func() ([]*certificate.Certificate, error) {
		certs := make([]*certificate.Certificate, len(which))
		for n, i := range which {
			certs[n] = sign(ring, r, i, c.fragments[i], until, owner, wall)
		}
		return certs, nil
	})
	if err != nil {
		return 0, err
	}
	rs, err := a.each(t, len(which), func(t *task.T, n int) ([]byte, error) {
		content := c.fragments[which[n]]
		_, large := past.InMemory(content)
		if large != nil {
			_, err := a.past.StoreLarge(t, certs[n], *large)
			return nil, err
		}
		_, err := a.past.Store(t, certs[n], content)
		return nil, err
	})
	for _, x := range rs {
		if x.Err == nil {
			stored++
		} else {
			err = x.Err
		}
	}
	return stored, err
}

// each runs f for 0 to n-1, all at once, each as a task.
func (a *Archives) each(t *task.T, n int, f func(t *task.T, i int) ([]byte, error)) ([]task.Result[[]byte], error) {
	return task.Gather(t, work, n, func(i int, resolve func([]byte, error)) {
		a.ep.Go(func(t *task.T) error {
			resolve(f(t, i))
			return nil
		}, nil)
	}, nil)
}

// IDs are those of all fragments of an archived content, by index. The error is task.ErrStopped.
func (a *Archives) IDs(t *task.T, r piece.Ref) ([]id.Hash, error) {
	return task.Work(t, work, func() ([]id.Hash, error) {
		ids := make([]id.Hash, r.Code.Total)
		for i := range ids {
			c := name(r, i)
			ids[i] = c.ID()
		}
		return ids, nil
	})
}

// Reclaim gives all fragments back: see past.Past.Reclaim. The error is one of those.
func (a *Archives) Reclaim(t *task.T, r piece.Ref, owner peer.Signer) error {
	ids, err := a.IDs(t, r)
	if err != nil {
		return err
	}
	rs, err := a.each(t, len(ids), func(t *task.T, i int) ([]byte, error) { return nil, a.past.Reclaim(t, ids[i], owner) })
	for _, x := range rs {
		err = cause.Join(err, x.Err)
	}
	return err
}

package past

import (
	"errors"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Reclaim gives a file back (PAST, 2.1): its owner wants the space, and promises himself
// nothing about who still has a copy. It returns when a majority of the holders has
// written that down; they tell the others. To reclaim what is not there is no error.
//
// Errors: ErrNotReachable, certificate.ErrReclaim (another's file, or no file),
// task.ErrStopped.
func (p *Past) Reclaim(t *task.T, o id.Hash, owner peer.Signer) error {
	c, err := p.Inspect(t, o)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	ring, v, wall := p.cfg.Ring, p.cfg.Verifier, p.ep.Wall()
	r, err := task.Work(t, disk, func() (*certificate.Reclaim, error) {
		r := certificate.NewReclaim(ring, c, owner, wall)
		return r, r.Verify(ring, v)
	})
	if err != nil {
		return err
	}
	end := p.ep.Now().Add(3 * p.cfg.Patience)
	for {
		err := p.reclaimOnce(t, r)
		if err == nil || errors.Is(err, task.ErrStopped) {
			return err
		}
		wait := p.some()
		if !p.ep.Now().Add(wait).Before(end) {
			return err
		}
		if err := t.Sleep(wait); err != nil {
			return err
		}
	}
}

// reclaimOnce tells all who may have a replica.
func (p *Past) reclaimOnce(t *task.T, r *certificate.Reclaim) error {
	k := int(r.Of.Copies)
	near, err := p.near(t, r.Of.ID().Place(), k)
	if err != nil {
		return err
	}
	rs, err := p.askAll(t, near, func() wire.Message { return &reclaim{Reclaim: r} }, nil)
	if err != nil {
		return err
	}
	n, holders := 0, min(k, len(near))
	for _, a := range rs[:holders] {
		if _, ok := a.Value.(*reclaimed); ok && a.Err == nil {
			n++
		}
	}
	if n < holders/2+1 {
		return ErrNotReachable
	}
	return nil
}

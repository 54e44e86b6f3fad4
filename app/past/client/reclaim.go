package client

import (
	"errors"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/msg"
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
func (cl *Client) Reclaim(t *task.T, o id.Hash, owner peer.Signer) error {
	c, err := cl.Inspect(t, o)
	switch {
	case errors.Is(err, ErrNotFound):
		return cl.refund(t, o)
	case err != nil:
		return err
	}
	ring, v, wall := cl.cfg.Ring, cl.cfg.Verifier, cl.asker.ep.Wall()
	r, err := task.Work(t, work, func() (*certificate.Reclaim, error) {
		r := certificate.NewReclaim(ring, c, owner, wall)
		return r, r.Verify(ring, v)
	})
	if err != nil {
		return err
	}
	end := cl.asker.ep.Now().Add(3 * cl.cfg.Patience)
	for {
		err := cl.reclaimOnce(t, r)
		if err == nil {
			return cl.refund(t, o)
		} else if errors.Is(err, task.ErrStopped) {
			return err
		}
		wait := cl.asker.some()
		if !cl.asker.ep.Now().Add(wait).Before(end) {
			return err
		}
		if err := t.Sleep(wait); err != nil {
			return err
		}
	}
}

// reclaimOnce tells all who may have a replica.
func (cl *Client) reclaimOnce(t *task.T, r *certificate.Reclaim) error {
	k := int(r.Of.Copies)
	near, err := cl.asker.Near(t, r.Of.ID().Place(), k)
	if err != nil {
		return err
	}
	rs, err := cl.asker.All(t, near, func() wire.Message { return &msg.Reclaim{Reclaim: r} }, nil)
	if err != nil {
		return err
	}
	n, holders := 0, min(k, len(near))
	for _, a := range rs[:holders] {
		if _, ok := a.Value.(*msg.Reclaimed); ok && a.Err == nil {
			n++
		}
	}
	if n < holders/2+1 {
		return ErrNotReachable
	}
	return nil
}

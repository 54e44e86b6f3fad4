package client

import (
	"encoding/binary"

	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Count asks those who are to keep an object, of which so many copies are wanted, whether they
// do, and returns how many of them say so, copies at most. Whoever does not answer counts as
// one without it, and one whose replica was diverted as one with it (PAST, 3.3). Nothing is
// proven by it: it is for people, who want to know.
//
// Errors: ErrNotReachable, task.ErrStopped.
func (cl *Client) Count(t *task.T, o id.Hash, copies int) (int, error) {
	near, err := cl.asker.Near(t, o.Place(), copies)
	if err != nil {
		return 0, err
	}
	near = near[:min(copies, len(near))]
	if self := cl.asker.ep.Self(); !Contains(near, self.ID) {
		near = append(near[:len(near):len(near)], self) // others' pointers to this node do not count
	}
	rs, err := cl.asker.All(t, near, func() wire.Message { return &msg.Have{Objects: []id.Hash{o}} }, nil)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, r := range rs {
		if m, ok := r.Value.(*msg.Having); ok && r.Err == nil && len(m.States) == msg.StateSize && binary.BigEndian.Uint64(m.States) != 0 {
			n++
		}
	}
	return min(n, copies), nil
}

package account

import (
	"cmp"
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/app/past/account/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Balance is how this node's account stands, in bytes of all replicas.
type Balance struct {
	Used  int64
	Limit int64
	// Offered is what the node offers, and Counted what of it is in the limit so far.
	Offered, Counted int64
	// Keepers is how many nodes vote about it, of which Heard gave an answer.
	Keepers, Heard int
}

// Balance asks the keepers of this node's account how it stands. Of their answers the middle
// one counts: so much a majority allows.
//
// Errors: ErrNotReachable, if a majority gave no answer; task.ErrStopped.
func (a *Accounts) Balance(t *task.T) (Balance, error) {
	voters := a.voters(a.ep.Self().ID)
	if len(voters) == 0 || !a.ep.Ready() {
		return Balance{}, ErrNotReachable
	}
	m, heard, err := a.middle(t, a.ep.Self().ID, voters)
	switch {
	case errors.Is(err, ErrNotReachable):
		return Balance{Keepers: len(voters)}, err
	case err != nil:
		return Balance{}, err
	}
	return Balance{
		Used: m.Used, Limit: m.Limit, Offered: a.cfg.Storage.Offered(), Counted: m.Counted, Keepers: len(voters), Heard: heard,
	}, nil
}

// middle returns the middle one of what those who vote about an account say of it, and how many were
// heard. Errors: ErrNotReachable, if they are no majority; task.ErrStopped.
func (a *Accounts) middle(t *task.T, member id.ID, voters []*peer.Handle) (m *msg.Balance, heard int, err error) {
	rs, err := a.askAll(t, voters, &msg.Ask{Member: member}, a.cfg.Ask, nil)
	if err != nil {
		return nil, 0, err
	}
	var said []*msg.Balance
	for _, r := range rs {
		if m, ok := r.Value.(*msg.Balance); ok && r.Err == nil {
			said = append(said, m)
		}
	}
	if len(said) < majority(len(voters)) {
		return nil, len(said), ErrNotReachable
	}
	slices.SortStableFunc(said, func(x, y *msg.Balance) int { return cmp.Compare(x.Limit-x.Used, y.Limit-y.Used) })
	return said[(len(said)-1)/2], len(said), nil
}

package account

import (
	"cmp"
	"slices"

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
	rs, err := a.askAll(t, voters, &ask{Member: a.ep.Self().ID}, a.cfg.Ask, nil)
	if err != nil {
		return Balance{}, err
	}
	var said []*balance
	for _, r := range rs {
		if m, ok := r.Value.(*balance); ok && r.Err == nil {
			said = append(said, m)
		}
	}
	if len(said) < majority(len(voters)) {
		return Balance{Keepers: len(voters)}, ErrNotReachable
	}
	slices.SortStableFunc(said, func(x, y *balance) int { return cmp.Compare(x.Limit-x.Used, y.Limit-y.Used) })
	m := said[(len(said)-1)/2]
	return Balance{
		Used: m.Used, Limit: m.Limit, Offered: a.cfg.Storage.Offered(), Counted: m.Counted, Keepers: len(voters), Heard: len(said),
	}, nil
}

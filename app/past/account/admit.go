package account

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// circleAge is how long it is remembered who keeps a far member's account, and circleNew
	// for how long it is not asked again though a voucher has other voters.
	circleAge = 10 * time.Minute
	circleNew = 5 * time.Second
	// maxRemembered bounds the vouchers and the circles that are remembered.
	maxRemembered = 4096
)

// circle is who is near a far member.
type circle struct {
	nodes []*peer.Handle
	at    task.Instant
}

// Admit returns nil if an object with this certificate is paid for: its charge is in the
// debit, the voucher is good now, and it was voted for by a majority of those who keep the
// member's account, as this node finds them.
//
// Errors: voucher.ErrVoucher, ErrVoters and ErrUsed, which another try with the same payment
// does not change; ErrNotReachable, task.ErrStopped, or the disk's.
func (a *Accounts) Admit(t *task.T, p *voucher.Payment, c *certificate.Certificate) error {
	err := a.admit(t, p, c)
	switch {
	case err == nil:
		a.stats.Admitted++
	case errors.Is(err, voucher.ErrVoucher) || errors.Is(err, ErrVoters) || errors.Is(err, ErrUsed):
		a.stats.Denied++
	}
	return err
}

func (a *Accounts) admit(t *task.T, p *voucher.Payment, c *certificate.Certificate) error {
	if err := p.Check(); err != nil {
		return err
	}
	if err := p.Covers(c); err != nil {
		return err
	}
	if err := a.voted(t, p); err != nil { // first: what anybody can make up costs no keeper a question
		return err
	}
	return a.fresh(t, p, c)
}

// voted returns nil if a voucher is good now, and was voted for by a majority of those who keep the account.
func (a *Accounts) voted(t *task.T, p *voucher.Payment) error {
	// What was voted for once needs no other votes: the same debit comes with many objects.
	hash := p.Voucher.Debit.Hash(a.cfg.Ring)
	if d := a.checked[hash]; d != nil && d.Open(a.ep.Wall()) {
		return nil
	}
	ring, v, wall := a.cfg.Ring, a.cfg.Verifier, a.ep.Wall()
	if _, err := task.Work(t, disk, func() (struct{}, error) { return struct{}{}, p.Voucher.Verify(ring, wall, v) }); err != nil {
		return err
	}
	if err := a.elected(t, p.Voucher); err != nil {
		return err
	}
	if len(a.checked) >= maxRemembered {
		clear(a.checked)
	}
	a.checked[hash] = p.Voucher.Debit
	return nil
}

// elected returns nil if a voucher's voters are a majority of those who keep the account.
func (a *Accounts) elected(t *task.T, x *voucher.Voucher) error {
	member := x.Debit.Account()
	for {
		nodes, fresh, err := a.near(t, member)
		if err != nil {
			return err
		}
		// One more than there are: another node may see one more than this one.
		wide, n := without(nodes, member, a.cfg.Keepers+1), 0
		for _, vote := range x.Votes {
			if contains(wide, vote.Voter.Node) {
				n++
			}
		}
		switch {
		case n >= majority(min(a.cfg.Keepers, len(wide))):
			return nil
		case fresh:
			return ErrVoters
		}
		delete(a.around, member)
	}
}

// near returns who is near a member, the member and k others at least. fresh tells that it
// would be no use to ask again.
func (a *Accounts) near(t *task.T, member id.ID) (nodes []*peer.Handle, fresh bool, err error) {
	if set := a.ep.ReplicaSet(member, a.cfg.Keepers+2); len(set) > 0 {
		return set, true, nil
	}
	now := a.ep.Now()
	if c := a.around[member]; c != nil && now.Sub(c.at) < circleAge {
		return c.nodes, now.Sub(c.at) < circleNew, nil
	}
	nodes, err = a.cfg.Storage.Near(t, member, a.cfg.Keepers+2)
	switch {
	case errors.Is(err, task.ErrStopped):
		return nil, false, err
	case err != nil:
		return nil, false, ErrNotReachable
	}
	if len(a.around) >= maxRemembered {
		clear(a.around)
	}
	a.around[member] = &circle{nodes, a.ep.Now()}
	return nodes, true, nil
}

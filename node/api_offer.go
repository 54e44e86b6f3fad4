package node

import (
	"context"
	"errors"
	"math"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/node/home"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/task"
)

// Offer implements api.Node.
func (f face) Offer(ctx context.Context, q api.OfferRequest) (*api.Account, error) {
	if q.Bytes != api.AutoOffer && q.Bytes != 0 && (q.Bytes < api.MinOffer || q.Bytes > api.MaxOffer) {
		return nil, api.Errorf(api.Usage, "%d bytes cannot be offered: give auto, 0, or 1MiB to 1TiB, as in `phyllo offer 20GiB`", q.Bytes)
	}
	bytes, err := f.n.offerAnew(q.Bytes)
	if err != nil {
		return nil, kind.Give(err)
	}
	if err := loop.Call(ctx, f.n.overlay(), func(o *overlay) { o.past.Offer(bytes) }); err != nil {
		return nil, err
	}
	return f.Account(ctx)
}

// Account implements api.Node.
func (f face) Account(ctx context.Context) (*api.Account, error) {
	a, err := loop.Do(ctx, f.n.overlay(), func(t *task.T, o *overlay) (*api.Account, error) { return o.account(t) })
	if err != nil {
		return nil, kind.Give(err)
	}
	told, err := f.n.told()
	if err != nil {
		return nil, kind.Give(err)
	}
	a.Auto, a.Free = told == api.AutoOffer, -1
	if free, _, err := home.DiskSpace(f.n.home.Dir); err == nil {
		a.Free = int64(min(free, math.MaxInt64))
	}
	return a, nil
}

// account says what the node keeps, and how its account stands. That its keepers cannot be
// reached is no error.
func (o *overlay) account(t *task.T) (*api.Account, error) {
	b, err := o.past.Accounts().Balance(t)
	if errors.Is(err, account.ErrNotReachable) {
		err = nil
	}
	s := o.past.Stats()
	return &api.Account{
		Offered: o.past.Offered(), Kept: s.Bytes, Objects: s.Objects, Elsewhere: s.Pointers,
		Keepers: b.Keepers, Heard: b.Heard, Used: b.Used, Limit: b.Limit, Counted: b.Counted,
	}, err
}

package storage

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
func (f Face) Offer(ctx context.Context, q api.OfferRequest) (*api.Account, error) {
	if q.Bytes != api.AutoOffer && q.Bytes != 0 && (q.Bytes < api.MinOffer || q.Bytes > api.MaxOffer) {
		return nil, api.Errorf(api.Usage, "%d bytes cannot be offered: give auto, 0, or 1MiB to 1TiB, as in `phyllo offer 20GiB`", q.Bytes)
	}
	s := f.Storage()
	bytes, err := s.offerAnew(q.Bytes)
	if err != nil {
		return nil, kind.Give(err)
	}
	if err := loop.Call(ctx, s.cfg.Here(), func(h *Here) { h.past.Offer(bytes) }); err != nil {
		return nil, err
	}
	return f.Account(ctx)
}

// Account implements api.Node.
func (f Face) Account(ctx context.Context) (*api.Account, error) {
	s := f.Storage()
	a, err := loop.Do(ctx, s.cfg.Here(), func(t *task.T, h *Here) (*api.Account, error) { return h.Account(t) })
	if err != nil {
		return nil, kind.Give(err)
	}
	told, err := s.told()
	if err != nil {
		return nil, kind.Give(err)
	}
	a.Auto, a.Free = told == api.AutoOffer, -1
	if free, _, err := home.DiskSpace(s.cfg.Home.Dir); err == nil {
		a.Free = int64(min(free, math.MaxInt64))
	}
	return a, nil
}

// Account says what the node keeps, and how its account stands. That its keepers cannot be
// reached is no error.
func (h *Here) Account(t *task.T) (*api.Account, error) {
	b, err := h.past.Accounts().Balance(t)
	if errors.Is(err, account.ErrNotReachable) {
		err = nil
	}
	kept := h.past.Stats()
	return &api.Account{
		Offered: h.past.Offered(), Kept: kept.Bytes, Objects: kept.Objects, Elsewhere: kept.Pointers,
		Keepers: b.Keepers, Heard: b.Heard, Used: b.Used, Limit: b.Limit, Counted: b.Counted,
	}, err
}

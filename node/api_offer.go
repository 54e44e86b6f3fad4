package node

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/task"
)

// offerKey is where the offer lies that was made by command, in nodeTable.
var offerKey = []byte("offer")

// offer is how many bytes this node keeps for its ring: what it was told last, by a command,
// else by its settings.
func (n *Node) offer() (int64, error) {
	b, err := n.record(offerKey)
	if err != nil || len(b) != 8 {
		return n.cfg.Offer, err
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// Offer implements api.Node.
func (f face) Offer(ctx context.Context, q api.OfferRequest) (*api.Account, error) {
	if q.Bytes != 0 && (q.Bytes < api.MinOffer || q.Bytes > api.MaxOffer) {
		return nil, api.Errorf(api.Usage, "%d bytes cannot be offered: give 0 or 1MiB to 1TiB, as in `phyllo offer 20GiB`", q.Bytes)
	}
	if err := f.n.store.Put(nodeTable, offerKey, binary.BigEndian.AppendUint64(nil, uint64(q.Bytes))); err != nil {
		return nil, kinded(err)
	}
	if err := f.n.call(ctx, func(o *overlay) { o.past.Offer(q.Bytes) }); err != nil {
		return nil, err
	}
	return f.Account(ctx)
}

// Account implements api.Node.
func (f face) Account(ctx context.Context) (*api.Account, error) {
	a, err := do(ctx, f.n, func(t *task.T, o *overlay) (*api.Account, error) { return o.account(t) })
	return a, kinded(err)
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

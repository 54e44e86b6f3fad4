package fakenode

import (
	"context"

	"github.com/phyllo-net/phyllo/api"
)

// chosen is what the node offers if that is left to it, in bytes.
const chosen = 4 << 30

// Offer implements api.Node. The node keeps 3 objects; of a small offer it moves one away.
func (n *Node) Offer(ctx context.Context, q api.OfferRequest) (*api.Account, error) {
	n.mu.Lock()
	n.auto = q.Bytes == api.AutoOffer
	if n.offer = q.Bytes; n.auto {
		n.offer = chosen
	}
	n.mu.Unlock()
	return n.Account(ctx)
}

// Gift implements api.Node.
func (n *Node) Gift(context.Context) (*api.Gift, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return &api.Gift{Bytes: n.gift}, nil
}

// SetGift implements api.Node.
func (n *Node) SetGift(_ context.Context, q api.Gift) (*api.Gift, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gift = q.Bytes
	return &q, nil
}

// Account implements api.Node.
func (n *Node) Account(context.Context) (*api.Account, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	counted := min(n.offer, 1_000_000_000)
	a := &api.Account{
		Offered: n.offer, Auto: n.auto, Free: 10 * chosen, Kept: 48_000_000, Objects: 3, Keepers: 4, Heard: 4,
		Used: 310_000_000, Limit: 5_000_000_000 + counted/6*5, Counted: counted,
	}
	if a.Kept > n.offer {
		a.Kept, a.Elsewhere = 20_000_000, 1
	}
	return a, nil
}

package api

import "context"

// MinOffer and MaxOffer bound what a node offers, in bytes, if it offers anything.
const (
	MinOffer = 1 << 20
	MaxOffer = 1 << 40
)

// AutoOffer stands for an offer that is left to the node: a tenth of what is free on its
// disk, 20 GB at most, and never so much that less than a tenth of the disk stays free.
const AutoOffer = -1

// Offering is what this node keeps for its ring, and what its member may store there.
type Offering interface {
	// Account says how that stands.
	Account(ctx context.Context) (*Account, error)
	// Offer sets how many bytes of content this node keeps for its ring: 0, MinOffer to
	// MaxOffer, or AutoOffer; from now on and after the next start too. What it keeps beyond that it moves
	// to other nodes, by and by.
	Offer(ctx context.Context, q OfferRequest) (*Account, error)
	// Gift says how much every member of the ring may store without an offer, as its
	// authority has said last and this node knows.
	Gift(ctx context.Context) (*Gift, error)
	// SetGift changes that, where the ring's authority key is: 0, or MinOffer to MaxOffer.
	// The nodes of the ring learn of it within the hour.
	SetGift(ctx context.Context, q Gift) (*Gift, error)
}

// DefaultGift is the gift of a ring whose authority has said nothing, in bytes.
const DefaultGift = 1_000_000_000

// Gift is what every member of a ring may store without an offer, in bytes of content, at five
// copies of each object.
type Gift struct {
	Bytes int64 `json:"bytes"`
}

// OfferRequest is a new offer.
type OfferRequest struct {
	Bytes int64 `json:"bytes"`
}

// Account is what a node keeps for its ring, and what its member uses of it. An object costs
// its size times its copies.
type Account struct {
	Offered int64 `json:"offered"` // bytes of content, at most
	Auto    bool  `json:"auto"`    // the node has chosen it: AutoOffer
	Free    int64 `json:"free"`    // bytes on the node's disk; -1: it is not known
	Kept    int64 `json:"kept"`    // bytes, now
	Objects int   `json:"objects"`
	// Elsewhere is how many of the objects other nodes keep in this one's place.
	Elsewhere int `json:"elsewhere"`

	// Keepers is how many nodes keep the account. Heard have said what follows; 0: a majority
	// could not be reached, and nothing is known.
	Keepers int   `json:"keepers"`
	Heard   int   `json:"heard"`
	Used    int64 `json:"used"`  // bytes, all copies counted
	Limit   int64 `json:"limit"` // bytes, all copies counted
	// Counted is how much of the offer is in the limit so far, in bytes: an offer above
	// 1 GB counts as it is used.
	Counted int64 `json:"counted"`
}

// Account implements Node.
func (c *Client) Account(ctx context.Context) (*Account, error) {
	return call[*Account](ctx, c, "account", none{})
}

// Gift implements Node.
func (c *Client) Gift(ctx context.Context) (*Gift, error) {
	return call[*Gift](ctx, c, "ring/gift", none{})
}

// SetGift implements Node.
func (c *Client) SetGift(ctx context.Context, q Gift) (*Gift, error) {
	return call[*Gift](ctx, c, "ring/set-gift", q)
}

// Offer implements Node.
func (c *Client) Offer(ctx context.Context, q OfferRequest) (*Account, error) {
	return call[*Account](ctx, c, "offer", q)
}

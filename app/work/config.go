package work

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/anycast"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
)

// Config is what Work needs. Fill in what Default leaves empty.
type Config struct {
	Topics  *topic.Topics
	Scribe  *scribe.Scribe
	Anycast *anycast.Anycast
	// Store keeps the items that are offered here, in Table.
	Store store.Store
	// Signers are the keys of those who live on this node: their items are offered. It is
	// called on the loop.
	Signers func() []peer.Signer
	// Ring and Verifier are for the word of a topic's owner who asks what is offered.
	Ring     id.Hash
	Verifier peer.Verifier

	// Lease is how long a taker is waited for of whom nothing is heard: 30 s.
	Lease time.Duration
	// MaxItems and MaxBytes are how many items are queued on this node, and how long they may
	// be together: 10,000 and 32 MiB.
	MaxItems, MaxBytes int
	// MaxAge is how old an item may become before it is given up: 7 days.
	MaxAge time.Duration
	// MaxPosts is how many programs take items on this node: 1,000.
	MaxPosts int
	// PeerAsks is how many messages of one neighbour are served in a minute: 60,000.
	PeerAsks int
}

// Table is where items are kept in the store.
const Table store.Table = "work"

// Limits.
const (
	MaxItem  = 32<<10 - 1 // bytes of an item
	MaxWhy   = 1 << 10    // bytes of what a taker says about one that failed
	MaxSlots = 1000       // items that one taker has at a time
	MaxTries = 100
	// DefaultTries is how often an item may fail.
	DefaultTries = 3
	// maxGone is how many takers may have had an item when they went.
	maxGone = 10
)

// Default returns a Config with all numbers set.
func Default() Config {
	return Config{Lease: 30 * time.Second, MaxItems: 10_000, MaxBytes: 32 << 20, MaxAge: 7 * 24 * time.Hour, MaxPosts: 1000, PeerAsks: 60_000}
}

// Validate returns an error that names the first setting that is missing or out of its range.
func (c *Config) Validate() error {
	if c.Topics == nil || c.Scribe == nil || c.Anycast == nil || c.Store == nil || c.Signers == nil || c.Verifier == nil {
		return errors.New("work: Topics, Scribe, Anycast, Store, Signers and Verifier must be set")
	}
	for _, n := range []struct {
		name    string
		v, most int
	}{{"MaxItems", c.MaxItems, 1_000_000}, {"MaxBytes", c.MaxBytes, 1 << 30}, {"MaxPosts", c.MaxPosts, 1_000_000}, {"PeerAsks", c.PeerAsks, 10_000_000}} {
		if n.v < 1 || n.v > n.most {
			return fmt.Errorf("work: %s is %d, want 1 to %d", n.name, n.v, n.most)
		}
	}
	for _, d := range []struct {
		name     string
		v, low   time.Duration
		atTheEnd time.Duration
	}{{"Lease", c.Lease, time.Second, time.Hour}, {"MaxAge", c.MaxAge, time.Minute, 365 * 24 * time.Hour}} {
		if d.v < d.low || d.v > d.atTheEnd {
			return fmt.Errorf("work: %s is %s, want %s to %s", d.name, d.v, d.low, d.atTheEnd)
		}
	}
	return nil
}

// What may go wrong, besides what topic, anycast and scribe/msg name.
var (
	// ErrTooLarge: an item exceeds MaxItem.
	ErrTooLarge = fmt.Errorf("an item has at most %d bytes: store what is larger with `phyllo put`, and offer its name", MaxItem)
	// ErrFull: Config.MaxItems or MaxBytes are queued on this node.
	ErrFull = errors.New("too many items are queued on this node: wait until some are done, or withdraw some with `phyllo work withdraw`")
	// ErrOptions: Options or TakeOptions are out of their ranges.
	ErrOptions = fmt.Errorf("an item may fail 1 to %d times, and a taker has 1 to %d items at a time", MaxTries, MaxSlots)
	// ErrLimit: Config.MaxPosts programs take items here.
	ErrLimit = errors.New("too many programs take items on this node: end some first")
	// ErrNotHeld: the taker does not have the item: he was never given it, has confirmed it
	// already, or has lost it.
	ErrNotHeld = errors.New("the item is not in your hands: it was confirmed before, or is another taker's now")
	// ErrAway: the node of an item's offerer does not answer.
	ErrAway = errors.New("the node that offered the item cannot be reached: it is told as soon as it is, unless this node stops before")
)

package past

import (
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/past/cache"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/divert"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
)

// Config is what a Past needs. Fill in what Default leaves empty: Ring, Signer,
// Verifier, Certificate and Store.
type Config struct {
	// Ring is the ring that certificates and receipts are signed for.
	Ring id.Hash
	// Signer signs with the node's key.
	Signer peer.Signer
	// Verifier checks signatures. It is called in Work too, so it must bear
	// calls from several goroutines.
	Verifier peer.Verifier
	// Certificate returns the node's own certificate as it is now.
	Certificate func() *peer.Certificate
	// Expelled reports whether a member is out; nil: nobody is.
	Expelled func(node id.ID) bool
	// Store keeps the objects, in Table and ContentTable.
	Store store.Store
	// Blobs keeps the contents of large ones. nil: this node keeps none of these.
	Blobs store.Blobs

	// Accounts is how storage is paid for: numbers as account.Default gives them, the rest is
	// filled in. Past.Accounts is then to be mounted beside. nil: nobody pays.
	Accounts *account.Config

	// Copies is the number of nodes that a reader asks at first, and that a node compares
	// itself with as long as it knows of no object with more replicas: 5.
	Copies int
	// Absence is how long the replicas of a node that went away are not made anew
	// elsewhere, if enough others are there: 10 minutes.
	Absence time.Duration
	// Apart is how long those who are left wait for a majority of an object's holders that went away, until they
	// go on without it for who agrees to that (Edit.Apart), and, where the ring has no more nodes than
	// an object has holders, may make an object that only those could know of: 30 s, at most Absence.
	Apart time.Duration
	// LostAfter is how long a holder has to be out of sight to be taken for lost, as one who was
	// expelled is: nobody waits any more for what only he could say. It counts while this node is
	// there, also where he went before it came: 30 days. 0: never.
	LostAfter time.Duration
	// Sync is the time between two comparisons with the other holders when nothing
	// changes: 10 minutes.
	Sync time.Duration
	// Surplus is how long a node keeps a replica that is not its to keep any more: 20
	// minutes, and until all who are to keep it have it.
	Surplus time.Duration
	// Forget is how long a holder remembers that an object was reclaimed: 30 days. A
	// replica that was away for longer may bring the object back.
	Forget time.Duration
	// Skew is how far a certificate's date may lie in the future, and how long a holder
	// keeps what has expired: 24 h.
	Skew time.Duration
	// Ask bounds one question to one node: 5 s.
	Ask time.Duration
	// Patience bounds a Lookup, and an insert gets three times as long: 20 s.
	Patience time.Duration

	// Diversion is when this node takes a replica and where it diverts one to:
	// divert.Default.
	Diversion divert.Policy
	// Cache is how copies are cached in the room that replicas leave: cache.None. Who reads
	// from caches may read for CacheFor what was reclaimed.
	Cache cache.Policy
	// CacheSize is how many bytes of memory copies may take: 64 MB; CacheFor how long a
	// copy is good after it left a holder: 10 minutes.
	CacheSize int64
	CacheFor  time.Duration
	// Capacity is how many bytes of content this node keeps: 1 GB. 0: none but small
	// mutable objects, of which every node near them has a vote.
	Capacity int64
	// MaxObjects is how many objects it keeps: 1,000,000.
	MaxObjects int
	// MaxTasks is the number of questions of others handled at once: 256.
	MaxTasks int
	// PeerWrites and PeerReads are the numbers of messages per minute that are
	// handled for one neighbour: 6,000 and 60,000. Bursts may have as many at once.
	PeerWrites, PeerReads int
}

// Table is where what is known of objects is kept in the store, ContentTable their
// content, PromiseTable what was promised to the roots of mutable ones, and SeenTable the
// highest version of a mutable one that this node's readers have seen. Keys are the objects'
// ids. LostTable has those of damaged ones, of which there is no good replica here
// yet.
const (
	Table        store.Table = "past"
	ContentTable store.Table = "past/content"
	PromiseTable store.Table = "past/promise"
	LostTable    store.Table = "past/lost"
	SeenTable    store.Table = "past/seen"
)

// Default returns a Config with all numbers set.
func Default() Config {
	const day = 24 * time.Hour
	return Config{
		Copies: 5, Absence: 10 * time.Minute, Apart: 30 * time.Second, LostAfter: 30 * 24 * time.Hour, Sync: 10 * time.Minute, Surplus: 20 * time.Minute,
		Forget: 30 * day, Skew: day, Ask: 5 * time.Second, Patience: 20 * time.Second,
		Diversion: divert.Default(), CacheSize: 64e6, CacheFor: 10 * time.Minute, Capacity: 1e9, MaxObjects: 1_000_000, MaxTasks: 256, PeerWrites: 6_000, PeerReads: 60_000,
	}
}

// Validate returns an error that names the first setting out of its range.
func (c *Config) Validate() error {
	switch {
	case c.Signer == nil || c.Verifier == nil || c.Certificate == nil || c.Store == nil:
		return fmt.Errorf("past: Signer, Verifier, Certificate and Store must be set")
	case c.Copies < 1 || c.Copies > certificate.MaxCopies:
		return fmt.Errorf("past: Copies is %d, want 1 to %d", c.Copies, certificate.MaxCopies)
	case !c.Cache.Valid():
		return fmt.Errorf("past: Cache is %v, want none, LRU or GD-S", c.Cache)
	case c.CacheSize < 0:
		return fmt.Errorf("past: CacheSize is %d, want 0 or more", c.CacheSize)
	case c.Capacity < 0:
		return fmt.Errorf("past: Capacity is %d, want 0 or more", c.Capacity)
	}
	if err := c.Diversion.Validate(); err != nil {
		return fmt.Errorf("past: Diversion: %w", err)
	}
	for _, d := range []struct {
		name       string
		v, min, to time.Duration
	}{
		{"Absence", c.Absence, 0, 24 * time.Hour},
		{"Apart", c.Apart, 0, c.Absence},
		{"LostAfter", c.LostAfter, 0, 10 * 365 * 24 * time.Hour},
		{"Sync", c.Sync, time.Second, 24 * time.Hour},
		{"Surplus", c.Surplus, 0, 24 * time.Hour},
		{"Forget", c.Forget, time.Hour, 10 * 365 * 24 * time.Hour},
		{"Skew", c.Skew, time.Minute, 30 * 24 * time.Hour},
		{"CacheFor", c.CacheFor, 0, 24 * time.Hour},
		{"Ask", c.Ask, 100 * time.Millisecond, time.Minute},
		{"Patience", c.Patience, c.Ask, 10 * time.Minute},
	} {
		if d.v < d.min || d.v > d.to {
			return fmt.Errorf("past: %s is %s, want %s to %s", d.name, d.v, d.min, d.to)
		}
	}
	for _, n := range []struct {
		name string
		v    int
	}{
		{"MaxObjects", c.MaxObjects}, {"MaxTasks", c.MaxTasks}, {"PeerWrites", c.PeerWrites}, {"PeerReads", c.PeerReads},
	} {
		if n.v < 1 || n.v > 100_000_000 {
			return fmt.Errorf("past: %s is %d, want 1 to 100000000", n.name, n.v)
		}
	}
	return nil
}

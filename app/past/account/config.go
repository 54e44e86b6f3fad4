package account

import (
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account/msg"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// Config is what Accounts need. Fill in what Default leaves empty: Ring, Signer, Verifier,
// Certificate, Store and Storage.
type Config struct {
	// Ring is the ring that everything is signed for.
	Ring id.Hash
	// Signer signs with the node's key.
	Signer peer.Signer
	// Verifier checks signatures. It is called in Work too, so it must bear calls from
	// several goroutines.
	Verifier peer.Verifier
	// Certificate returns the node's own certificate as it is now.
	Certificate func() *peer.Certificate
	// Store keeps the accounts, in Table, BackTable, DueTable and PaidTable.
	Store store.Store
	// Storage is what this node keeps for others.
	Storage Storage

	// Keepers is how many nodes beside the member keep its account: 5.
	Keepers int
	// Copies is the number of replicas for which gift and offer are meant: 5.
	Copies int
	// Gift is what each member may store without an offer, in bytes of content, at Copies
	// replicas: 1 GB. The same in the whole ring.
	Gift int64
	// Free is how much of an offer counts before anything was stored there: 1 GB.
	Free int64
	// Life is how long a voucher may be used: 1 hour, the most.
	Life time.Duration
	// Sync is the time between two comparisons with fellow keepers when nothing changes, and
	// between two proofs asked of a member: 10 minutes.
	Sync time.Duration
	// Forget is how long a debit is remembered of which everything was given back: 30 days.
	Forget time.Duration
	// Ask bounds one question to one node: 5 s.
	Ask time.Duration
	// Patience bounds Pay and Balance: 20 s.
	Patience time.Duration
	// MaxDebits and MaxCharges are how many debits one account may have, and how many objects they
	// may name, those included that were given back, for Forget after their voucher's end: 100,000
	// and 500,000, half of what one node keeps. So their holders have to remember at most twice
	// MaxCharges reclaimed objects for one member: what was paid for long ago does not count any more
	// when it is reclaimed. What other keepers have allowed is taken over up to twice as many. What does
	// not count stays with its debit while something else of that is kept, so the keepers' memory
	// is bounded by 2 * MaxDebits full debits, of voucher.MaxCharges each.
	MaxDebits, MaxCharges int
	// MaxTasks is the number of questions of others handled at once: 256.
	MaxTasks int
	// PeerAsks is the number of messages per minute that are handled for one neighbour: 6,000.
	PeerAsks int
}

// Storage is what accounts need to know of the storage on their node. All methods belong
// to the node's loop.
type Storage interface {
	// Near returns the nodes nearest to a key, nearest first: k, if the ring has so many,
	// and perhaps a few more.
	Near(t *task.T, key id.ID, k int) ([]*peer.Handle, error)
	// State says what this node has of an object.
	State(object id.Hash) State
	// Heard reports whether this node has heard, once since its start, from those who keep the same what it should
	// have: then its disk is not one that was lost.
	Heard() bool
	// Common returns the bytes of all objects that this node has and another one should
	// have too, and draws up to n of these objects.
	Common(with id.ID, n int) (bytes int64, drawn []id.Hash)
	// Prove returns Proof of an object's content, as it is read from the disk.
	Prove(t *task.T, object id.Hash, nonce uint64) (id.Hash, error)
	// Offered is how many bytes this node keeps for the ring at most.
	Offered() int64
}

// State is whether an object is kept.
type State uint8

// The states of an object.
const (
	Unsure State = iota // the node is new here, and may lack what it should have
	Absent
	Kept
	Gone // reclaimed, which the holder remembers
)

// Proof is what only one who has the content at hand can say when a nonce is named.
func Proof(nonce uint64, content []byte) id.Hash { return id.HashOf("possession", nonce, content) }

// Default returns a Config with all numbers set.
func Default() Config {
	return Config{
		Keepers: 5, Copies: 5, Gift: 1e9, Free: 1e9, Life: time.Hour, Sync: 10 * time.Minute, Forget: 30 * 24 * time.Hour,
		Ask: 5 * time.Second, Patience: 20 * time.Second, MaxDebits: 100_000, MaxCharges: 500_000, MaxTasks: 256, PeerAsks: 6_000,
	}
}

// Validate returns an error that names the first setting out of its range.
func (c *Config) Validate() error {
	switch {
	case c.Signer == nil || c.Verifier == nil || c.Certificate == nil || c.Store == nil || c.Storage == nil:
		return fmt.Errorf("account: Signer, Verifier, Certificate, Store and Storage must be set")
	case c.Gift < 0 || c.Gift > msg.MaxBytes || c.Free < 0 || c.Free > msg.MaxBytes:
		return fmt.Errorf("account: Gift is %d and Free is %d, want 0 to %d", c.Gift, c.Free, int64(msg.MaxBytes))
	}
	for _, d := range []struct {
		name       string
		v, min, to time.Duration
	}{
		{"Life", c.Life, time.Minute, time.Hour},
		{"Sync", c.Sync, time.Second, 24 * time.Hour},
		{"Forget", c.Forget, time.Hour, 10 * 365 * 24 * time.Hour},
		{"Ask", c.Ask, 100 * time.Millisecond, time.Minute},
		{"Patience", c.Patience, c.Ask, 10 * time.Minute},
	} {
		if d.v < d.min || d.v > d.to {
			return fmt.Errorf("account: %s is %s, want %s to %s", d.name, d.v, d.min, d.to)
		}
	}
	for _, n := range []struct {
		name  string
		v, to int
	}{
		{"Keepers", c.Keepers, certificate.MaxCopies}, {"Copies", c.Copies, certificate.MaxCopies},
		{"MaxDebits", c.MaxDebits, 1e8}, {"MaxCharges", c.MaxCharges, 1e8}, {"MaxTasks", c.MaxTasks, 1e8}, {"PeerAsks", c.PeerAsks, 1e8},
	} {
		if n.v < 1 || n.v > n.to {
			return fmt.Errorf("account: %s is %d, want 1 to %d", n.name, n.v, n.to)
		}
	}
	return nil
}

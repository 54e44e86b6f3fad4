package directory

import (
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/directory/record"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
)

// Config is what a Directory needs. Fill in what Default leaves empty: Ring,
// Signer, Verifier, Certificate and Store.
type Config struct {
	// Ring is the ring that records and receipts are signed for.
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
	// Store keeps the records, in Table.
	Store store.Store
	// Events tells what happens to the names that this node keeps fresh.
	Events Events

	// Replicas is the number of nodes that keep a record: 5. All nodes of a ring
	// must use the same number.
	Replicas int
	// Refresh is the time between two refreshes of a name by its owner's node: 24 h.
	Refresh time.Duration
	// Lapse is the time after its last refresh when a name is no longer given
	// out, and Hold the time after that for which only its old key may have it:
	// 180 days each. The same in all nodes of a ring.
	Lapse, Hold time.Duration
	// Tentative is how long a claim without a majority bars others: 10 s.
	Tentative time.Duration
	// Sync is the time between two comparisons with the other keepers when
	// nothing changes: 10 minutes.
	Sync time.Duration
	// Skew is how far in the future a record's time may lie: 24 h.
	Skew time.Duration
	// Ask bounds one question to one node: 5 s.
	Ask time.Duration
	// Patience bounds a whole Lookup, and a Put gets three times as long: 20 s.
	Patience time.Duration
	// CacheFor is how long Lookup gives what it verified without asking again:
	// 1 minute. CacheSize is the number of names remembered: 1024.
	CacheFor  time.Duration
	CacheSize int

	// MaxRecords is the number of records that this node keeps: 10,000.
	MaxRecords int
	// MaxPerIdentity is the number of names of one key at one keeper: 32.
	MaxPerIdentity int
	// MaxPerPeer is the number of names that one node brought to a keeper: 256.
	MaxPerPeer int
	// MaxTasks is the number of questions of others handled at once: 256.
	MaxTasks int
	// PeerWrites and PeerReads are the numbers of messages per minute that are
	// handled for one neighbour: 240 and 2,400. Bursts may have as many at once.
	PeerWrites, PeerReads int
}

// Events are functions that a Directory calls on the node's loop. Any may be nil.
type Events struct {
	// Lost: a name that this node keeps fresh belongs to another key now, by the
	// word of a majority: two claims met after a partition, and ours was the
	// weaker. The name is kept fresh no longer.
	Lost func(name Name, own, rival peer.Key)
	// Refreshed: a refresh ended. On success rec is what the ring has now, which
	// may be newer than what was given to Keep (another device changed it).
	Refreshed func(name Name, rec *Record, err error)
}

// Table is where records are kept in the store.
const Table store.Table = "directory"

// Default returns a Config with all numbers set.
func Default() Config {
	const day = 24 * time.Hour
	return Config{
		Replicas: 5, Refresh: day, Lapse: 180 * day, Hold: 180 * day, Tentative: 10 * time.Second,
		Sync: 10 * time.Minute, Skew: day, Ask: 5 * time.Second, Patience: 20 * time.Second,
		CacheFor: time.Minute, CacheSize: 1024,
		MaxRecords: 10_000, MaxPerIdentity: 32, MaxPerPeer: 256, MaxTasks: 256, PeerWrites: 240, PeerReads: 2400,
	}
}

// Validate returns an error that names the first setting out of its range.
func (c *Config) Validate() error {
	switch {
	case c.Signer == nil || c.Verifier == nil || c.Certificate == nil || c.Store == nil:
		return fmt.Errorf("directory: Signer, Verifier, Certificate and Store must be set")
	case c.Replicas < 1 || c.Replicas > record.MaxReplicas:
		return fmt.Errorf("directory: Replicas is %d, want 1 to %d", c.Replicas, record.MaxReplicas)
	}
	for _, d := range []struct {
		name       string
		v, min, to time.Duration
	}{
		{"Refresh", c.Refresh, time.Minute, c.Lapse / 2},
		{"Lapse", c.Lapse, time.Hour, 10 * 365 * 24 * time.Hour},
		{"Hold", c.Hold, 0, 10 * 365 * 24 * time.Hour},
		{"Tentative", c.Tentative, time.Second, 10 * time.Minute},
		{"Sync", c.Sync, time.Second, 24 * time.Hour},
		{"Skew", c.Skew, time.Minute, c.Lapse / 2},
		{"Ask", c.Ask, 100 * time.Millisecond, time.Minute},
		{"Patience", c.Patience, c.Ask, 10 * time.Minute},
		{"CacheFor", c.CacheFor, 0, 24 * time.Hour},
	} {
		if d.v < d.min || d.v > d.to {
			return fmt.Errorf("directory: %s is %s, want %s to %s", d.name, d.v, d.min, d.to)
		}
	}
	for _, n := range []struct {
		name string
		v    int
	}{
		{"CacheSize", c.CacheSize}, {"MaxRecords", c.MaxRecords}, {"MaxPerIdentity", c.MaxPerIdentity},
		{"MaxPerPeer", c.MaxPerPeer}, {"MaxTasks", c.MaxTasks}, {"PeerWrites", c.PeerWrites}, {"PeerReads", c.PeerReads},
	} {
		if n.v < 1 || n.v > 1_000_000 {
			return fmt.Errorf("directory: %s is %d, want 1 to 1000000", n.name, n.v)
		}
	}
	return nil
}

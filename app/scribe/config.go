package scribe

import (
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
)

// Config of a Scribe. Default gives all numbers.
type Config struct {
	Ring     id.Hash
	Verifier peer.Verifier
	Events   Events
	// Store is where what this node keeps for others is written down, so that it is there
	// after a restart of all who keep it (package shelf). nil: it is in memory only.
	Store store.Store

	// Replicas is how many nodes keep a group's charter and history, the root among them: 5.
	// The same in all nodes of a ring, and less than half of a leaf set, or roots would not know
	// them all.
	Replicas int
	// MaxChildren is how many children a node has in one group: 64. A newcomer that is one
	// too many goes to one of them, or the farthest of them goes.
	MaxChildren int
	// MaxGroups is how many groups a node keeps or forwards: 10,000. MaxPerPeer is in how
	// many of them one neighbour is its child: 1,000.
	MaxGroups, MaxPerPeer int
	// MaxBytes is how many bytes of messages are kept of one group: 4 MiB.
	MaxBytes int
	// MaxTotal is how many bytes of messages are kept of all groups together: 64 MiB. If it is
	// too little, the groups that have most keep less of what is old.
	MaxTotal int
	// Buffer is how many messages a node keeps that only forwards, and BufferFor how long:
	// 1,000 and 10 minutes.
	Buffer    int
	BufferFor time.Duration
	// Beat is the time from a message to the first heartbeat after it: 1 s. It doubles up
	// to MaxBeat: 60 s.
	Beat, MaxBeat time.Duration
	// Ask bounds a question to one node: 2 s.
	Ask time.Duration
	// Patience bounds a Join, a Create, and how long a message waits for the root: 60 s.
	Patience time.Duration
	// Gather is how long messages wait at most to be signed together: 5 ms.
	Gather time.Duration
	// Collapse is how long a node stays between one child and its parent that is no member
	// itself: 1 min. 0 lets it stay for ever.
	Collapse time.Duration
	// Lapse is how long a group is kept in which nothing happens: 7 days.
	Lapse time.Duration
	// PeerAsks and PeerFlow are the numbers of questions, and of messages on their way, that
	// are handled of one neighbour in a minute: 3,000 and 300,000. PeerNew is into how many
	// groups that this node does not know it may ask its way in a minute: 600.
	PeerAsks, PeerFlow, PeerNew int
}

// Events are functions that a Scribe calls on the node's loop. Any may be nil.
type Events struct {
	// Swallowed: a parent did not hand on messages that others have. This node has left it
	// for another one.
	Swallowed func(group id.Hash, parent *peer.Handle)
	// Unwritten: something could not be written down, or read at the start, which is tried again
	// for Patience.
	Unwritten func(error)
	// Flooded: a parent sent forged messages, or the same ones again and again, or far too many
	// heartbeats. This node has left it for another one.
	Flooded func(group id.Hash, parent *peer.Handle)
	// Reordered: of what a parent handed on, far too much came after what it should have come
	// before. This node has left it for another one.
	Reordered func(group id.Hash, parent *peer.Handle)
}

// Default returns a Config with all numbers set.
func Default() Config {
	return Config{
		Replicas: 5, MaxChildren: 64, MaxGroups: 10_000, MaxPerPeer: 1000, MaxBytes: 4 << 20, MaxTotal: 64 << 20,
		Buffer: 1000, BufferFor: 10 * time.Minute, Beat: time.Second, MaxBeat: time.Minute,
		Ask: 2 * time.Second, Patience: time.Minute, Gather: 5 * time.Millisecond, Collapse: time.Minute, Lapse: 7 * 24 * time.Hour,
		PeerAsks: 3000, PeerFlow: 300_000, PeerNew: 600,
	}
}

// Validate returns an error that names the first setting out of its range.
func (c *Config) Validate() error {
	if c.Verifier == nil {
		return fmt.Errorf("scribe: Verifier must be set")
	}
	for _, n := range []struct {
		name       string
		v, min, to int
	}{
		{"Replicas", c.Replicas, 1, 9}, {"MaxChildren", c.MaxChildren, 2, 1024}, {"MaxGroups", c.MaxGroups, 1, 1_000_000},
		{"MaxPerPeer", c.MaxPerPeer, 1, 1_000_000}, {"MaxBytes", c.MaxBytes, 1 << 16, 1 << 30}, {"MaxTotal", c.MaxTotal, 1 << 16, 1 << 40}, {"Buffer", c.Buffer, 1, 4096},
		{"PeerAsks", c.PeerAsks, 1, 10_000_000}, {"PeerFlow", c.PeerFlow, 1, 10_000_000}, {"PeerNew", c.PeerNew, 1, 10_000_000},
	} {
		if n.v < n.min || n.v > n.to {
			return fmt.Errorf("scribe: %s is %d, want %d to %d", n.name, n.v, n.min, n.to)
		}
	}
	for _, d := range []struct {
		name       string
		v, min, to time.Duration
	}{
		{"BufferFor", c.BufferFor, time.Minute, 24 * time.Hour}, {"Beat", c.Beat, 10 * time.Millisecond, c.MaxBeat},
		{"MaxBeat", c.MaxBeat, 10 * time.Millisecond, 5 * time.Minute}, {"Ask", c.Ask, 100 * time.Millisecond, time.Minute},
		{"Patience", c.Patience, c.Ask, time.Hour}, {"Gather", c.Gather, 0, time.Second}, {"Collapse", c.Collapse, 0, 24 * time.Hour}, {"Lapse", c.Lapse, time.Hour, 365 * 24 * time.Hour},
	} {
		if d.v < d.min || d.v > d.to {
			return fmt.Errorf("scribe: %s is %s, want %s to %s", d.name, d.v, d.min, d.to)
		}
	}
	return nil
}

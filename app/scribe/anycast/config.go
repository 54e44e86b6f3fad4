package anycast

import (
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Tree is what a walk asks of the groups' trees; *scribe.Scribe has it.
type Tree interface {
	// Neighbours are those next to this node in a group's tree.
	Neighbours(group id.Hash) scribe.Neighbours
}

// Config of an Anycast. Default gives all numbers.
type Config struct {
	Ring     id.Hash
	Verifier peer.Verifier
	Tree     Tree

	// MaxSteps is over how many links one walk may go: 20,000, for groups of nearly 10,000
	// nodes of which nobody is willing.
	MaxSteps int
	// Silence is how long a walk is waited for from which nothing is heard: 3 s. It doubles
	// with each walk for one item.
	Silence time.Duration
	// Ask bounds a question of a willing member to the asker: 2 s. It is asked three times.
	Ask time.Duration
	// Patience bounds an anycast: 2 min.
	Patience time.Duration
	// Remember is how many items, and for how long, a member remembers that it was willing to
	// take and an asker that it granted: 4,096 and 10 min.
	Remember    int
	RememberFor time.Duration
	// PeerStarts is how many walks a minute begin at this node that one neighbour brings, and
	// PeerSteps how many are taken over from one neighbour in the tree, with answers: 3,000 and
	// 60,000.
	PeerStarts, PeerSteps int
}

// Default returns a Config with all numbers set.
func Default() Config {
	return Config{MaxSteps: 20_000, Silence: 3 * time.Second, Ask: 2 * time.Second, Patience: 2 * time.Minute,
		Remember: 4096, RememberFor: 10 * time.Minute, PeerStarts: 3000, PeerSteps: 60_000}
}

// Validate returns an error that names the first setting out of its range.
func (c *Config) Validate() error {
	if c.Verifier == nil || c.Tree == nil {
		return fmt.Errorf("anycast: Verifier and Tree must be set")
	}
	for _, n := range []struct {
		name       string
		v, min, to int
	}{
		{"MaxSteps", c.MaxSteps, 1, maxSteps}, {"Remember", c.Remember, 1, 1_000_000},
		{"PeerStarts", c.PeerStarts, 1, 10_000_000}, {"PeerSteps", c.PeerSteps, 1, 10_000_000},
	} {
		if n.v < n.min || n.v > n.to {
			return fmt.Errorf("anycast: %s is %d, want %d to %d", n.name, n.v, n.min, n.to)
		}
	}
	for _, d := range []struct {
		name       string
		v, min, to time.Duration
	}{
		{"Silence", c.Silence, 100 * time.Millisecond, time.Minute}, {"Ask", c.Ask, 100 * time.Millisecond, time.Minute},
		{"Patience", c.Patience, c.Silence, time.Hour}, {"RememberFor", c.RememberFor, MaxAge, 24 * time.Hour},
	} {
		if d.v < d.min || d.v > d.to {
			return fmt.Errorf("anycast: %s is %s, want %s to %s", d.name, d.v, d.min, d.to)
		}
	}
	return nil
}

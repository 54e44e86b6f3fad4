package topic

import (
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
)

// Config is what Topics need. Fill in what Default leaves empty.
type Config struct {
	Ring      id.Hash
	Scribe    *scribe.Scribe
	Directory *directory.Directory
	// Store keeps the charters of topics whose owners live on this node, in Table.
	Store store.Store
	// Signers are the keys of those who live on this node: their topics are kept alive. It is
	// called on the loop.
	Signers func() []peer.Signer

	// MaxOwned is how many topics of those who live here are kept: 1,000.
	MaxOwned int
	// MaxReaders is how many subscriptions there are to one topic on this node: 1,000.
	MaxReaders int
	// MaxKept is how many bytes of a topic's messages are held ready for further readers of
	// this node: 4 MiB.
	MaxKept int
	// PeerAsks is how many questions about trees one neighbour may ask in a minute: 3,000.
	PeerAsks int
}

// Table is where charters are kept in the store.
const Table store.Table = "topic"

// Default returns a Config with all numbers set.
func Default() Config {
	return Config{MaxOwned: 1000, MaxReaders: 1000, MaxKept: 4 << 20, PeerAsks: 3000}
}

// Validate returns an error that names the first setting that is missing or out of its range.
func (c *Config) Validate() error {
	if c.Scribe == nil || c.Directory == nil || c.Store == nil || c.Signers == nil {
		return errors.New("topic: Scribe, Directory, Store and Signers must be set")
	}
	for _, n := range []struct {
		name    string
		v, most int
	}{{"MaxOwned", c.MaxOwned, 1_000_000}, {"MaxReaders", c.MaxReaders, 1_000_000}, {"MaxKept", c.MaxKept, 1 << 30}, {"PeerAsks", c.PeerAsks, 10_000_000}} {
		if n.v < 1 || n.v > n.most {
			return fmt.Errorf("topic: %s is %d, want 1 to %d", n.name, n.v, n.most)
		}
	}
	return nil
}

// What may go wrong, besides what directory and scribe name.
var (
	// ErrUnknown: there is no topic of this name, or nobody keeps it any more.
	ErrUnknown = errors.New("no such topic")
	// ErrOwner: the topic belongs to somebody else.
	ErrOwner = errors.New("the topic belongs to somebody else: ask its owner, or take another name")
	// ErrLimit: this node has as many topics, or readers of one, as it takes.
	ErrLimit = errors.New("this node has too many topics of its own, or readers of one: end some first")
)

package client

import (
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Client stores and reads objects, for tasks of one node.
type Client struct {
	// Repaired counts holders that gave an older version of a mutable object than is
	// current, and were given that one.
	Repaired uint64
	cfg      Config
	asker    *Asker
	ahead    supplies
	unused   unused
	tight    task.Instant // nothing is paid for ahead before
	company  company
	parcels  parcels
	searches []*search
}

// Config is what a Client needs: see past.Config.
type Config struct {
	Ring     id.Hash
	Verifier peer.Verifier
	Expelled func(node id.ID) bool
	Copies   int
	Patience time.Duration
	Salts    int // how many more salts a file is tried with where there is no room
	// Keep takes a large content over into the node's own store, which is no peer of
	// itself. Chunks are the hashes of its chunks.
	Keep func(size int64, chunks []byte, from task.Source, done func(error))
	// Own returns the chunks of a large object that this node keeps itself, or nil.
	Own func(object id.Hash) task.Source
	// Accounts pay for what is stored; nil: nobody pays.
	Accounts Accounts
	// Seen notes durably that this node has seen a version of a mutable object, and returns the
	// highest that it has. nil: it remembers nothing.
	Seen func(t *task.T, object id.Hash, s Sighting) (highest Sighting, err error)
	// Verified is told of each object that was stored or read, and how long ago what was read
	// left a holder.
	Verified func(c *certificate.Certificate, content []byte, age time.Duration)
}

// New returns a Client that asks through an Asker.
func New(c Config, a *Asker) *Client { return &Client{cfg: c, asker: a, ahead: make(supplies)} }

// work bounds each piece of work.
const work = 30 * time.Second

// expelled reports whether a receipt's holder is out.
func (cl *Client) expelled(r *certificate.Receipt) bool {
	return cl.cfg.Expelled != nil && cl.cfg.Expelled(r.Holder.Node)
}

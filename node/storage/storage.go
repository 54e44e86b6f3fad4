// Package storage is a node's part in the storage of its ring, for the people who run it: what it offers and keeps, what the
// ring gives its members, how accounts stand, whether what is kept can still be read, and how many copies there are.
package storage

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/home"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/records"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
)

// Config says for which node.
type Config struct {
	Store store.Store
	Home  *home.Home
	// Told is what the settings say that the node offers: bytes, or api.AutoOffer.
	Told int64
	// Scrub is how fast what is kept is read again; the zero value is the usual pace.
	Scrub store.Pace
	// CountGap is the shortest time between two counts of copies, however long they take; 0: 20 s, and
	// more after long ones.
	CountGap time.Duration
	// Here is what the node has of storage at its present place in a ring, or nil.
	Here func() *Here
	// Count counts the copies of what users store; nil if nobody does.
	Count func(context.Context) (*api.Copies, error)
	// Certificate is the node's, or nil. Authority is the key of the ring's authority, if it lies here.
	Certificate func() *peer.Certificate
	Authority   func() (peer.Signer, error)
	Log         *slog.Logger
}

// Storage is one node's part, wherever it is. Its methods may be called from any goroutine.
type Storage struct {
	cfg     Config
	records records.Records
	floor   atomic.Int64  // bytes that the store leaves free on its disk, whatever is offered; 0: not looked yet
	stored  chan struct{} // users have stored or removed something

	mu     sync.Mutex  // guards what follows
	scrub  scrubbing   // as it was after the last step
	copies *api.Copies // as counted last; nil: not yet
}

// New returns a part that does nothing by itself yet.
func New(c Config) *Storage {
	return &Storage{cfg: c, records: records.Records{Store: c.Store}, stored: make(chan struct{}, 1)}
}

// Here is what a node has of storage at one place in a ring. It is touched on the loop only.
type Here struct {
	storage *Storage
	ring    id.Hash
	past    *past.Past
	loop    loop.Loop
}

// At is the part at a place in a ring, where the loop runs from when it is first asked.
func (s *Storage) At(ring id.Hash, p *past.Past, l loop.Loop) *Here { return &Here{s, ring, p, l} }

// Loop is where the node runs.
func (h *Here) Loop() loop.Loop { return h.loop }

// Face is the part of api.Node that is about what a node offers and its ring gives.
type Face struct {
	// Storage is the node's part, once it is started.
	Storage func() *Storage
}

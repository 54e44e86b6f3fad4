package im

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// Deps is what the assembly gives to the room. All must be set. Store, Verifier and
// Sealer are used off the loop, by several at a time.
type Deps struct {
	Ring      id.Hash
	Store     store.Store
	Directory Directory
	Verifier  peer.Verifier
	Sealer    peer.Sealer
}

// IM is the room of one node. It implements kbr.App. All methods are called on the
// node's loop; those that take a task wait for disk or network.
type IM struct {
	cfg  Config
	deps Deps
	ep   kbr.Endpoint

	accounts  []*account // by key
	followers []follower
	follows   uint64
	waits     []*wait

	carrying int        // letters are being carried to so many devices
	idle     []*carrier // these wait for their turn
	taking   []id.ID    // bearers whose pushes are being taken in, one entry for each
	asked    throttle   // first contacts, by bearer and by identity
	proving  throttle   // names looked up for strangers
	tick     task.Timer
	ticking  bool
}

// New returns the room of a node that has no users yet.
func New(cfg Config, deps Deps) (*IM, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Store == nil || deps.Directory == nil || deps.Verifier == nil || deps.Sealer == nil || deps.Ring.IsZero() {
		return nil, errors.New("im: Ring, Store, Directory, Verifier and Sealer must be set")
	}
	return &IM{
		cfg: cfg, deps: deps,
		asked:   throttle{window: time.Hour, most: cfg.RequestsPerHour},
		proving: throttle{window: time.Minute, most: 1},
	}, nil
}

var _ kbr.App = (*IM)(nil)

// Start implements kbr.App.
func (m *IM) Start(ep kbr.Endpoint) {
	m.ep = ep
	for _, a := range m.accounts {
		a.open()
	}
}

// Deliver implements kbr.App. This protocol goes directly from node to node. What had
// to take the ring, past a link that does not work, may come from anybody: letters are
// believed for their signatures, and presence, which has none, is refused.
func (m *IM) Deliver(d *kbr.Delivery) {
	msg, err := messages.Decode(d.Payload)
	if err != nil {
		d.Refuse(refusedMalformed, "not a message of this protocol")
		return
	}
	_, letters := msg.(*push)
	if !d.Direct && (!letters || d.Broadcast || d.Key != m.ep.Self().ID) {
		d.Refuse(refusedRouted, "only letters for users of this node may take the ring")
		return
	}
	switch msg := msg.(type) {
	case *push:
		m.takePush(d, msg)
	case *ping:
		m.takePing(d, msg)
	case *bye:
		m.takeBye(d, msg)
	default:
		d.Refuse(refusedMalformed, "an answer to nothing")
	}
}

// Codes of refusals.
const (
	refusedMalformed uint16 = 1 + iota
	refusedRouted
)

// Update implements kbr.App: letters for a node that came back go at once.
func (m *IM) Update(n *peer.Handle, joined bool) {
	if joined {
		m.Nudge(n.ID)
	}
}

// Stop implements kbr.App: contacts are told.
func (m *IM) Stop() {
	m.tick.Stop()
	for _, a := range m.accounts {
		a.farewell()
		a.close()
	}
}

// random returns a number of 128 bits that was never there before.
func (m *IM) random() id.ID {
	r := m.ep.Rand()
	return id.ID{Hi: r.Uint64(), Lo: r.Uint64()}
}

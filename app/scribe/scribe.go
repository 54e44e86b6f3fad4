package scribe

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/limit"
	"github.com/phyllo-net/phyllo/app/scribe/history"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/app/scribe/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Scribe is the application of one node. Not for several goroutines at once: all is called
// on the node's loop.
type Scribe struct {
	cfg     Config
	ep      kbr.Endpoint
	groups  map[id.Hash]*group
	order   []*group // as they were made
	crowd   map[id.ID]int
	asks    limit.Rates
	flow    limit.Rates
	fresh   limit.Rates // of groups that this node does not know yet
	review  task.Timer
	number  uint64
	bytes   int                  // of the messages of all groups, and of some groups that are gone
	shelf   *shelf.Shelf         // nil: nothing is written down
	loading bool                 // what was written down is being read
	out     map[id.ID]*outbox    // what is to be asked at this moment
	asked   map[uint64]*question // what was asked in bundles, by its number
	stopped bool
	stats   Stats
}

var _ kbr.App = (*Scribe)(nil)

const (
	// tidyEvery is the time between two looks at what is needed no longer.
	tidyEvery = 20 * time.Second
	// settle is how long after a change of the leaf set roots are looked for: changes come
	// together.
	settle = 200 * time.Millisecond
)

// New returns a Scribe for one node. The error names a setting out of its range.
func New(c Config) (*Scribe, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Scribe{cfg: c, groups: make(map[id.Hash]*group), crowd: make(map[id.ID]int),
		out: make(map[id.ID]*outbox), asked: make(map[uint64]*question),
		asks: limit.New(c.PeerAsks), flow: limit.New(c.PeerFlow), fresh: limit.New(c.PeerNew)}, nil
}

// Start implements kbr.App.
func (s *Scribe) Start(ep kbr.Endpoint) {
	s.ep = ep
	s.tidyLater()
	if s.cfg.Store != nil {
		s.shelf, s.loading = shelf.New(s.cfg.Store, ep, s.cfg.Events.Unwritten), true
		ep.Go(s.restore, nil)
	}
}

// Stop implements kbr.App: children and parents need not wait for this node's death to be
// noticed.
func (s *Scribe) Stop() {
	s.stopped = true
	for _, g := range slices.Clone(s.order) {
		for _, c := range g.children {
			m := &msg.Leave{Group: g.id, Parent: true}
			if b := g.backupFor(c.node); b != nil {
				m.Nodes = []*peer.Handle{b}
			}
			s.send(c.node, m)
		}
		if g.parent != nil {
			s.leave(g.parent.node, g.id)
		}
	}
	if s.shelf != nil {
		s.shelf.Close()
	}
}

// Update implements kbr.App: this node may have become a root, or be one no longer.
func (s *Scribe) Update(*peer.Handle, bool) {
	s.review.Stop()
	s.review = s.ep.After(settle, func() {
		for _, g := range slices.Clone(s.order) {
			g.reviewRoot()
		}
	})
}

// Deliver implements kbr.App.
func (s *Scribe) Deliver(d *kbr.Delivery) {
	m, err := msg.Decode(d.Payload)
	if err != nil {
		refuse(d, msg.RefusedMalformed)
		return
	}
	if b, ok := m.(*msg.Bundle); ok {
		s.onBundle(d, b)
		return
	}
	s.handle(d, m)
}

// handle handles a message, or a question of a bundle.
func (s *Scribe) handle(d *kbr.Delivery, m wire.Message) {
	if rates := s.rates(m); d.Via.ID != s.ep.Self().ID && !rates.Take(d.Via.ID, s.ep.Now()) {
		refuse(d, msg.RefusedBusy)
		return
	}
	switch m := m.(type) {
	case *msg.Create:
		s.onCreate(d, m)
	case *msg.Publish:
		s.onPublish(d, m)
	case *msg.Heads:
		s.onHeads(d, m)
	case *msg.Fetch:
		s.onFetch(d, m)
	default:
		if !d.Direct { // who sent it is not known
			refuse(d, msg.RefusedMalformed)
			return
		}
		s.fromNeighbour(d, m)
	}
}

// fromNeighbour handles what only a node over its own link may say.
func (s *Scribe) fromNeighbour(d *kbr.Delivery, m wire.Message) {
	switch m := m.(type) {
	case *msg.Attach:
		s.onAttach(d, m)
	case *msg.Leave:
		s.onLeave(d, m)
	case *msg.Cast:
		s.onCast(d, m)
	case *msg.Beat:
		s.onBeat(d, m)
		d.Reply(msg.Encode(new(msg.Done)))
	case *msg.Keep:
		s.onKeep(d, m)
	case *msg.Answers:
		s.answered(d.Via.ID, kbr.Answer{From: d.Via}, m)
	default:
		refuse(d, msg.RefusedMalformed)
	}
}

func (s *Scribe) rates(m wire.Message) *limit.Rates {
	switch m.(type) {
	case *msg.Publish, *msg.Cast, *msg.Beat, *msg.Keep:
		return &s.flow
	}
	return &s.asks
}

// find returns a group, made now if this node does not know it; nil if it has too many.
func (s *Scribe) find(x id.Hash) *group {
	if g := s.groups[x]; g != nil {
		return g
	}
	if len(s.groups) >= s.cfg.MaxGroups {
		return nil
	}
	g := &group{s: s, id: x, key: x.Place(), avoid: make(map[id.ID]task.Instant), used: s.ep.Now(), quiet: s.cfg.Beat}
	g.hist = history.New(g.limits())
	g.hist.Gone = g.unkept
	s.groups[x] = g
	s.order = append(s.order, g)
	return g
}

// send tells a node something that needs no answer.
func (s *Scribe) send(to *peer.Handle, m wire.Message) { s.ep.Send(to, msg.Encode(m), nil) }

// leave tells a node that this one is no child of it.
func (s *Scribe) leave(to *peer.Handle, group id.Hash) {
	s.send(to, &msg.Leave{Group: group, Number: s.count()})
}

// stranger tells a node that it is no parent of this one, unless this node has just asked it
// to be.
func (s *Scribe) stranger(to *peer.Handle, group id.Hash) {
	if g := s.groups[group]; g == nil || g.asking == nil || g.asking.ID != to.ID {
		s.leave(to, group)
	}
}

// count returns a number that is higher than all before it, of this start of the node.
func (s *Scribe) count() uint64 {
	s.number = max(s.number+1, uint64(s.ep.Now()))
	return s.number
}

// ask asks a node and reads its answer.
func (s *Scribe) ask(t *task.T, to *peer.Handle, m wire.Message) (kbr.Answer, wire.Message, error) {
	a, err := kbr.CallPeer(t, s.ep, to, msg.Encode(m), kbr.Options{Timeout: s.cfg.Ask})
	return read(a, err)
}

// askWith is ask for an Attach or a Heads, which goes with others to the same node.
func (s *Scribe) askWith(t *task.T, to *peer.Handle, m wire.Message) (kbr.Answer, wire.Message, error) {
	a, err := task.Await(t, 2*s.cfg.Ask, func(resolve func(kbr.Answer, error)) { s.gather(to, m, resolve) })
	return read(a, err)
}

// askRoot asks the root of a group.
func (s *Scribe) askRoot(t *task.T, key id.ID, m wire.Message) (kbr.Answer, wire.Message, error) {
	a, err := kbr.Call(t, s.ep, key, msg.Encode(m), kbr.Options{Timeout: 3 * s.cfg.Ask, Straight: true})
	return read(a, err)
}

func read(a kbr.Answer, err error) (kbr.Answer, wire.Message, error) {
	if err != nil {
		return a, nil, err
	}
	m, err := msg.Decode(a.Payload)
	return a, m, err
}

func (s *Scribe) tidyLater() {
	s.ep.After(tidyEvery, func() {
		for _, g := range slices.Clone(s.order) {
			g.tidy()
		}
		s.tidyLater()
	})
}

// Groups returns the groups that this node has to do with, in the order in which it came
// to know them.
func (s *Scribe) Groups() []id.Hash {
	xs := make([]id.Hash, len(s.order))
	for i, g := range s.order {
		xs[i] = g.id
	}
	return xs
}

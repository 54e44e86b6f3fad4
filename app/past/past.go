package past

import (
	"errors"

	"github.com/phyllo-net/phyllo/app/limit"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Past is one node's part in the storage of a ring: it keeps replicas for others, and
// stores and reads for its own applications. All methods belong to the node's loop;
// those that take a *task.T wait.
type Past struct {
	cfg   Config
	ep    kbr.Endpoint
	shelf shelf
	// busy holds the objects that are being changed.
	busy locks

	loaded  bool // the index is read
	stopped bool
	upkeep
	offices
	life          uint64 // of the disk: drawn when it was empty
	reads, writes limit.Rates
	serving       int
	stats         Stats
}

var (
	_ kbr.App       = (*Past)(nil)
	_ kbr.Forwarder = (*Past)(nil)
)

// Stats counts what happened since the start.
type Stats struct {
	Objects  int    // kept now, reclaimed ones not counted
	Bytes    int64  // of their content
	BadInput uint64 // messages that made no sense, and signatures that were wrong
	Refused  uint64 // questions refused
	Receipts uint64 // given
	Copied   uint64 // replicas fetched from other holders
	Damaged  uint64 // objects of the own store that could not be read
}

// New returns a Past that is to be mounted on one node. The error is one of
// Config.Validate.
func New(c Config) (*Past, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Past{cfg: c, busy: make(locks), offices: offices{turns: make(locks), held: make(map[id.Hash]*office)}}, nil
}

// Start implements kbr.App.
func (p *Past) Start(ep kbr.Endpoint) {
	p.ep = ep
	p.reads, p.writes = limit.New(p.cfg.PeerReads), limit.New(p.cfg.PeerWrites)
	p.begin()
	ep.Go(p.load, nil)
}

// Stop implements kbr.App.
func (p *Past) Stop() { p.stopped = true }

// Stats returns the counters.
func (p *Past) Stats() Stats {
	s := p.stats
	s.Objects, s.Bytes = p.shelf.objects, p.shelf.bytes
	return s
}

// Deliver implements kbr.App.
func (p *Past) Deliver(d *kbr.Delivery) {
	m, err := table.Decode(d.Payload)
	if err != nil {
		var unknown *wire.UnknownKindError
		if !errors.As(err, &unknown) || !unknown.Skip {
			p.stats.BadInput++
		}
		d.Refuse(refusedMalformed, refusals[refusedMalformed])
		return
	}
	// What is asked of one node comes directly, or, if there is no link, routed to
	// its id.
	routed := false
	switch m.(type) {
	case *where, *get:
		routed = true
	}
	if !routed && !d.Direct && d.Key != p.ep.Self().ID || d.Broadcast {
		p.stats.BadInput++
		d.Refuse(refusedMalformed, "this is asked directly")
		return
	}
	p.serve(asker{node: d.Via.ID, origin: d.Direct}, m, func(m wire.Message, code uint16) {
		if code == 0 {
			d.Reply(encode(m))
			return
		}
		p.stats.Refused++
		d.Refuse(code, refusals[code])
	})
}

// Forward implements kbr.Forwarder: the first node with a replica answers a lookup
// (PAST, 2.2).
func (p *Past) Forward(t *kbr.Transit) bool {
	if t.Answer == nil || len(t.Payload) == 0 || wire.Kind(t.Payload[0]) != kindGet {
		return true
	}
	m, err := table.Decode(t.Payload)
	if err != nil {
		return true // the root says what is wrong
	}
	q := m.(*get)
	if e := p.shelf.find(q.Object); e == nil || e.gone || p.serving >= p.cfg.MaxTasks {
		return true
	}
	p.serve(asker{node: t.Via.ID}, q, func(m wire.Message, code uint16) {
		if code != 0 {
			m = &absent{}
		}
		t.Answer(encode(m))
	})
	return false
}

// asker is who asks: the authenticated neighbour, which is the origin itself or
// passed its question on.
type asker struct {
	node   id.ID
	origin bool
}

// reply answers a question, once: with a message, or with the code of a refusal.
type reply func(m wire.Message, code uint16)

// serve handles one question, of another node or of this one.
func (p *Past) serve(a asker, m wire.Message, answer reply) {
	rate := &p.reads
	switch m.(type) {
	case *put, *reclaim, *prepare, *accept, *update, *settle:
		rate = &p.writes
	}
	if a.node != p.ep.Self().ID && !rate.Take(a.node, p.ep.Now()) {
		answer(nil, refusedBusy)
		return
	}
	switch m := m.(type) {
	case *where:
		answer(p.onWhere(m))
	case *put:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onPut(t, m) })
	case *get:
		p.onGet(m, answer)
	case *reclaim:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onReclaim(t, m) })
	case *compare:
		answer(p.onCompare(a, m))
	case *strays:
		answer(p.onStrays(a, m))
	case *have:
		answer(p.onHave(m))
	case *prepare:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onPrepare(t, a, m) })
	case *accept:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onAccept(t, m) })
	case *update:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onUpdate(t, m) })
	case *settle:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onSettle(t, m) })
	default: // an answer that nobody asked for
		p.stats.BadInput++
		answer(nil, refusedMalformed)
	}
}

// work answers from a task, of which there are only so many at once.
func (p *Past) work(answer reply, f func(*task.T) (wire.Message, uint16)) {
	if p.serving >= p.cfg.MaxTasks {
		answer(nil, refusedBusy)
		return
	}
	p.serving++
	p.ep.Go(func(t *task.T) error {
		m, code := f(t)
		p.serving--
		answer(m, code)
		return nil
	}, nil)
}

// slack is how many places a node's view may differ from another's.
const slack = spare

// replicas returns the nodes nearest to a key, k and up to more besides, as far as this
// node can know them; nil if it cannot.
func (p *Past) replicas(key id.ID, k, more int) []*peer.Handle {
	for ; more >= 0; more-- { // at the edge of what this node knows there may be none to spare
		if set := p.ep.ReplicaSet(key, k+more); len(set) > 0 {
			return set
		}
	}
	return nil
}

// holder reports whether this node is among those that keep an object, or so near to
// them that it may be one in a moment.
func (p *Past) holder(key id.ID, k int) bool {
	return contains(p.replicas(key, k, slack), p.ep.Self().ID)
}

func contains(set []*peer.Handle, n id.ID) bool {
	for _, h := range set {
		if h.ID == n {
			return true
		}
	}
	return false
}

func (p *Past) onWhere(m *where) (wire.Message, uint16) {
	set := p.replicas(m.Key, int(m.Copies), spare)
	if len(set) == 0 {
		return nil, refusedNotHolder
	}
	return &nodes{Nodes: set}, 0
}

// encode is for messages within their limits, which fit.
func encode(m wire.Message) []byte {
	b, err := table.Encode(m)
	if err != nil {
		panic(err) // a bug: what is stored has limits far below a frame
	}
	return b
}

// expelled reports whether a receipt's holder is out.
func (p *Past) expelled(r *certificate.Receipt) bool {
	return p.cfg.Expelled != nil && p.cfg.Expelled(r.Holder.Node)
}

package past

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/limit"
	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/past/cache"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/dues"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/office"
	"github.com/phyllo-net/phyllo/app/past/turn"
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
	*client.Client // from Start on
	asker          *client.Asker
	cfg            Config
	ep             kbr.Endpoint
	shelf          shelf
	// busy holds the objects that are being changed.
	busy turn.Turns

	stopped bool
	upkeep
	offices *office.Offices
	// sittings are the roots of the objects that are kept here, and begun those of others that are to be made.
	sittings, begun office.Sittings
	larges
	copies
	lost          lost
	seen          seenIn
	life          uint64 // of the disk: drawn when it was empty
	reads, writes limit.Rates
	serving       int
	read          *cache.Recent[lastRead]
	stats         Stats
	accounts      *account.Accounts // nil: nobody pays
	dues          *dues.Desk        // of the accounts
	most          int64             // that this node has ever offered, in bytes
}

var (
	_ kbr.App       = (*Past)(nil)
	_ kbr.Forwarder = (*Past)(nil)
)

// Stats counts what happened since the start.
type Stats struct {
	Objects  int    // kept now, reclaimed ones not counted
	Pointers int    // of these: the replica lies at another node
	Bytes    int64  // of their content
	BadInput uint64 // messages that made no sense, and signatures that were wrong
	Refused  uint64 // questions refused
	Receipts uint64 // given
	Copied   uint64 // replicas fetched from other holders
	Damaged  uint64 // objects of the own store that could not be read as they were written
	Repaired uint64 // of these, also of earlier runs: there is a good one again
	Lost     int    // of these: there is none yet
	Unpaid   uint64 // objects that others wanted to be kept, and nobody had paid for

	Cached      int    // copies in the cache now
	CachedBytes int64  // of their content
	CacheHits   uint64 // lookups of others, and of this node, that a copy answered
	Pushed      uint64 // copies that this node pushed to a level
}

// New returns a Past that is to be mounted on one node. The error is one of
// Config.Validate.
func New(c Config) (*Past, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p := &Past{cfg: c, lost: newLost(), most: c.Capacity, busy: make(turn.Turns), sittings: make(office.Sittings), begun: make(office.Sittings), copies: newCopies(c.Cache), seen: make(seenIn), read: cache.NewRecent[lastRead](readSize),
		larges: larges{filling: make(turn.Turns), brought: make(map[id.Hash]id.Hash), tickets: make(map[id.Hash]*given), lodgings: make(map[id.Hash]*lodging)}}
	return p, p.openAccounts()
}

// Start implements kbr.App.
func (p *Past) Start(ep kbr.Endpoint) {
	p.ep = ep
	p.asker = client.NewAsker(ep, p.cfg.Ask, func(q wire.Message, answer client.Reply) {
		p.serve(asker{node: ep.Self().ID, origin: true}, q, answer)
	})
	if p.accounts != nil {
		p.dues = dues.New(ep, p.asker, p.accounts, p.cfg.Ask)
	}
	p.offices = office.New(office.Config{
		Skew: p.ahead(),
		Ring: p.cfg.Ring, Signer: p.cfg.Signer, Verifier: p.cfg.Verifier, Certificate: p.cfg.Certificate, Ask: p.cfg.Ask,
	}, ep, p.asker, bench{p})
	p.Client = client.New(client.Config{
		Ring: p.cfg.Ring, Verifier: p.cfg.Verifier, Expelled: p.cfg.Expelled, Copies: p.cfg.Copies, Patience: p.cfg.Patience,
		Salts: p.cfg.Diversion.Salts,
		Keep:  p.keepLarge, Own: p.own,
		Accounts: p.payers(), Seen: p.see,
		Verified: func(c *certificate.Certificate, content []byte, age time.Duration) {
			p.remember(c, content, age, ringLevel, true)
		},
	}, p.asker)
	p.reads, p.writes = limit.New(p.cfg.PeerReads), limit.New(p.cfg.PeerWrites)
	p.begin()
	ep.Go(p.load, nil)
}

// Stop implements kbr.App.
func (p *Past) Stop() { p.stopped = true }

// Stats returns the counters.
func (p *Past) Stats() Stats {
	s := p.stats
	if p.asker != nil {
		s.BadInput += p.asker.BadInput + p.offices.BadInput
	}
	s.Objects, s.Pointers, s.Bytes = p.shelf.objects, p.shelf.pointers, p.shelf.bytes
	s.Lost = len(p.lost.objects)
	if p.dues != nil {
		s.Unpaid = p.dues.Unpaid
	}
	s.Cached, s.CachedBytes = p.cache.Len(), p.cache.Used()
	return s
}

// Deliver implements kbr.App.
func (p *Past) Deliver(d *kbr.Delivery) {
	m, err := msg.Decode(d.Payload)
	if err != nil {
		var unknown *wire.UnknownKindError
		if !errors.As(err, &unknown) || !unknown.Skip {
			p.stats.BadInput++
		}
		d.Refuse(msg.RefusedMalformed, msg.Refusals[msg.RefusedMalformed])
		return
	}
	// What is asked of one node comes directly, or, if there is no link, routed to
	// its id.
	routed := false
	switch m.(type) {
	case *msg.Where, *msg.Get:
		routed = true
	}
	push, ok := m.(*msg.Copy)
	if many := ok && push.Level > 0; !routed && !many && !d.Direct && d.Key != p.ep.Self().ID || d.Broadcast != many {
		p.stats.BadInput++
		d.Refuse(msg.RefusedMalformed, "this is asked directly")
		return
	}
	p.serve(asker{node: d.Via.ID, from: d.Via, origin: d.Direct}, m, func(m wire.Message, code uint16) {
		if code == 0 {
			d.Reply(msg.Encode(m))
			return
		}
		p.stats.Refused++
		d.Refuse(code, msg.Refusals[code])
	})
}

// Forward implements kbr.Forwarder: the first node with a replica answers a lookup
// (PAST, 2.2).
func (p *Past) Forward(t *kbr.Transit) bool {
	if t.Answer == nil || len(t.Payload) == 0 || wire.Kind(t.Payload[0]) != msg.KindGet {
		return true
	}
	m, err := msg.Decode(t.Payload)
	if err != nil {
		return true // the root says what is wrong
	}
	q := m.(*msg.Get)
	e := p.shelf.find(q.Object)
	if e == nil {
		return !p.fromCache(t.Via, t.Claimed, q, t.Answer)
	}
	if e.gone || p.serving >= p.cfg.MaxTasks {
		return true
	}
	p.serve(asker{node: t.Via.ID}, q, func(m wire.Message, code uint16) {
		if code != 0 {
			m = &msg.Absent{}
		}
		if o, ok := m.(*msg.Object); ok && !q.Bare {
			p.outward(t.Via, t.Claimed, o.Cert, o.Content, 0, ringLevel)
		}
		t.Answer(msg.Encode(m))
	})
	return false
}

// asker is who asks: the authenticated neighbour, which is the origin itself or
// passed its question on.
type asker struct {
	node   id.ID
	from   *peer.Handle // nil: this node itself, or one on the way
	origin bool
}

// serve handles one question, of another node or of this one.
func (p *Past) serve(a asker, m wire.Message, answer client.Reply) {
	rate := &p.reads
	switch m.(type) {
	case *msg.Put, *msg.PutMany, *msg.Reclaim, *msg.Prepare, *msg.Accept, *msg.Update, *msg.Settle, *msg.Divert, *msg.Point, *msg.Copy, *msg.Offer, *msg.Keep:
		rate = &p.writes
	}
	if a.node != p.ep.Self().ID && !rate.Take(a.node, p.ep.Now()) {
		answer(nil, msg.RefusedBusy)
		return
	}
	switch m := m.(type) {
	case *msg.Where:
		answer(p.onWhere(m))
	case *msg.Put:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onPut(t, a, m) })
	case *msg.PutMany:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onPutMany(t, a, m) })
	case *msg.Fetch:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onFetch(t, a, m) })
	case *msg.Get:
		p.onGet(a, m, answer)
	case *msg.Reclaim:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onReclaim(t, m) })
	case *msg.Compare:
		answer(p.onCompare(a, m))
	case *msg.Strays:
		answer(p.onStrays(a, m))
	case *msg.Offer:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onOffer(t, a, m) })
	case *msg.WhoPays:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onWhoPays(t, m) })
	case *msg.Have:
		answer(p.onHave(a, m))
	case *msg.Room:
		answer(p.onRoom(a))
	case *msg.Copy:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onCopy(t, m) })
	case *msg.Divert:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onDivert(t, a, m) })
	case *msg.Point:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onPoint(t, a, m) })
	case *msg.Prepare:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onPrepare(t, a, m) })
	case *msg.Accept:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onAccept(t, m) })
	case *msg.Update:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onUpdate(t, m) })
	case *msg.Keep:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onKeep(t, a, m) })
	case *msg.Settle:
		p.work(answer, func(t *task.T) (wire.Message, uint16) { return p.onSettle(t, m) })
	default: // an answer that nobody asked for
		p.stats.BadInput++
		answer(nil, msg.RefusedMalformed)
	}
}

// work answers from a task, of which there are only so many at once.
func (p *Past) work(answer client.Reply, f func(*task.T) (wire.Message, uint16)) {
	if p.serving >= p.cfg.MaxTasks {
		answer(nil, msg.RefusedBusy)
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
const slack = client.Spare

// holder reports whether this node is among those that keep an object, or so near to
// them that it may be one in a moment.
func (p *Past) holder(key id.ID, k int) bool {
	return client.Contains(p.asker.Replicas(key, k, slack), p.ep.Self().ID)
}

func (p *Past) onWhere(m *msg.Where) (wire.Message, uint16) {
	set := p.asker.Replicas(m.Key, int(m.Copies), client.Spare)
	if len(set) == 0 {
		return nil, msg.RefusedNotHolder
	}
	return &msg.Nodes{Nodes: set}, 0
}

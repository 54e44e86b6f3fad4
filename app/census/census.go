package census

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/limit"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Config is what a Census needs. Fill in what Default leaves empty: Ring, Verifier, and
// People and Facts, which may be nil.
type Config struct {
	// Ring is the ring that records are signed for.
	Ring id.Hash
	// Verifier checks the records of a list, in Work.
	Verifier peer.Verifier
	// People lists the records that this node keeps; nil: it keeps none.
	People *directory.Directory
	// Facts returns what this node says of itself; nil, or an answer of nil: nothing.
	Facts func() *Facts

	// Patience bounds a question to the whole ring: 20 s.
	Patience time.Duration
	// PerOrigin, PerPeer and InAll are how many questions a minute are served: of those
	// that one node began (240), that one neighbour handed over (480), and of all (1,200).
	// Bursts may have as many at once. Own is how many this node begins: 30.
	PerOrigin, PerPeer, InAll, Own int
	// MaxServed is the number of questions served at once: 64.
	MaxServed int
}

// Default returns a Config with all numbers set.
func Default() Config {
	return Config{Patience: 20 * time.Second, PerOrigin: 240, PerPeer: 480, InAll: 1200, Own: 30, MaxServed: 64}
}

// Validate returns an error that names the first setting out of its range.
func (c *Config) Validate() error {
	if c.Verifier == nil {
		return fmt.Errorf("census: Verifier must be set")
	}
	if c.Patience < time.Second || c.Patience > maxTime {
		return fmt.Errorf("census: Patience is %s, want 1s to %s", c.Patience, maxTime)
	}
	for _, n := range []struct {
		name string
		v    int
	}{{"PerOrigin", c.PerOrigin}, {"PerPeer", c.PerPeer}, {"InAll", c.InAll}, {"Own", c.Own}, {"MaxServed", c.MaxServed}} {
		if n.v < 1 || n.v > 1_000_000 {
			return fmt.Errorf("census: %s is %d, want 1 to 1000000", n.name, n.v)
		}
	}
	return nil
}

// Census is the census' part on one node: it answers for this node and those that it is
// asked about, and asks for its own people. All methods belong to the node's loop.
type Census struct {
	cfg     Config
	ep      kbr.Endpoint
	origins limit.Rates
	peers   limit.Rates
	all     limit.Rates
	own     limit.Rates
	serving int
	stats   Stats
}

var _ kbr.App = (*Census)(nil)

// Stats counts what happened since the start.
type Stats struct {
	Asked    uint64 // questions of others served
	Refused  uint64 // questions above a limit
	BadInput uint64 // messages that made no sense, and records that nobody signed
	// Disbelieved answers said more than their range can hold.
	Disbelieved uint64
}

// Codes of refusals.
const (
	refusedMalformed = iota + 1
	refusedBusy
)

// ErrBusy: this node has begun too many questions in the last minute.
var ErrBusy = errors.New("this node has asked the whole ring too often: wait a minute")

// New returns a Census that is to be mounted on one node. The error is one of
// Config.Validate.
func New(c Config) (*Census, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Census{cfg: c, origins: limit.New(c.PerOrigin), peers: limit.New(c.PerPeer), all: limit.New(c.InAll), own: limit.New(c.Own)}, nil
}

// Start implements kbr.App.
func (c *Census) Start(ep kbr.Endpoint) { c.ep = ep }

// Stop implements kbr.App.
func (c *Census) Stop() {}

// Update implements kbr.App.
func (c *Census) Update(*peer.Handle, bool) {}

// Stats returns what happened since the start.
func (c *Census) Stats() Stats { return c.stats }

// Deliver implements kbr.App.
func (c *Census) Deliver(d *kbr.Delivery) {
	m, err := table.Decode(d.Payload)
	if _, here := m.(*there); err == nil && here && !d.Broadcast {
		d.Reply(d.Payload)
		return
	}
	q, ok := m.(*ask)
	if err != nil || !ok || d.Answer == nil || d.Broadcast || !d.Direct && d.Key != c.ep.Self().ID {
		var unknown *wire.UnknownKindError
		if !errors.As(err, &unknown) || !unknown.Skip {
			c.stats.BadInput++
		}
		d.Refuse(refusedMalformed, "not understood")
		return
	}
	if c.serving >= c.cfg.MaxServed || !c.mayAsk(d.Via.ID, q.Origin) {
		c.stats.Refused++
		d.Refuse(refusedBusy, "too many questions: ask later")
		return
	}
	c.stats.Asked++
	c.serving++
	g := &gather{c: c, ask: q, patience: time.Duration(q.Left) * time.Millisecond}
	g.done = func() {
		c.serving--
		b, err := table.Encode(&g.told)
		if err != nil {
			d.Refuse(refusedBusy, "the answer became too long")
			return
		}
		d.Reply(b)
	}
	g.begin(g.patience)
}

// mayAsk counts a question. Who invents origins is still bound by its own rate, and by
// that of all together.
func (c *Census) mayAsk(via, origin id.ID) bool {
	now := c.ep.Now()
	return c.peers.Take(via, now) && c.origins.Take(origin, now) && c.all.Take(id.ID{}, now)
}

// Answered says how many nodes an outcome rests on.
type Answered struct {
	Nodes int // that answered
	// About so many are in the ring: those that answered, those known not to have, and as
	// many as lie in ranges that nobody answered for, if they lie as close as elsewhere.
	About int
	// More: the list was cut at Query.Limit.
	More bool
}

// Count asks all nodes what they say of themselves. Errors: ErrBusy, task.ErrStopped.
func (c *Census) Count(t *task.T) (Sum, Answered, error) {
	r := c.newRound(nil)
	err := r.run(t, c.cfg.Patience)
	return r.g.told.Sum, r.answered(), err
}

// Query says which records a list is to have.
type Query struct {
	Pattern Pattern
	Limit   int // of records; 1 to MaxList
}

// MaxList is the most records of a list.
const MaxList = 100_000

// Users asks all nodes for the records of people, and calls each with those whose
// signatures are right, as they come: each name once, in no order. It ends early when each
// returns false. The records are shared: do not change them. It takes as long as records come, at most ten times Patience.
// Errors: ErrBusy, task.ErrStopped, or that of a limit or pattern out of its range.
func (c *Census) Users(t *task.T, q Query, each func([]*directory.Record) bool) (Answered, error) {
	if q.Limit < 1 || q.Limit > MaxList {
		return Answered{}, fmt.Errorf("census: a list of %d records, want 1 to %d", q.Limit, MaxList)
	}
	if err := q.Pattern.Check(); err != nil {
		return Answered{}, err
	}
	r := c.newRound(&wanted{Pattern: q.Pattern})
	r.each, r.limit = each, q.Limit
	err := r.run(t, min(10*c.cfg.Patience, maxTime))
	return r.answered(), err
}

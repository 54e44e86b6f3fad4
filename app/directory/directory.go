package directory

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/directory/msg"
	"github.com/phyllo-net/phyllo/app/limit"
	"github.com/phyllo-net/phyllo/app/rounds"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Directory is the directory's part on one node: it keeps records for others,
// reads them for its own applications, and refreshes those of its own people. All
// methods belong to the node's loop; those that take a *task.T wait.
type Directory struct {
	cfg   Config
	ep    kbr.Endpoint
	shelf shelf
	// recent are entries of shelf, and some that were there.
	recent recent
	// busy holds the names whose records are being changed.
	busy map[id.Hash]struct{}

	rounds  rounds.Rounds // in which the fellow holders are asked; begun when the index is read
	leaving bool
	near    []id.ID
	erased  quota

	secret  id.Hash
	nonces  uint64
	cache   cache
	owned   []*owned
	serving int
	reads   limit.Rates
	writes  limit.Rates
	stats   Stats
}

var _ kbr.App = (*Directory)(nil)

// Stats counts what happened since the start.
type Stats struct {
	Records   int    // kept now
	BadInput  uint64 // messages that made no sense
	Refused   uint64 // questions and claims refused
	Receipts  uint64 // given
	Conflicts uint64 // claims that lost against a stronger one here
	Damaged   uint64 // records of the own store that could not be read
}

// New returns a Directory that is to be mounted on one node. The error is one of
// Config.Validate.
func New(c Config) (*Directory, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Directory{cfg: c, busy: make(map[id.Hash]struct{}), cache: cache{size: c.CacheSize}}, nil
}

// Start implements kbr.App.
func (d *Directory) Start(ep kbr.Endpoint) {
	d.ep = ep
	d.secret = id.HashOf("directory nonces", d.cfg.Signer.Sign([]byte("phyllo directory nonces")))
	d.reads = limit.New(d.cfg.PeerReads)
	d.writes = limit.New(d.cfg.PeerWrites)
	d.rounds.Start(ep, d.cfg.Sync, d.syncRound)
	ep.Go(d.load, nil)
}

// Stop implements kbr.App. To hand records over, call Leave before.
func (d *Directory) Stop() { d.leaving = true }

// Update implements kbr.App: when those near change, so may what this node keeps.
func (d *Directory) Update(n *peer.Handle, _ bool) {
	before := slices.Clone(d.near)
	// Several may have gone at once: the first that is told of need not be near, and
	// then the others are not any more.
	if d.look(); !slices.Equal(before, d.near) || slices.Contains(d.near, n.ID) {
		d.rounds.Unsettle()
	}
}

// look remembers who is near: the nodes that keep something in common with this
// one, and one more on either side.
func (d *Directory) look() []*peer.Handle {
	near := d.neighbours()
	d.near = d.near[:0]
	for _, h := range near {
		d.near = append(d.near, h.ID)
	}
	return near
}

// neighbours returns the nearest nodes on either side, as many as there are holders of a
// key. The nearest on both sides together may all lie on one.
func (d *Directory) neighbours() []*peer.Handle {
	all, self, k := d.ep.NeighborSet(math.MaxInt), d.ep.Self().ID, d.cfg.Replicas
	slices.SortFunc(all, func(a, b *peer.Handle) int { return a.ID.Sub(self).Cmp(b.ID.Sub(self)) })
	if len(all) <= 2*k {
		return all
	}
	return slices.Concat(all[:k], all[len(all)-k:])
}

// Stats returns the counters.
func (d *Directory) Stats() Stats {
	s := d.stats
	s.Records = len(d.shelf.list)
	return s
}

// Deliver implements kbr.App.
func (d *Directory) Deliver(dl *kbr.Delivery) {
	m, err := msg.Messages.Decode(dl.Payload)
	if err != nil {
		var unknown *wire.UnknownKindError
		if !errors.As(err, &unknown) || !unknown.Skip {
			d.stats.BadInput++
		}
		dl.Refuse(msg.RefusedMalformed, "not understood")
		return
	}
	// What is asked of one node comes directly, or, if there is no link, routed to
	// its id.
	if _, routed := m.(*msg.Where); !routed && !dl.Direct && dl.Key != d.ep.Self().ID || dl.Broadcast {
		d.stats.BadInput++
		dl.Refuse(msg.RefusedMalformed, "this is asked directly")
		return
	}
	a := asker{node: dl.Via.ID, origin: dl.Direct}
	d.serve(a, m, func(m wire.Message, refused *kbr.RefusedError) {
		if refused == nil {
			b, err := msg.Messages.Encode(m)
			if err == nil {
				dl.Reply(b)
				return
			}
			refused = refuse(msg.RefusedFull)
		}
		d.stats.Refused++
		dl.Refuse(refused.Code, refused.Text)
	})
}

// asker is who asks: the authenticated neighbour, which is the origin itself or
// passed its question on.
type asker struct {
	node   id.ID
	origin bool
}

// reply answers a question, once.
type reply func(wire.Message, *kbr.RefusedError)

var refusals = map[uint16]string{
	msg.RefusedMalformed: "not understood",
	msg.RefusedBusy:      "busy, ask again",
	msg.RefusedUnsure:    "new here, ask again",
	msg.RefusedNotHolder: "not a keeper of this name",
	msg.RefusedLimit:     "too many names, or too fast",
	msg.RefusedClock:     "the record's time is not the time of day",
	msg.RefusedRecord:    "the record is not right",
	msg.RefusedStranger:  "for keepers only",
	msg.RefusedFull:      "no room",
}

func refuse(code uint16) *kbr.RefusedError {
	return &kbr.RefusedError{Code: code, Text: refusals[code]}
}

// serve handles one question, of another node or of this one.
func (d *Directory) serve(a asker, m wire.Message, answer reply) {
	rate := &d.reads
	switch m.(type) {
	case *msg.Put, *msg.Give, *msg.Lost:
		rate = &d.writes
	}
	if a.node != d.ep.Self().ID && !rate.Take(a.node, d.ep.Now()) {
		answer(nil, refuse(msg.RefusedBusy))
		return
	}
	switch m := m.(type) {
	case *msg.Where:
		answer(d.onWhere(m))
	case *msg.Read:
		d.onRead(a, m, answer)
	case *msg.Put:
		d.work(answer, func(t *task.T) (wire.Message, *kbr.RefusedError) { return d.onPut(t, a, m) })
	case *msg.List:
		answer(d.onList(a, m))
	case *msg.Fetch:
		d.work(answer, func(t *task.T) (wire.Message, *kbr.RefusedError) { return d.onFetch(t, a, m) })
	case *msg.Give:
		d.work(answer, func(t *task.T) (wire.Message, *kbr.RefusedError) { return d.onGive(t, a, m) })
	case *msg.Lost:
		d.onLost(m)
		answer(&msg.Given{}, nil)
	default: // an answer that nobody asked for
		d.stats.BadInput++
		answer(nil, refuse(msg.RefusedMalformed))
	}
}

// work answers from a task, of which there are only so many at once.
func (d *Directory) work(answer reply, f func(*task.T) (wire.Message, *kbr.RefusedError)) {
	if d.serving >= d.cfg.MaxTasks {
		answer(nil, refuse(msg.RefusedBusy))
		return
	}
	d.serving++
	d.ep.Go(func(t *task.T) error {
		m, refused := f(t)
		d.serving--
		answer(m, refused)
		return nil
	}, nil)
}

// holder reports whether this node is among those that keep a key, or so near to
// them that it may be one in a moment; n is the number of holders.
func (d *Directory) holder(key id.ID) (n int, ok bool) {
	set := d.ep.ReplicaSet(key, d.cfg.Replicas+slack)
	return min(len(set), d.cfg.Replicas), contains(set, d.ep.Self().ID)
}

// slack is how many places a node's view may differ from another's.
const slack = 2

// fellow reports whether a node is so near to a key that it may well keep it.
func (d *Directory) fellow(a asker, key id.ID) bool {
	return a.origin && contains(d.ep.ReplicaSet(key, 2*d.cfg.Replicas), a.node)
}

func contains(set []*peer.Handle, n id.ID) bool {
	for _, h := range set {
		if h.ID == n {
			return true
		}
	}
	return false
}

func (d *Directory) nonce() (n msg.Nonce) {
	d.nonces++
	h := id.HashOf("nonce", d.secret, d.nonces, int64(d.ep.Now()), d.ep.Rand().Uint64())
	copy(n[:], h[:])
	return n
}

// quota is how much of something may be done in an hour.
type quota struct {
	since task.Instant
	done  int
}

// left returns how much of limit is left in the hour that began at since.
func (q *quota) left(now task.Instant, limit int) int {
	if now.Sub(q.since) >= time.Hour {
		q.since, q.done = now, 0
	}
	return max(0, limit-q.done)
}

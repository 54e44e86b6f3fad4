package work

import (
	"slices"

	"github.com/phyllo-net/phyllo/app/limit"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Work is the application of one node. Not for several goroutines at once: all is called on
// the node's loop.
type Work struct {
	cfg  Config
	ep   kbr.Endpoint
	asks limit.Rates

	// What is offered here.
	queues []*queue
	items  map[id.Hash]*item
	bytes  int // of their contents
	seq    uint64
	lately lately // done a moment ago

	// What is taken here.
	posts    []*Post
	counters []*counter
	held     map[id.Hash]*holding
	order    []*holding // all of held, as they came
	reserved map[id.Hash]*reservation

	// What this node knows of who offers to topics whose root it is, or would be next: since when
	// it is in the ring.
	offerers register
	up       bool
	since    task.Instant
}

var _ kbr.App = (*Work)(nil)

// New returns Work for one node, which must run Config.Topics, Scribe and Anycast too. The
// error names a setting that is missing or out of its range.
func New(c Config) (*Work, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Work{cfg: c, asks: limit.New(c.PeerAsks), items: make(map[id.Hash]*item), lately: lately{known: make(map[id.Hash]bool)},
		held: make(map[id.Hash]*holding), reserved: make(map[id.Hash]*reservation),
		offerers: register{desks: make(map[id.Hash]*desk), told: make(map[teller]int)}}, nil
}

// Start implements kbr.App: what was queued before is offered again.
func (w *Work) Start(ep kbr.Endpoint) {
	w.ep = ep
	ep.Go(w.keep, nil)
	ep.Go(w.announce, nil)
}

// Stop implements kbr.App.
func (w *Work) Stop() {}

// Update implements kbr.App.
func (w *Work) Update(*peer.Handle, bool) {}

// Deliver implements kbr.App.
func (w *Work) Deliver(d *kbr.Delivery) {
	m, err := table.Decode(d.Payload)
	switch {
	case err != nil:
		refuse(d, refusedMalformed)
		return
	case !d.Direct && !routed(m), d.Via.ID != w.ep.Self().ID && !w.asks.Take(d.Via.ID, w.ep.Now()):
		refuse(d, refusedBusy) // who it is, is not known; or he asks too often
		return
	}
	switch m := m.(type) {
	case *hand:
		w.onHand(d, m)
	case *renew:
		w.onRenew(d, m)
	case *report:
		w.onReport(d, m)
	case *free:
		w.onFree(d, m)
	case *who:
		w.onWho(d, m)
	case *here:
		w.onHere(d, m)
	case *survey:
		w.onSurvey(d, m)
	default:
		refuse(d, refusedMalformed)
	}
}

// routed reports whether a message may come over other nodes: it changes nothing.
func routed(m wire.Message) bool {
	_, is := m.(*who)
	return is
}

func refuse(d *kbr.Delivery, code uint16) { d.Refuse(code, refusals[code]) }

// signer is the key of one who lives here; nil: he does not.
func (w *Work) signer(key peer.Key) peer.Signer {
	all := w.cfg.Signers()
	if i := slices.IndexFunc(all, func(x peer.Signer) bool { return x.Public() == key }); i >= 0 {
		return all[i]
	}
	return nil
}

// lately are the items that were done last: their takers may say so twice.
type lately struct {
	known map[id.Hash]bool
	order []id.Hash
}

// maxLately bounds them.
const maxLately = 4096

func (l *lately) add(x id.Hash) {
	if l.known[x] {
		return
	}
	if len(l.order) >= maxLately {
		delete(l.known, l.order[0])
		l.order = l.order[1:]
	}
	l.known[x] = true
	l.order = append(l.order, x)
}

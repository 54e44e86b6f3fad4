package account

import (
	"errors"

	"github.com/phyllo-net/phyllo/app/limit"
	"github.com/phyllo-net/phyllo/app/past/account/ledger"
	"github.com/phyllo-net/phyllo/app/past/account/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Accounts is one node's part in the accounts of a ring: it keeps those of its neighbours,
// spends from its own, and checks what others paid. All methods belong to the node's loop;
// those that take a *task.T wait.
type Accounts struct {
	cfg   Config
	ep    kbr.Endpoint
	books ledger.Ledgers

	stopped bool
	upkeep
	spending
	refunds
	judging
	views    map[id.ID]*view // of members' offers
	checked  map[id.Hash]*voucher.Debit
	around   map[id.ID]*circle
	disputes map[id.ID]*dispute
	// overdrafts are those that were found in the last round.
	overdrafts []Overdraft
	asks       limit.Rates
	serving    int
	stats      Stats
}

var _ kbr.App = (*Accounts)(nil)

// Stats counts what happened since the start.
type Stats struct {
	Accounts  int    // kept now
	Debits    int    // in them
	Votes     uint64 // given
	Over      uint64 // votes refused, as an account does not allow it
	Vouchers  uint64 // obtained
	Admitted  uint64 // payments of others that were good
	Denied    uint64 // payments of others that were not
	GivenBack uint64 // charges
	Proofs    uint64 // asked of members, and answered rightly
	Unproven  uint64 // answered wrongly
	Disputed  uint64 // accounts whose keepers were found not to agree: see Disputed
	BadInput  uint64 // messages that made no sense, and signatures that were wrong
	Refused   uint64 // questions refused
}

// New returns Accounts that are to be mounted on one node. The error is one of
// Config.Validate.
func New(c Config) (*Accounts, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Accounts{
		cfg: c, views: make(map[id.ID]*view), checked: make(map[id.Hash]*voucher.Debit), around: make(map[id.ID]*circle),
		disputes: make(map[id.ID]*dispute),
		refunds:  refunds{own: make(map[id.Hash][]ref)},
	}, nil
}

// Start implements kbr.App.
func (a *Accounts) Start(ep kbr.Endpoint) {
	a.ep = ep
	a.asks = limit.New(a.cfg.PeerAsks)
	a.looked = ep.Now()
	a.rounds.Start(ep, a.cfg.Sync, a.round)
	ep.Go(a.load, nil)
}

// Stop implements kbr.App.
func (a *Accounts) Stop() { a.stopped = true }

// Stats returns the counters.
func (a *Accounts) Stats() Stats {
	s := a.stats
	s.Accounts = len(a.books)
	for _, l := range a.books {
		s.Debits += len(l.List)
	}
	return s
}

// Deliver implements kbr.App. What is asked of one node comes directly, or, if there is no
// link, routed to its id.
func (a *Accounts) Deliver(d *kbr.Delivery) {
	m, err := msg.Table.Decode(d.Payload)
	if err != nil || !d.Direct && d.Key != a.ep.Self().ID || d.Broadcast {
		var unknown *wire.UnknownKindError
		if !errors.As(err, &unknown) || !unknown.Skip {
			a.stats.BadInput++
		}
		d.Refuse(msg.RefusedMalformed, msg.Refusals[msg.RefusedMalformed])
		return
	}
	from := d.Via.ID
	if !d.Direct {
		from = id.ID{} // the origin is a claim
	}
	if !a.asks.Take(d.Via.ID, a.ep.Now()) {
		d.Refuse(msg.RefusedBusy, msg.Refusals[msg.RefusedBusy])
		return
	}
	a.serve(from, m, func(m wire.Message, code uint16) {
		if code == 0 {
			d.Reply(encode(m))
			return
		}
		a.stats.Refused++
		d.Refuse(code, msg.Refusals[code])
	})
}

// reply answers a question, once: with a message, or with the code of a refusal.
type reply func(m wire.Message, code uint16)

// serve handles one question, of another node or of this one. from is the zero id if it is
// not known who asks.
func (a *Accounts) serve(from id.ID, m wire.Message, answer reply) {
	var f func(*task.T) (wire.Message, uint16)
	switch m := m.(type) {
	case *msg.List:
		answer(a.onList(from))
		return
	case *msg.Ask:
		answer(a.onAsk(m))
		return
	case *msg.Recall:
		answer(a.onRecall(m))
		return
	case *msg.Debit:
		f = func(t *task.T) (wire.Message, uint16) { return a.onDebit(t, m) }
	case *msg.Note:
		f = func(t *task.T) (wire.Message, uint16) { return a.onNote(t, from, m) }
	case *msg.Open:
		f = func(t *task.T) (wire.Message, uint16) { return a.onOpen(t, from, m) }
	case *msg.Credit:
		f = func(t *task.T) (wire.Message, uint16) { return a.onCredit(t, m) }
	case *msg.LetGo:
		f = func(t *task.T) (wire.Message, uint16) { return a.onLetGo(t, m) }
	case *msg.Verify:
		f = func(t *task.T) (wire.Message, uint16) { return a.onVerify(t, m) }
	case *msg.Show:
		f = func(t *task.T) (wire.Message, uint16) { return a.onShow(t, from, m) }
	default: // an answer that nobody asked for
		a.stats.BadInput++
		answer(nil, msg.RefusedMalformed)
		return
	}
	if !a.rounds.Begun() || a.stopped || a.serving >= a.cfg.MaxTasks {
		answer(nil, msg.RefusedBusy)
		return
	}
	a.serving++
	a.ep.Go(func(t *task.T) error {
		m, code := f(t)
		a.serving--
		answer(m, code)
		return nil
	}, nil)
}

// encode is for messages within their limits, which fit.
func encode(m wire.Message) []byte {
	b, err := msg.Table.Encode(m)
	if err != nil {
		panic(err) // a bug: what is sent has limits far below a frame
	}
	return b
}

// voters returns those who vote about a member's account, nearest first: the nodes nearest
// to it without the member itself, unless it is alone. Nil if this node cannot know.
func (a *Accounts) voters(member id.ID) []*peer.Handle {
	for n := a.cfg.Keepers + 1; n >= a.cfg.Keepers; n-- { // at the edge of what this node knows there may be one less
		set := a.ep.ReplicaSet(member, n)
		if len(set) > 0 {
			return without(set, member, a.cfg.Keepers)
		}
	}
	return nil
}

// without returns up to k of a set of nodes without a member, or the member if it is alone.
func without(set []*peer.Handle, member id.ID, k int) (voters []*peer.Handle) {
	for _, h := range set {
		if h.ID != member && len(voters) < k {
			voters = append(voters, h)
		}
	}
	if len(voters) == 0 {
		return set
	}
	return voters
}

// votes reports whether this node votes about a member's account.
func (a *Accounts) votes(member id.ID) bool { return contains(a.voters(member), a.ep.Self().ID) }

// keeps reports whether a node keeps a member's account, as far as this node can know.
func (a *Accounts) keeps(node, member id.ID) bool {
	return node == member || contains(a.voters(member), node)
}

func contains(set []*peer.Handle, n id.ID) bool {
	for _, h := range set {
		if h.ID == n {
			return true
		}
	}
	return false
}

func majority(n int) int { return n/2 + 1 }

// Package dues is what a holder wants to see before it keeps an object that a fellow holder
// has: what paid for it. A voucher is good for an hour and proves nothing later, as those who
// voted for it are others by then; but the charge stands in the account for as long as the
// object lives. So what goes with a replica is a slip, which names the charge, and whoever
// fetches the replica asks those who keep the account now, for many objects at once.
//
// Accounts can be lost, with all who kept them, while objects are there that they paid for; and
// an object may have been paid for twice, and its holders have slips of which one was given
// back. So an object is taken to be paid for, too, if so many of its other holders keep it and
// show slips that one of them is honest: that one has seen that it was.
//
// A fellow that has objects for which nobody paid, and the member whose they are, so get
// nobody else to keep them. Slips that are refused are remembered, so that a liar is asked
// once an hour.
package dues

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/msg"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Accounts is what is asked of the accounts: see package account, whose Accounts these are.
type Accounts interface {
	// Verify asks those who keep the accounts whether slips are true.
	Verify(t *task.T, slips []*voucher.Slip, timeout time.Duration) ([]voucher.Verdict, error)
	// Slips returns what paid for objects that are kept here, nil where that is not known.
	Slips(t *task.T, objects ...id.Hash) ([]*voucher.Slip, error)
}

const (
	// refusedFor is how long a fellow's unpaid object is not asked for again.
	refusedFor = time.Hour
	// maxRefused bounds the memory for that.
	maxRefused = 4096
)

// claim is one fellow's word that it keeps an object that was paid for.
type claim struct {
	fellow id.ID
	object id.Hash
}

// Desk is where a node looks at slips. Its methods belong to the node's loop.
type Desk struct {
	// Unpaid counts objects that were refused, as nobody paid for them.
	Unpaid uint64

	asker    *client.Asker
	accounts Accounts
	ep       kbr.Endpoint
	ask      time.Duration
	refused  map[claim]task.Instant
}

// New returns the desk of a node, which asks through an Asker, so long each time.
func New(ep kbr.Endpoint, a *client.Asker, accounts Accounts, ask time.Duration) *Desk {
	return &Desk{asker: a, accounts: accounts, ep: ep, ask: ask, refused: make(map[claim]task.Instant)}
}

// Refuse notes that a fellow's object is not paid for.
func (d *Desk) Refuse(fellow id.ID, o id.Hash) {
	d.Unpaid++
	if len(d.refused) >= maxRefused {
		clear(d.refused)
	}
	d.refused[claim{fellow, o}] = d.ep.Now()
}

// Refused reports whether a fellow's object was found unpaid a while ago.
func (d *Desk) Refused(fellow id.ID, o id.Hash) bool {
	at, was := d.refused[claim{fellow, o}]
	return was && d.ep.Now().Sub(at) < refusedFor
}

// Own returns what is written down here about an object, nil if nothing is. The error is
// task.ErrStopped, or the disk's.
func (d *Desk) Own(t *task.T, o id.Hash) (*voucher.Slip, error) {
	list, err := d.accounts.Slips(t, o)
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// Look asks a fellow what paid for objects, at most msg.MaxHave, and the accounts whether it
// is true. The error is task.ErrStopped.
func (d *Desk) Look(t *task.T, h *peer.Handle, objects ...id.Hash) ([]voucher.Bill, error) {
	m, err := d.asker.One(t, h, &msg.WhoPays{Objects: objects})
	if errors.Is(err, task.ErrStopped) {
		return nil, err
	}
	slips := shown(m, err, objects)
	if slips == nil {
		return make([]voucher.Bill, len(objects)), nil
	}
	bills, err := d.verify(t, slips, d.ask)
	if err != nil {
		return nil, err
	}
	for i := range bills {
		if s := bills[i].Slip; s != nil && bills[i].Verdict == voucher.Unpaid {
			_, shows, _, err := d.poll(t, objects[i], d.others(objects[i], int(s.Charge.Copies), 0))
			if err != nil {
				return nil, err
			}
			if witnesses(shows, int(s.Charge.Copies)) {
				bills[i].Verdict = voucher.Paid
			}
		}
	}
	return bills, nil
}

// others are an object's holders as far as they are known, without this node.
func (d *Desk) others(o id.Hash, k, more int) []*peer.Handle {
	return slices.DeleteFunc(slices.Clone(d.asker.Replicas(o.Place(), k, more)), func(h *peer.Handle) bool { return h.ID == d.ep.Self().ID })
}

// witnesses reports whether so many of k holders show slips that one of them is honest, as
// fewer than half lie; and never one alone.
func witnesses(shows, k int) bool { return shows >= max(2, (k-1)/2+1) }

// Verify asks the accounts whether slips are true, of which some may be nil: these are Unpaid.
// The error is task.ErrStopped.
func (d *Desk) Verify(t *task.T, slips ...*voucher.Slip) ([]voucher.Bill, error) {
	return d.verify(t, slips, d.ask)
}

func (d *Desk) verify(t *task.T, slips []*voucher.Slip, timeout time.Duration) ([]voucher.Bill, error) {
	bills := make([]voucher.Bill, len(slips))
	var some []*voucher.Slip
	for i, s := range slips {
		bills[i] = voucher.Bill{Slip: s, Verdict: voucher.Unpaid}
		if s != nil {
			some = append(some, s)
		}
	}
	if len(some) == 0 {
		return bills, nil
	}
	verdicts, err := d.accounts.Verify(t, some, timeout)
	if errors.Is(err, task.ErrStopped) {
		return nil, err
	}
	for i := range bills {
		if bills[i].Slip != nil {
			bills[i].Verdict = voucher.Unsure
			if err == nil {
				bills[i].Verdict, verdicts = verdicts[0], verdicts[1:]
			}
		}
	}
	return bills, nil
}

// shown are the slips in an answer, in the order of the objects; nil if there is none that
// makes sense. A slip for another object is none.
func shown(m wire.Message, err error, objects []id.Hash) []*voucher.Slip {
	p, ok := m.(*msg.Paying)
	if err != nil || !ok || len(p.Slips) != len(objects) {
		return nil
	}
	for i, s := range p.Slips {
		if s != nil && s.Charge.Object != objects[i] {
			p.Slips[i] = nil
		}
	}
	return p.Slips
}

// poll asks several nodes at once, in a hurry, for slips of one object. It returns the
// different ones, how many nodes show one, and how many said anything. The error is
// task.ErrStopped.
func (d *Desk) poll(t *task.T, o id.Hash, of []*peer.Handle) (slips []*voucher.Slip, shows, answers int, err error) {
	q := &msg.WhoPays{Objects: []id.Hash{o}}
	rs, err := task.Gather(t, d.hurry()+client.Grace, len(of), func(i int, resolve func(wire.Message, error)) {
		d.asker.AskFor(of[i], q, d.hurry(), resolve)
	}, nil)
	if err != nil {
		return nil, 0, 0, err
	}
	for _, r := range rs {
		some := shown(r.Value, r.Err, q.Objects)
		if some == nil {
			continue
		}
		answers++
		if s := some[0]; s != nil {
			if shows++; !has(slips, s) {
				slips = append(slips, s)
			}
		}
	}
	return slips, shows, answers, nil
}

// hurry is the time-out where somebody waits.
func (d *Desk) hurry() time.Duration { return d.ask / 5 }

// Seek asks an object's k holders, and a few more, for a slip, in a hurry: somebody waits. The
// verdict is Unpaid if no slip can be Paid; where too few answer it is Unsure. The error is
// task.ErrStopped.
func (d *Desk) Seek(t *task.T, o id.Hash, k int) (voucher.Bill, error) {
	of := d.others(o, k, client.Spare)
	slips, shows, answers, err := d.poll(t, o, of)
	if err != nil {
		return voucher.Bill{}, err
	}
	best := voucher.Bill{Verdict: voucher.Unpaid}
	if 2*answers <= len(of) {
		best.Verdict = voucher.Unsure
	}
	bills, err := d.verify(t, slips, d.hurry())
	if err != nil {
		return voucher.Bill{}, err
	}
	for _, b := range bills {
		switch {
		case b.Verdict == voucher.Paid, witnesses(shows, len(of)):
			return voucher.Bill{Slip: b.Slip, Verdict: voucher.Paid}, nil
		case b.Verdict == voucher.Unsure:
			best = b
		}
	}
	return best, nil
}

func has(slips []*voucher.Slip, s *voucher.Slip) bool {
	for _, x := range slips {
		if *x == *s {
			return true
		}
	}
	return false
}

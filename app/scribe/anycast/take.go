package anycast

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
)

// This file is the side of a member that is willing.

// Taker is what a member takes. Its functions are called on the node's loop.
type Taker struct {
	// Willing reports whether the member would take an item, and what it answers the asker
	// then, at most MaxAnswer bytes. From then on it counts on being granted the item, until
	// Decided says how it ended.
	Willing func(*Item) (answer []byte, willing bool)
	// Decided is called once for each item that the member was willing to take, with whether
	// it was granted. It may be nil.
	Decided func(item *Item, granted bool)
}

// tries is how often a willing member asks an asker that does not answer.
const tries = 3

// offer is an item that this node's member was willing to take.
type offer struct {
	item    *Item
	taker   *Taker
	answer  []byte
	left    int // tries
	asking  bool
	decided bool
}

// Take lets this node's member of a group take items, until stop is called or another Taker
// comes in its place. The node must be a member (Scribe.Join).
func (a *Anycast) Take(group id.Hash, t Taker) (stop func()) {
	if t.Willing == nil {
		panic("anycast: Take without Taker.Willing")
	}
	taker := &t
	a.takers[group] = taker
	return func() {
		if a.takers[group] == taker {
			delete(a.takers, group)
		}
	}
}

// offer asks this node's member whether it takes an item, and reports whether it counts as
// one more that is willing.
func (a *Anycast) offer(i *Item, c *msg.Charter) bool {
	t := a.takers[i.Group]
	if t == nil {
		return false
	}
	x := i.ID(a.cfg.Ring)
	if o := a.offers.known[x]; o != nil {
		o.left = tries
		a.ask(x, o) // it was willing before: the asker may not know it
		return false
	}
	if i.allowed(c, a.cfg.Ring, a.cfg.Verifier, a.ep.Wall()) != nil {
		a.stats.BadInput++
		return false
	}
	answer, ok := t.Willing(i)
	if !ok {
		return false
	}
	if len(answer) > MaxAnswer {
		panic("anycast: Taker.Willing answered more than MaxAnswer bytes")
	}
	o := &offer{item: i, taker: t, answer: answer, left: tries}
	a.offers.put(x, o, a.ep.Now())
	a.ask(x, o)
	return true
}

// ask asks the asker to grant an item.
func (a *Anycast) ask(x id.Hash, o *offer) {
	if o.asking || o.decided {
		return
	}
	o.asking = true
	o.left--
	a.ep.Ask(o.item.Asker, encode(&willing{Item: x, Answer: o.answer}), kbr.Options{Timeout: a.cfg.Ask}, func(answer kbr.Answer, err error) {
		o.asking = false
		a.answered(x, o, answer, err)
	})
}

// answered reads what the asker said.
func (a *Anycast) answered(x id.Hash, o *offer, answer kbr.Answer, err error) {
	var refused *kbr.RefusedError
	m, bad := table.Decode(answer.Payload)
	_, yes := m.(*grant)
	switch {
	case err == nil && bad == nil && yes && !answer.Relayed && answer.From.ID == o.item.Asker.ID:
		a.stats.Granted++
		o.decide(true)
	case errors.As(err, &refused) && refused.Code == refusedTaken, o.left <= 0, errors.Is(err, kbr.ErrStopped):
		o.decide(false)
	default:
		a.ep.After(a.cfg.Ask/2+time.Duration(a.ep.Rand().Int64N(int64(a.cfg.Ask))), func() { a.ask(x, o) })
	}
}

func (o *offer) decide(granted bool) {
	o.decided = true
	if o.taker.Decided != nil {
		o.taker.Decided(o.item, granted)
	}
}

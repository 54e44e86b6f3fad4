package work

import (
	"fmt"

	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
)

// This file is what the offerer's node hears of takers.

// taken lets a taker have an item for one lease.
func (q *queue) taken(it *item, by *peer.Handle) {
	w := q.w
	it.release()
	q.take(it)
	it.state, it.taker = Taken, by
	it.unwatch = w.ep.Watch(by, func(kbr.Down) { w.lapse(it, "the node that had it is gone") })
	w.renewed(it)
	it.tell(Event{State: Taken, Taker: by.ID})
}

// renewed begins a lease anew.
func (w *Work) renewed(it *item) {
	it.timer.Stop()
	it.timer = w.ep.After(w.cfg.Lease, func() { w.lapse(it, "nothing was heard of the node that had it") })
}

// lapse takes an item from a taker who has gone.
func (w *Work) lapse(it *item, why string) {
	if it.state != Taken {
		return
	}
	by := it.taker.ID
	it.Gone++
	if it.Gone >= maxGone {
		w.end(it, Failed, fmt.Sprintf("%d takers had it when they went: is it too much for them? The last time %s", it.Gone, why), nil)
		return
	}
	it.release()
	w.save(it)
	it.tell(Event{State: Queued, Again: true, Taker: by, Why: why})
	it.q.wake()
	it.q.put(it, true)
}

// holds returns the item of which a taker speaks, if he shows that he was given it.
func (w *Work) holds(d *kbr.Delivery, m *renew) *item {
	it := w.items[m.Item]
	if it == nil || m.Token != it.token(d.Via.ID) {
		return nil
	}
	return it
}

// onRenew hears that a taker is still at it. After a restart that is how it is known who has
// the item.
func (w *Work) onRenew(d *kbr.Delivery, m *renew) {
	it := w.holds(d, m)
	switch {
	case it == nil, it.state == Over, it.state == Taken && it.taker.ID != d.Via.ID:
		refuse(d, refusedGone)
		return
	case it.state == Taken && it.taker.Incarnation == d.Via.Incarnation:
		w.renewed(it)
	default:
		it.q.taken(it, d.Via)
	}
	d.Reply(encode(&yes{}))
}

// onReport hears what became of an item.
func (w *Work) onReport(d *kbr.Delivery, m *report) {
	it := w.holds(d, &renew{m.Item, m.Token})
	switch {
	case w.lately.known[m.Item] && (it == nil || it.state != Over):
		d.Reply(encode(&yes{}))
		return
	case it == nil || it.state == Over && it.Outcome != Done:
		refuse(d, refusedGone)
		return
	}
	q := it.q
	switch {
	case m.What == reportDone:
		it.taker = d.Via // whoever has it at this moment: the work is done
		w.end(it, Done, "", func(err error) {
			if err != nil {
				refuse(d, refusedBusy) // it must not come back after a restart
				return
			}
			d.Reply(encode(&yes{}))
		})
	case it.state == Taken && it.taker.ID == d.Via.ID:
		d.Reply(encode(&yes{}))
		if m.What == reportBack {
			w.lapse(it, "its taker has given it back")
		} else {
			w.failed(it, m.Why)
		}
	default: // it is offered already, or another has it
		d.Reply(encode(&yes{}))
	}
	if m.Free {
		q.met(d.Via.ID)
		q.next(d.Via)
	}
}

// failed offers an item again after a while, unless it has failed too often.
func (w *Work) failed(it *item, why string) {
	if it.Tries <= 1 {
		w.end(it, Failed, why, nil)
		return
	}
	by := it.taker.ID
	it.release()
	it.Tries--
	w.save(it)
	it.state = Queued
	it.tell(Event{State: Queued, Again: true, Taker: by, Why: why})
	it.timer = w.ep.After(min(againFirst<<min(it.fails, 10), againMost), func() { it.q.put(it, true) })
	it.fails++
}

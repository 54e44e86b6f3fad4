package work

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/anycast"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// This file is how takers are found for items.

const (
	// maxWalks is for how many items of a queue takers are looked for at once.
	maxWalks = 8
	// restFirst is how long a queue rests that has found no free taker. The time doubles, up to
	// restBusy if there are takers, and to restNone if there are none.
	restFirst = 250 * time.Millisecond
	restBusy  = 5 * time.Second
	restNone  = 10 * time.Second
	// goneFirst is when a topic that is not there is looked for again. The time doubles, up to goneMost.
	goneFirst = 10 * time.Second
	goneMost  = time.Hour
	// handTime bounds the question to a taker whether he has got an item.
	handTime = 5 * time.Second
	// maxLost is how many searches for an item may come to no end, if nobody wants to wait.
	maxLost = 3
	// maxTakers is how many takers a queue remembers, and maxAsked how many takers are asked to
	// tell when they have a free place.
	maxTakers = 256
	maxAsked  = 8
	// againFirst is how long after its first failure an item is offered again, and againMost how
	// long at most.
	againFirst = time.Second
	againMost  = time.Minute
)

// queue is what one key offers to one topic.
type queue struct {
	w       *Work
	name    topic.Name
	by      peer.Key
	group   id.Hash // zero until it is known
	open    int     // Offers
	items   []*item // all of them
	ready   []*item // those to be offered, the first first
	walks   int
	resting bool
	rested  task.Timer
	restFor time.Duration
	// takers are the nodes that were found to take items of this queue, the last ones.
	takers []id.ID
	// told says that the topic's root was told at toldAt that there are items here.
	told   bool
	toldAt task.Instant
	random bool
	gone   absence
}

// absence is what a queue knows of a topic that was not there when it was looked for last.
type absence struct {
	wait time.Duration // from then until it is looked for again; 0: it was there
	next task.Instant
}

// missing notes that the topic is not there. Of several who have looked for it one is counted.
func (q *queue) missing() {
	if now := q.w.ep.Now(); !now.Before(q.gone.next) {
		q.gone.wait = min(max(2*q.gone.wait, goneFirst), goneMost)
		q.gone.next = now.Add(q.gone.wait)
	}
}

// found notes that the topic is there, and ends the rest of a queue that waited for it.
func (q *queue) found() {
	if q.gone.wait > 0 {
		q.gone = absence{}
		q.wake()
		q.pump()
	}
}

// waitsForTopic reports whether the topic was not there, and is not looked for yet.
func (q *queue) waitsForTopic() bool { return q.w.ep.Now().Before(q.gone.next) }

// why is why an item is where it is, for people.
func (it *item) why() string {
	if g := it.q.gone; it.state == Queued && g.wait > 0 {
		return fmt.Sprintf("there is no such topic now; it is looked for again in %v", max(0, g.next.Sub(it.q.w.ep.Now())).Round(time.Second))
	}
	return it.Why
}

// queue returns what a key offers to a topic.
func (w *Work) queue(n topic.Name, by peer.Key) *queue {
	for _, q := range w.queues {
		if q.name == n && q.by == by {
			return q
		}
	}
	q := &queue{w: w, name: n, by: by}
	w.queues = append(w.queues, q)
	return q
}

// tidy forgets a queue that nobody needs.
func (w *Work) tidy(q *queue) {
	if q.open == 0 && len(q.items) == 0 {
		q.rested.Stop()
		w.queues = slices.DeleteFunc(w.queues, func(o *queue) bool { return o == q })
	}
}

// put makes an item ready to be offered: before all others, or after them. One that does not wait ends
// where the topic is gone: the queue may rest for an hour.
func (q *queue) put(it *item, first bool) {
	if q.resting && q.waitsForTopic() && !it.waits(q.w.ep.Now()) {
		q.w.end(it, None, noTakers, nil)
		return
	}
	it.state = Queued
	if first {
		// Several that were offered at once come back: they stay in their order.
		at := slices.IndexFunc(q.ready, func(o *item) bool { return o.Seq > it.Seq })
		if at < 0 {
			at = len(q.ready)
		}
		q.ready = slices.Insert(q.ready, at, it)
	} else {
		q.ready = append(q.ready, it)
	}
	q.pump()
}

// take takes an item out of those that are ready.
func (q *queue) take(it *item) {
	q.ready = slices.DeleteFunc(q.ready, func(o *item) bool { return o == it })
}

// pop takes the first item out.
func (q *queue) pop() *item {
	it := q.ready[0]
	q.ready = q.ready[1:]
	it.state = Offered
	return it
}

// pump looks for takers, unless the queue rests.
func (q *queue) pump() {
	most := maxWalks
	if q.gone.wait > 0 {
		most = 1 // the topic was not there: one search tells all whether it is
	}
	for !q.resting && q.walks < most && len(q.ready) > 0 {
		it := q.pop()
		q.walks++
		q.w.ep.Go(func(t *task.T) error { return q.offer(t, it) }, func(err error) {
			q.walks--
			if !errors.Is(err, task.ErrStopped) {
				q.pump()
			}
		})
	}
}

// rest lets the queue rest.
func (q *queue) rest(most time.Duration) {
	if q.resting {
		return
	}
	q.restFor = min(max(2*q.restFor, restFirst), most)
	q.pause(q.restFor)
}

func (q *queue) pause(d time.Duration) {
	q.resting = true
	q.rested = q.w.ep.After(d, func() {
		q.resting = false
		q.pump()
	})
}

// wake ends its rest, and lets the next one be short.
func (q *queue) wake() {
	q.rested.Stop()
	q.resting, q.restFor = false, 0
}

// offer looks for a taker for an item, and gives it to him. While it does so somebody may say
// that he has the item, or it may be withdrawn: then its state is another.
func (q *queue) offer(t *task.T, it *item) error {
	w := q.w
	signer := w.signer(q.by)
	if signer == nil {
		w.end(it, Failed, "its offerer does not live on this node any more", nil)
		return nil
	}
	to, err := q.search(t, signer, it.id, 1)
	unknown := errors.Is(err, topic.ErrUnknown)
	if unknown {
		q.missing()
	} else if err == nil || errors.Is(err, anycast.ErrNobody) {
		q.found()
	}
	switch {
	case errors.Is(err, task.ErrStopped):
		return err
	case it.state != Offered:
	case len(to) > 0:
		q.restFor = 0
		return q.give(t, it, to[0].Node)
	case unknown && it.waits(w.ep.Now()):
		if !q.resting {
			q.pause(q.gone.next.Sub(w.ep.Now()))
		}
		q.put(it, true)
		q.endUnwilling()
	case errors.Is(err, msg.ErrDenied), errors.Is(err, topic.ErrOwner):
		w.end(it, Failed, err.Error(), nil)
	case !errors.Is(err, anycast.ErrNobody) && !unknown:
		if it.lost++; it.lost >= maxLost && !it.waits(w.ep.Now()) {
			w.end(it, Failed, err.Error(), nil)
			return nil
		}
		q.rest(restBusy)
		q.put(it, true)
	default:
		return q.nobody(t, signer, it)
	}
	return nil
}

// settle is how long items wait for takers in any case, from when their program began to offer: who waits
// for a topic looks for it every two seconds.
const settle = 5 * time.Second

// waits reports whether an item waits for takers if there are none.
func (it *item) waits(now task.Instant) bool {
	return it.offers == nil || it.offers.o.Wait || now.Sub(it.offers.begun) < settle
}

// endUnwilling ends those that are ready and do not wait for a topic that is not there.
func (q *queue) endUnwilling() {
	for _, it := range slices.Clone(q.ready) {
		if !it.waits(q.w.ep.Now()) {
			q.w.end(it, None, noTakers, nil)
		}
	}
}

// noTakers is why an item ends that does not wait for takers.
const noTakers = "nobody takes items of this topic now"

// nobody tells takers who are busy from none at all.
func (q *queue) nobody(t *task.T, signer peer.Signer, it *item) error {
	busy, err := q.search(t, signer, id.Hash{}, maxAsked)
	switch {
	case errors.Is(err, task.ErrStopped):
		return err
	case it.state != Offered:
	case len(busy) > 0:
		q.found()
		for _, g := range busy {
			q.met(g.Node.ID)
		}
		q.rest(restBusy)
		q.put(it, true)
	case it.waits(q.w.ep.Now()):
		q.rest(restNone)
		q.put(it, true)
	default:
		q.w.end(it, None, noTakers, nil)
		if errors.Is(err, topic.ErrUnknown) {
			q.endUnwilling()
		}
	}
	return nil
}

// search asks the takers of a topic who would take an item, or, with the zero item, who is there.
func (q *queue) search(t *task.T, signer peer.Signer, item id.Hash, want int) ([]anycast.Granted, error) {
	w := q.w
	if q.group.IsZero() {
		group, err := w.cfg.Topics.Group(t, q.name, signer)
		if err != nil {
			return nil, err
		}
		q.group = group
	}
	found, err := w.cfg.Anycast.Anycast(t, q.group, encode(&notice{item}), anycast.Options{Signer: signer, Want: want})
	if errors.Is(err, anycast.ErrNoGroup) {
		if err = w.cfg.Topics.Revive(t, q.name, signer); err == nil {
			err = anycast.ErrNobody // of a topic that is new
		}
	}
	return found, err
}

// met remembers a taker.
func (q *queue) met(node id.ID) {
	if slices.Contains(q.takers, node) {
		return
	}
	if len(q.takers) >= maxTakers {
		q.takers = q.takers[1:]
	}
	q.takers = append(q.takers, node)
}

// give hands an item to a taker.
func (q *queue) give(t *task.T, it *item, to *peer.Handle) error {
	w := q.w
	q.met(to.ID)
	if err := w.out(t, it); err != nil {
		if it.state == Offered && !errors.Is(err, task.ErrStopped) {
			q.rest(restNone) // the disk is full, or fails
			q.put(it, true)
		}
		return err
	}
	if it.state != Offered {
		return nil
	}
	it.Had++ // also if he is not heard any more
	answer, err := kbr.CallPeer(t, w.ep, to, encode(&hand{Item: it.id, Group: q.group, Publisher: q.by, Token: it.token(to.ID),
		Before: it.Had - 1, Body: it.Body}), kbr.Options{Timeout: handTime})
	var refused *kbr.RefusedError
	if errors.As(err, &refused) {
		it.Had--
	}
	switch {
	case errors.Is(err, task.ErrStopped):
		return err
	case it.state != Offered:
	case err == nil && answer.From.ID == to.ID:
		q.taken(it, to)
	case refused != nil, errors.Is(err, kbr.ErrUnreachable):
		q.rest(restBusy)
		q.put(it, true)
	default: // he may have it: then he says so
		it.state = Queued
		it.timer = w.ep.After(w.cfg.Lease, func() { q.put(it, true) })
	}
	return nil
}

// next hands the next item to a taker who has a free place.
func (q *queue) next(to *peer.Handle) {
	if len(q.ready) == 0 || q.group.IsZero() {
		return
	}
	q.restFor = 0
	it := q.pop()
	q.w.ep.Go(func(t *task.T) error { return q.give(t, it, to) }, nil)
}

// onFree hears that a taker who was busy has a free place.
func (w *Work) onFree(d *kbr.Delivery, m *free) {
	for _, q := range w.queues {
		if q.group == m.Group && q.by == m.Publisher && slices.Contains(q.takers, d.Via.ID) {
			q.next(d.Via)
		}
	}
}

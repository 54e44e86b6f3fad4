package link

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
)

// far is what is known about one other node: its link if one stands, the attempt
// to make one, and what waits to be sent. mu guards all of it, and the sending
// half of the session.
type far struct {
	links *Links
	id    id.ID

	mu      sync.Mutex
	queue   queue
	live    *session // the link that stands or comes up
	try     *attempt
	want    *peer.Handle    // whom the owner sent to last
	fails   int             // attempts that failed in a row
	retryAt time.Time       // no attempt before, unless Connect asks
	waits   int64           // until then a pen alone writes, as the peer has held up who sent
	waiting []waiter        // calls of Connect
	ending  <-chan struct{} // closed when the attempt that was cancelled last is over
	tail    <-chan struct{} // closed when all events so far are told
	heardOf uint64          // an incarnation of the node,
	heard   uint64          // and the last of its attempts that was heard of
}

// attempt is one try to make a link.
type attempt struct {
	cancel context.CancelFunc
	now    chan struct{}   // closed by Connect: do not wait for the back-off
	over   chan struct{}   // closed when nothing of it goes on
	after  <-chan struct{} // it begins when this is closed; nil: at once
	urged  bool            // Connect has asked for it: now is closed, or it began without a wait
	dials  bool            // it waits for the back-off no more
	greets bool            // its hello is on its way
}

// waiter is a call of Connect.
type waiter struct {
	outcome chan error
	// late is the attempt that was under way already when the call came. That it fails
	// is no answer: it may have begun before the other node did.
	late *attempt
}

// send queues a frame. f is locked.
func (f *far) send(to *peer.Handle, c transport.Class, frame []byte) error {
	if s := f.live; s != nil {
		if to.Key != s.h.Key || to.Incarnation != 0 && to.Incarnation < s.h.Incarnation {
			// The one it is for has ended, or never was: the certificate proves
			// who bears this id.
			s.tellRefused(to)
			f.links.drop(1)
			return nil
		}
	} else {
		f.wish(to)
	}
	ok, dropped := f.queue.push(c, frame)
	f.links.drop(dropped)
	if !ok {
		f.links.drop(1)
		return transport.ErrFull
	}
	if s := f.live; s != nil {
		s.dash()
		s.pump()
	} else {
		f.dial()
	}
	return nil
}

// connect begins what Connect asks for, and returns where its outcome comes, or
// nil if it is known. f is locked.
func (f *far) connect(to *peer.Handle) (<-chan error, error) {
	if s := f.live; s != nil && s.up {
		if to.Key != s.h.Key {
			return nil, fmt.Errorf("%w: node %s has another key", transport.ErrOtherKey, to.ID.Short())
		}
		return nil, nil
	}
	w := waiter{outcome: make(chan error, 1)}
	if f.live == nil { // or it comes up at this moment
		f.wish(to)
		f.fails, f.retryAt = 0, time.Time{}
		w.late = f.urge()
	}
	f.waiting = append(f.waiting, w)
	return w.outcome, nil
}

// urge has the node dialled now, because somebody waits for it. An attempt that began
// for less gives way, as it may be stuck: but not one that was urged, or else who asks
// often would never get an answer. That one is returned. f is locked.
func (f *far) urge() (underWay *attempt) {
	switch t := f.try; {
	case t == nil:
	case t.greets, t.urged:
		return t
	case t.dials:
		f.cancel()
	default:
		close(t.now)
	}
	f.dial()
	if f.try != nil {
		f.try.urged = true
	}
	return nil
}

// cancel ends the attempt, if there is one. The next begins when it is over: a carrier
// that is to call an address twice at once may call it once. f is locked.
func (f *far) cancel() {
	if t := f.try; t != nil {
		t.cancel()
		f.try, f.ending = nil, t.over
	}
}

// wish notes whom to dial: whatever addresses the owner believes now, unless they are
// of an earlier incarnation. f is locked.
func (f *far) wish(to *peer.Handle) {
	w := f.want
	if w != nil && w.Key == to.Key && to.Incarnation < w.Incarnation {
		return
	}
	f.want = to
	if w == nil || to.Incarnation != w.Incarnation || to.Moves <= w.Moves {
		return
	}
	// It has moved: what is under way leads to where it was, and how often it was not
	// found there says nothing about the new place.
	f.fails, f.retryAt = 0, time.Time{}
	if f.try != nil && !f.try.greets {
		f.cancel()
	}
}

// dial starts an attempt if none is on its way. f is locked.
func (f *far) dial() {
	if f.try != nil {
		return
	}
	ctx, cancel := context.WithCancel(f.links.ctx)
	t := &attempt{cancel: cancel, now: make(chan struct{}), over: make(chan struct{}), after: f.ending}
	f.try = t
	fault := func() { f.failed(t, errPanic) }
	if !f.links.start("dial", func() { defer cancel(); f.attempt(ctx, t) }, fault) {
		cancel()
		f.try = nil
	}
}

// giveUp ends the attempt, if there is one, and tells those who wait for its
// outcome. f is locked.
func (f *far) giveUp(err error) {
	f.cancel()
	f.answer(nil, err)
}

// answer tells the calls of Connect how the attempt t ended, but those for whom that is
// no answer; nil: how it ended for all of them. f is locked.
func (f *far) answer(t *attempt, err error) {
	var others []waiter
	for _, w := range f.waiting {
		if t != nil && w.late == t {
			others = append(others, w)
			continue
		}
		w.outcome <- err
	}
	f.waiting = others
}

// failed ends the attempt t without a link: what waits is dropped, and the owner
// is told so.
func (f *far) failed(t *attempt, err error) {
	l := f.links
	f.mu.Lock()
	if f.try != t {
		f.mu.Unlock()
		return
	}
	f.try = nil
	if f.live != nil { // it was to be renewed, and goes on as it is
		f.mu.Unlock()
		l.log.Debug("a link stays on its relay", "to", f.id.Short(), "because", err)
		return
	}
	f.fails++
	f.retryAt = time.Now().Add(l.backoff(f.fails))
	f.answer(t, err)
	n, want := f.queue.clear(), f.want
	var before <-chan struct{}
	var after chan struct{}
	if n > 0 {
		before, after = f.turn()
	}
	if len(f.waiting) > 0 {
		f.fails, f.retryAt = 0, time.Time{}
		f.urge()
	}
	f.mu.Unlock()
	l.counts.failures.Add(1)
	l.drop(n)
	l.log.Debug("no link", "to", want.String(), "because", err)
	if n > 0 {
		defer close(after)
		await(before)
		l.event(func(e transport.Events) { e.Down(want, whyNot(l.carry, err)) })
	}
}

// turn puts the events of what begins now after those of what went before: the
// caller waits for before, tells its events, and closes after. f is locked.
func (f *far) turn() (before <-chan struct{}, after chan struct{}) {
	after = make(chan struct{})
	before, f.tail = f.tail, after
	return before, after
}

func await(c <-chan struct{}) {
	if c != nil {
		<-c
	}
}

// backoff is the time until the next attempt after so many that failed: doubling,
// a quarter more or less, so that many who lost one node do not return at once.
func (l *Links) backoff(fails int) time.Duration {
	d := l.limits.MaxBackoff
	if fails < 20 {
		d = min(d, l.limits.FirstBackoff<<(fails-1))
	}
	return d*3/4 + rand.N(d/2+1)
}

// forgettable reports whether nothing about the node is worth keeping; its
// back-off is not when there are too many. f is locked.
func (f *far) forgettable(now time.Time, many bool) bool {
	select {
	case <-f.tail:
	default:
		if f.tail != nil {
			return false // its last events are not told yet
		}
	}
	return f.live == nil && f.try == nil && f.queue.len() == 0 && len(f.waiting) == 0 &&
		(many || now.Sub(f.retryAt) > f.links.limits.MaxBackoff)
}

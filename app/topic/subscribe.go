package topic

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Event is what a subscriber is told, in its place: exactly one of its fields is set.
type Event struct {
	Message *scribe.Message
	Gap     *scribe.Gap // lost for good
	// Newer is a message of a form that this version does not know, without its body.
	Newer *scribe.Message
	// Ended: there comes nothing more; the reader may not be one any longer.
	Ended error
}

// Options of a subscription.
type Options struct {
	// By is who subscribes; nil: anybody, to a topic that all may read.
	By peer.Signer
	// Since asks for the messages of so much time before, and Last for so many at most; both
	// are bounded by what the topic keeps. Zero for both: only what comes from now on.
	Since time.Duration
	Last  int
	// Waiting is called again and again while there is no such topic, and reports whether to
	// wait on: what is published first is then read too. If it is nil that is ErrUnknown.
	Waiting func() bool
	// Begin, which may be nil, is called before the first event: from then on nothing is missed.
	Begin func()
	// Event is called on the node's loop with what there is to read. It must not wait.
	Event func(Event)
}

// Subscription is one reader of a topic on this node.
type Subscription struct {
	o Options
	h *hub
}

const (
	// again is how long to wait for a topic that is not there, before it is looked for again.
	again = 2 * time.Second
	// joinTime bounds the wait for another subscription of this node that is joining.
	joinTime = 3 * time.Minute
)

// Subscribe reads a topic from now on. When it returns nil the history that was asked for has
// been told, and all that is published from then on will be.
func (s *Topics) Subscribe(t *task.T, n Name, o Options) (*Subscription, error) {
	for {
		x, err := s.subscribe(t, n, o)
		if !errors.Is(err, ErrUnknown) || o.Waiting == nil || !o.Waiting() {
			return x, err
		}
		o.Since, o.Last = msg.MaxAge, 0 // all of it is new
		if err := t.Sleep(again - again/4 + time.Duration(s.ep.Rand().Int64N(int64(again/2)))); err != nil {
			return nil, err
		}
	}
}

func (s *Topics) subscribe(t *task.T, n Name, o Options) (*Subscription, error) {
	at, err := s.find(t, n)
	if err != nil {
		return nil, err
	}
	h, err := s.joined(t, at, o.By)
	switch {
	case err != nil:
		return nil, unknown(err)
	case len(h.readers) >= s.cfg.MaxReaders:
		return nil, ErrLimit
	case !h.allows(o.By):
		return nil, msg.ErrDenied
	}
	x := &Subscription{o, h}
	h.readers = append(h.readers, x)
	if o.Begin != nil {
		o.Begin()
	}
	for _, e := range h.history(o.Since, o.Last) {
		o.Event(e)
	}
	return x, nil
}

// joined returns this node's membership in a topic, once it has read what the topic keeps.
func (s *Topics) joined(t *task.T, at target, by peer.Signer) (*hub, error) {
	for {
		h := s.hub(at.group)
		switch {
		case h == nil:
			h = &hub{s: s, target: at}
			s.hubs = append(s.hubs, h)
			err := h.join(t, by)
			h.open(err)
			return h, err
		case h.opened:
			return h, nil
		}
		_, err := task.Await(t, joinTime, func(resolve func(struct{}, error)) {
			h.waiting = append(h.waiting, func(err error) { resolve(struct{}{}, err) })
		})
		if err != nil {
			return nil, err
		}
	}
}

// Close ends it. Nothing is told any more.
func (x *Subscription) Close() {
	x.h.readers = slices.DeleteFunc(x.h.readers, func(o *Subscription) bool { return o == x })
	x.h.closeIfIdle()
}

package pastry

import (
	"maps"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// request is a message of this node that has an outcome. A routed one goes to
// the root of key, a direct one (to is set) to a peer; both are sent again until
// an answer comes or the time is over.
type request struct {
	num      uint64
	key      id.ID
	to       *contact
	want     bool         // an application's answer; otherwise a receipt does
	find     bool         // the root's handle is all that is wanted
	only     bool         // only the node whose id is key may answer
	hint     *peer.Handle // first hop of the first attempt
	env      wire.Envelope
	opt      kbr.Options
	done     func(result)
	began    task.Instant
	deadline task.Timer
	retry    task.Timer
	attempt  int
	problem  error   // of the last attempt that failed with a reason
	firsts   []id.ID // the first hop of each attempt
}

// first returns the first hop of the attempt that an answer is for.
func (q *request) first(attempt uint8) id.ID {
	if i := int(attempt) - 1; i >= 0 && i < len(q.firsts) {
		return q.firsts[i]
	}
	return id.ID{}
}

type result struct {
	answer kbr.Answer
	err    error
}

// begin starts a request; done is called exactly once.
func (n *Node) begin(q *request) {
	if len(q.env.Payload) > wire.MaxPayload {
		n.After(0, func() { q.done(result{err: kbr.ErrTooLarge}) })
		return
	}
	if n.stopped {
		q.done(result{err: task.ErrStopped})
		return
	}
	q.num = n.Rand().Uint64() // who is not on the way must not guess it
	q.began = n.Now()
	limit := q.opt.Timeout
	if limit <= 0 {
		limit = kbr.DefaultTimeout
	}
	if n.requests == nil {
		n.requests = make(map[uint64]*request)
	}
	n.requests[q.num] = q
	q.deadline = n.After(limit, func() {
		err := q.problem
		if err == nil {
			err = kbr.ErrTimeout
		}
		n.finish(q.num, result{err: err})
	})
	n.attempt(q)
}

// attempt sends a request once, and plans the next attempt.
func (n *Node) attempt(q *request) {
	first := q.attempt == 0
	q.attempt++
	q.firsts = append(q.firsts, id.ID{})
	wait := n.cfg.RequestRetry << min(q.attempt-1, 3)
	switch {
	case q.to == nil:
	case q.to.prox == 0:
		wait /= 2 // a way of one link only, of unknown length
	default:
		// An answer takes work, too, unlike an acknowledgement.
		wait = max(4*2*time.Duration(q.to.prox)*time.Microsecond, n.cfg.HopFloor*3/2) << min(q.attempt-1, 4)
	}
	q.retry = n.After(wait, func() { n.attempt(q) })
	if q.to != nil && !first && q.to.life == alive && q.to.heard.Before(q.began) {
		n.probe(q.to) // an answer may take its time, a sign of life does not
	}
	switch {
	case q.to != nil && q.to.h.ID == n.self.ID:
		n.toSelf(q)
	case q.to != nil && n.direct(q):
		n.to(q.to, machine.ClassApp, &msg.Direct{Num: q.num, Want: q.want, Env: q.env, Acks: q.to.takeSeqs()})
	default:
		r := &msg.Routed{Key: q.key, Origin: n.self, Num: q.num, Attempt: uint8(q.attempt), Want: true,
			To: q.to != nil || q.only, Found: q.find, Receipt: q.to != nil && !q.want, Straight: q.opt.Straight, Env: q.env}
		if q.opt.Trace {
			r.Env.Flags |= wire.FlagTrace
		}
		if q.opt.Random || !first && n.cfg.Randomize {
			r.Env.Flags |= wire.FlagRandom
		}
		hint := q.hint
		q.hint = nil
		n.originate(r, hint, q.opt.AvoidFirst)
	}
}

// direct reports whether this attempt goes over a link of its own. When a direct
// attempt was lost twice, every second one goes through the ring: the link
// between the two may be all that is broken.
func (n *Node) direct(q *request) bool {
	if q.to.via() != nil || !q.to.usable() && q.to.life != suspect {
		return q.attempt%2 == 0 && !q.to.closed()
	}
	return q.attempt <= 2 || q.attempt%2 == 0
}

// toSelf delivers a message of this node to itself.
func (n *Node) toSelf(q *request) {
	d := &kbr.Delivery{Key: n.self.ID, Payload: q.env.Payload, Claimed: n.self, Via: n.self, Direct: true, Trace: q.env.Trace}
	ep := n.app(q.env.App)
	if ep == nil {
		n.After(0, func() { n.finish(q.num, result{err: kbr.ErrNoApp}) })
		return
	}
	from := n.self
	if q.want {
		d.Answer = once(func(p []byte, refused *kbr.RefusedError) {
			if refused != nil {
				n.finish(q.num, result{err: refused})
				return
			}
			n.finish(q.num, result{answer: kbr.Answer{Payload: p, From: from, RTT: n.Now().Sub(q.began)}})
		})
	} else {
		n.After(0, func() { n.finish(q.num, result{}) })
	}
	q.retry.Stop() // it cannot be lost
	n.After(0, func() { ep.app.Deliver(d) })
}

// once makes an answer function that works the first time only.
func once(f func([]byte, *kbr.RefusedError)) func([]byte, *kbr.RefusedError) {
	given := false
	return func(p []byte, e *kbr.RefusedError) {
		if !given {
			given = true
			f(p, e)
		}
	}
}

// finish ends a request with its only outcome.
func (n *Node) finish(num uint64, r result) {
	q := n.requests[num]
	if q == nil {
		return
	}
	if delete(n.requests, num); len(n.requests) == 0 {
		n.requests = nil
	}
	q.deadline.Stop()
	q.retry.Stop()
	q.done(r)
}

func (n *Node) requestNums() []uint64 { return slices.Sorted(maps.Keys(n.requests)) }

// takeReply takes an answer from c, which may be on its way back to another node.
func (n *Node) takeReply(c *contact, m *msg.Reply) {
	switch m.To {
	case id.ID{}:
		n.onReply(c, m, false)
	case n.self.ID:
		n.onReply(nil, m, true)
	default:
		n.passBack(m)
	}
}

// onReply takes an answer from c, or, routed, one that came through the ring.
func (n *Node) onReply(c *contact, m *msg.Reply, routed bool) {
	q := n.requests[m.Num]
	if q == nil {
		return // answered before, or given up
	}
	if q.to != nil && c != nil && c != q.to && m.Code != msg.ReplyAbsent && m.Code != msg.ReplyLoop && m.Code != msg.ReplyHopLimit && m.Code != msg.ReplyBusy {
		return // not from the one who was asked
	}
	err := replyError(m)
	switch m.Code {
	case msg.ReplyLoop, msg.ReplyHopLimit, msg.ReplyBusy, msg.ReplyAbsent:
		// A fault of the way, not an outcome: try another way soon.
		q.problem = err
		if q.only && m.Code == msg.ReplyAbsent && q.attempt > 2 {
			break
		}
		q.retry.Stop()
		q.retry = n.After(n.jitter(n.cfg.HopFloor)<<min(q.attempt, 5), func() { n.attempt(q) })
		return
	}
	if err != nil {
		n.finish(q.num, result{err: err})
		return
	}
	a := kbr.Answer{Payload: slices.Clone(m.Payload), First: q.first(m.Attempt), Hops: int(m.Hops), RTT: n.Now().Sub(q.began), Relayed: routed}
	switch {
	case c != nil:
		a.From = c.h
	case q.to != nil:
		a.From = q.to.h
	}
	if c == nil && m.From != nil {
		a.From = m.From
	}
	for _, t := range m.Trail {
		a.Path = append(a.Path, kbr.Hop{Node: t.Node, RTT: time.Duration(t.RTT) * time.Microsecond})
	}
	n.finish(q.num, result{answer: a})
}

func replyError(m *msg.Reply) error {
	switch m.Code {
	case msg.ReplyRefused:
		return &kbr.RefusedError{Code: m.App, Text: m.Text}
	case msg.ReplyNoApp:
		return kbr.ErrNoApp
	case msg.ReplyBusy:
		return kbr.ErrBusy
	case msg.ReplyLoop:
		return kbr.ErrLoop
	case msg.ReplyHopLimit:
		return kbr.ErrHopLimit
	case msg.ReplyAbsent:
		return kbr.ErrUnreachable
	}
	return nil
}

// answer sends the reply for a routed message to its origin: back over the links that
// the message came over, or over the origin's own link, so that only the certified
// node gets it; through the ring if that link does not work.
func (n *Node) answer(via *contact, r *msg.Routed, m *msg.Hop, a *msg.Reply) {
	a.Num, a.Attempt, a.Hops = r.Num, r.Attempt, m.Count
	if r.Env.Flags&wire.FlagTrace != 0 {
		a.Trail = append(slices.Clone(m.Trail), msg.Trail{Node: n.self, RTT: n.linkRTT(via)})
	}
	switch {
	case r.Origin.ID == n.self.ID:
		a.From = n.self
		n.After(0, func() { n.onReply(nil, a, false) })
	case n.backOver(via, m, a):
		a.From, a.To = n.self, r.Origin.ID
		n.sendBack(via, a, m.Path[:len(m.Path)-4])
	default:
		n.replyTo(n.contact(r.Origin), a)
	}
}

// replyTo sends a reply directly, and through the ring where the link is known not
// to work.
func (n *Node) replyTo(c *contact, a *msg.Reply) {
	if c.via() == nil && (c.usable() || c.life == suspect && a.Attempt < 2) {
		a.Acks = c.takeSeqs()
		n.to(c, machine.ClassApp, a)
		if a.Attempt < 3 {
			return
		}
		// Asked for the third time: the direct answers seem to get lost.
		again := *a
		again.Acks = nil
		a = &again
	}
	a.From = n.self // no link of its own says so
	n.originate(&msg.Routed{Key: c.h.ID, Origin: n.self, To: true, Back: a, Env: wire.Envelope{Version: wire.Version}}, nil, nil)
}

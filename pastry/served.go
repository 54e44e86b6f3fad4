package pastry

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/task"
)

// servedSet remembers the messages that were delivered here, so that no copy
// reaches an application twice, and the answers, so that a copy is answered again.
type servedSet struct {
	list map[servedKey]*servedMsg
	fifo []servedKey // the oldest first, behind gone places that are free
	gone int

	bytes  int // of the answers that are kept
	spared int // so many messages, the oldest, have given theirs up
}

type servedKey struct {
	origin      id.ID
	incarnation uint64
	num         uint64
}

type servedMsg struct {
	at    task.Instant
	reply *msg.Reply // nil until it was answered, and when the answer was given up
}

const (
	maxServed = 8192
	servedFor = 5 * time.Minute
	// maxAnswers bounds what the answers take together, in bytes: thousands of large ones
	// are asked for in no time. A copy of a message whose answer was given up is
	// not delivered again, and not answered.
	maxAnswers = 4 << 20
	// mostSpare is how much room an answer may have behind it, in bytes: an encoder
	// leaves as much as it wrote, and an answer is kept for minutes.
	mostSpare = 256
)

// first notes a message and reports whether it is new; was is what is known of
// it otherwise.
func (s *servedSet) first(k servedKey, now task.Instant) (was *servedMsg, fresh bool) {
	if m := s.list[k]; m != nil {
		return m, false
	}
	s.forget(maxServed-1, now)
	if s.list == nil {
		s.list = make(map[servedKey]*servedMsg)
	}
	m := &servedMsg{at: now}
	s.list[k] = m
	if len(s.fifo) == cap(s.fifo) && 4*s.gone >= len(s.fifo) && s.gone > 0 { // room enough before: do not grow
		s.fifo = s.fifo[:copy(s.fifo, s.fifo[s.gone:])]
		s.gone = 0
	}
	s.fifo = append(s.fifo, k)
	return m, true
}

// inOrder are the messages that are remembered, the oldest first.
func (s *servedSet) inOrder() []servedKey { return s.fifo[s.gone:] }

// answered keeps the answer to a message, unless that is forgotten already, and gives
// up the oldest answers if they are too much together.
func (s *servedSet) answered(k servedKey, r *msg.Reply) {
	m := s.list[k]
	if m == nil {
		return
	}
	if cap(r.Payload)-len(r.Payload) > mostSpare {
		exact := *r
		exact.Payload = slices.Clone(r.Payload)
		r = &exact
	}
	m.reply = r
	s.bytes += len(r.Payload)
	for s.bytes > maxAnswers && s.spared < len(s.inOrder()) {
		s.giveUp(s.list[s.inOrder()[s.spared]])
		s.spared++
	}
}

// giveUp forgets an answer. One without content costs nothing, and stays.
func (s *servedSet) giveUp(m *servedMsg) {
	if m.reply != nil && len(m.reply.Payload) > 0 {
		s.bytes -= len(m.reply.Payload)
		m.reply = nil
	}
}

// forget drops the messages that are too old, and the eldest of those beyond keep. A set
// that becomes empty takes no memory.
func (s *servedSet) forget(keep int, now task.Instant) {
	all, old := s.inOrder(), 0
	for old < len(all) && (len(all)-old > keep || now.Sub(s.list[all[old]].at) > servedFor) {
		s.giveUp(s.list[all[old]])
		delete(s.list, all[old])
		old++
	}
	s.spared = max(0, s.spared-old)
	s.gone += old
	if old > 0 && old == len(all) {
		s.list, s.fifo, s.gone = nil, nil, 0
	}
}

// deliver hands a routed message to its application, once.
func (n *Node) deliver(via *contact, m *msg.Hop, r *msg.Routed) {
	k := servedKey{r.Origin.ID, r.Origin.Incarnation, r.Num}
	was, fresh := n.served.first(k, n.Now())
	if !fresh {
		if was.reply != nil && r.Want {
			again := *was.reply
			n.answer(via, r, m, &again)
		}
		return
	}
	if n.cfg.Observe.Delivered != nil && !r.To {
		n.cfg.Observe.Delivered(n, r.Key, r.Origin.ID, r.Num)
	}
	ep := n.app(r.Env.App)
	if ep == nil {
		n.fail(via, r, m, msg.ReplyNoApp)
		return
	}
	d := &kbr.Delivery{Key: r.Key, Payload: slices.Clone(r.Env.Payload), Claimed: r.Origin, Via: n.self,
		Hops: int(m.Count), Trace: r.Env.Trace}
	if via != nil {
		d.Via = via.h
	}
	switch {
	case r.Want && r.Receipt:
		was.reply = &msg.Reply{Code: msg.ReplyReceipt}
		n.answer(via, r, m, &msg.Reply{Code: msg.ReplyReceipt})
	case r.Want:
		d.Answer = once(func(p []byte, e *kbr.RefusedError) {
			reply := makeReply(p, e)
			n.served.answered(k, reply)
			a := *reply
			n.answer(via, r, m, &a)
		})
	}
	ep.app.Deliver(d)
}

func makeReply(p []byte, e *kbr.RefusedError) *msg.Reply {
	if e == nil {
		return &msg.Reply{Code: msg.ReplyAnswer, Payload: p}
	}
	text := e.Text
	if len(text) > msg.MaxText {
		text = text[:msg.MaxText]
	}
	return &msg.Reply{Code: msg.ReplyRefused, App: e.Code, Text: text}
}

// onDirect takes a message that a peer sent to this node's application.
func (n *Node) onDirect(c *contact, m *msg.Direct) {
	n.onAcks(c, m.Acks)
	if m.Bare && !m.Want {
		if ep := n.app(m.Env.App); ep != nil && c.rarely().told.First(m.Num) {
			ep.app.Deliver(delivered(n, c, m))
		}
		return
	}
	k := servedKey{c.h.ID, c.h.Incarnation, m.Num}
	was, fresh := n.served.first(k, n.Now())
	if !fresh {
		if was.reply != nil {
			again := *was.reply
			again.Num, again.Attempt = m.Num, 2
			n.replyTo(c, &again)
		}
		return
	}
	ep := n.app(m.Env.App)
	if ep == nil {
		was.reply = &msg.Reply{Code: msg.ReplyNoApp}
		n.replyTo(c, &msg.Reply{Num: m.Num, Code: msg.ReplyNoApp})
		return
	}
	d := delivered(n, c, m)
	if m.Want {
		d.Answer = once(func(p []byte, e *kbr.RefusedError) {
			reply := makeReply(p, e)
			n.served.answered(k, reply)
			a := *reply
			a.Num = m.Num
			n.replyTo(c, &a)
		})
	} else {
		was.reply = &msg.Reply{Code: msg.ReplyReceipt}
		n.replyTo(c, &msg.Reply{Num: m.Num, Code: msg.ReplyReceipt})
	}
	ep.app.Deliver(d)
}

// delivered is what an application is told of a message that came over a link of its own.
func delivered(n *Node, c *contact, m *msg.Direct) *kbr.Delivery {
	return &kbr.Delivery{Key: n.self.ID, Payload: slices.Clone(m.Env.Payload), Claimed: c.h, Via: c.h, Direct: true,
		Hops: 1, Trace: m.Env.Trace}
}

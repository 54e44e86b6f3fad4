package scribe

import (
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// This file is how questions to one node about many groups go in one message: who joins a
// hundred groups, or loses the parent that it had in all of them, asks the same few nodes, and
// so does each of these in turn.

const (
	// gatherAsks is how long a question, or an answer, waits for others to the same node.
	gatherAsks = time.Millisecond
	// mostBundled is how many bytes of questions, or of answers, go in one message.
	mostBundled = msg.MaxFetched
	// replyRoom is what an answer takes besides its message.
	replyRoom = 24
)

// question waits to be asked, or to be answered.
type question struct {
	m    wire.Message
	to   id.ID
	done func(kbr.Answer, error)
}

// outbox is what is to be asked of one node.
type outbox struct {
	to    *peer.Handle
	list  []*question
	bytes int
	timer task.Timer
}

// gather asks a node, together with what else is to be asked of it at this moment.
func (s *Scribe) gather(to *peer.Handle, m wire.Message, done func(kbr.Answer, error)) {
	size := len(msg.Encode(m))
	b := s.out[to.ID]
	if b != nil && (len(b.list) == msg.MaxBundle || b.bytes+size > mostBundled || b.to.Incarnation != to.Incarnation) {
		s.dispatch(b)
		b = nil
	}
	if b == nil {
		b = &outbox{to: to}
		b.timer = s.ep.After(gatherAsks, func() { s.dispatch(b) })
		s.out[to.ID] = b
	}
	b.list = append(b.list, &question{m, to.ID, done})
	b.bytes += size
}

// dispatch sends what waits in an outbox.
func (s *Scribe) dispatch(b *outbox) {
	b.timer.Stop()
	delete(s.out, b.to.ID)
	o := kbr.Options{Timeout: s.cfg.Ask}
	if len(b.list) == 1 {
		s.ep.Ask(b.to, msg.Encode(b.list[0].m), o, b.list[0].done)
		return
	}
	m := &msg.Bundle{Number: s.count()}
	s.number += uint64(len(b.list))
	of := make(map[wire.Message]*question, len(b.list))
	for _, q := range b.list {
		m.Add(q.m)
		of[q.m] = q
	}
	m.Each(func(number uint64, q wire.Message) { s.asked[number] = of[q] })
	end := func(err error) {
		m.Each(func(number uint64, _ wire.Message) { s.settle(b.to.ID, number, kbr.Answer{}, err) })
	}
	s.ep.Ask(b.to, msg.Encode(m), o, func(a kbr.Answer, err error) {
		_, r, err := read(a, err)
		answers, ok := r.(*msg.Answers)
		switch {
		case err != nil:
			end(err)
		case !ok:
			end(msg.ErrMessage)
		default:
			s.answered(b.to.ID, a, answers)
		}
	})
	s.ep.After(s.cfg.Ask, func() { end(kbr.ErrTimeout) })
}

// settle ends a question that was asked of a node, unless it has ended.
func (s *Scribe) settle(from id.ID, number uint64, a kbr.Answer, err error) {
	if q := s.asked[number]; q != nil && q.to == from {
		delete(s.asked, number)
		q.done(a, err)
	}
}

// answered takes answers of a node; a tells how they came.
func (s *Scribe) answered(from id.ID, a kbr.Answer, m *msg.Answers) {
	for _, r := range m.List {
		if r.Code != 0 {
			s.settle(from, r.Number, a, refused(r.Code))
			continue
		}
		a.Payload = r.Message
		s.settle(from, r.Number, a, nil)
	}
}

// replies are answers to the questions of one bundle.
type replies struct {
	s     *Scribe
	d     *kbr.Delivery
	list  []*msg.Reply
	bytes int
	first bool // the bundle itself is to be answered still
	waits bool // what is there goes soon
}

// onBundle handles each question as if it had come alone.
func (s *Scribe) onBundle(d *kbr.Delivery, m *msg.Bundle) {
	if !d.Direct {
		refuse(d, msg.RefusedMalformed)
		return
	}
	rs := &replies{s: s, d: d, first: true, waits: true}
	m.Each(func(number uint64, q wire.Message) {
		one := *d
		given := false
		one.Answer = func(payload []byte, err *kbr.RefusedError) {
			if !given {
				given = true
				rs.add(number, payload, err)
			}
		}
		s.handle(&one, q)
	})
	rs.send()
}

func (rs *replies) add(number uint64, payload []byte, err *kbr.RefusedError) {
	r := &msg.Reply{Number: number, Message: payload}
	if err != nil {
		r.Code = err.Code
	}
	size := len(payload) + replyRoom
	if rs.bytes+size > mostBundled {
		rs.send()
	}
	rs.list, rs.bytes = append(rs.list, r), rs.bytes+size
	if !rs.waits {
		rs.waits = true
		rs.s.ep.After(gatherAsks, func() {
			rs.waits = false
			rs.send()
		})
	}
}

// send sends the answers that are there, the first of them as the answer to the bundle.
func (rs *replies) send() {
	m := &msg.Answers{List: rs.list}
	rs.list, rs.bytes = nil, 0
	switch {
	case rs.first:
		rs.first = false
		rs.d.Reply(msg.Encode(m))
	case len(m.List) > 0:
		rs.s.send(rs.d.Via, m)
	}
}

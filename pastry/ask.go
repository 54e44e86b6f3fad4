package pastry

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// errNoAnswer: a link message was not answered in time.
var errNoAnswer = errors.New("no answer")

// question is a link message that waits for its answer. It is sent again, with
// another number, until the tries of Config.Probes are over.
type question struct {
	of    *contact
	class machine.Class
	form  func(seq uint32) wire.Message
	// done is called once: with the answer and its round trip, or with errNoAnswer.
	done  func(m wire.Message, rtt time.Duration, err error)
	tries int
	timer task.Timer
	late  func() // tries again
	over  bool
}

// asking is one try of a question.
type asking struct {
	seq  uint32
	sent task.Instant
	q    *question
}

// put asks a question. Any of its tries may be answered.
func (n *Node) put(q *question) {
	q.late = func() { n.askAgain(q) }
	n.askAgain(q)
}

func (n *Node) askAgain(q *question) {
	if q.over {
		return
	}
	if q.tries >= len(n.cfg.Probes) || n.stopped || q.of.life == dead || q.of.life == left {
		n.settled(q, nil, 0, errNoAnswer)
		return
	}
	n.try(q)
	q.timer = n.After(n.cfg.Probes[q.tries], q.late)
	q.tries++
}

// try asks a question once.
func (n *Node) try(q *question) {
	n.askSeq++
	n.asked = append(n.asked, asking{n.askSeq, n.Now(), q})
	n.to(q.of, q.class, q.form(n.askSeq))
}

// settled ends a question with its only outcome.
func (n *Node) settled(q *question, m wire.Message, rtt time.Duration, err error) {
	if q.over {
		return
	}
	n.forget(q)
	q.done(m, rtt, err)
}

// forget ends a question without an outcome.
func (n *Node) forget(q *question) {
	q.over = true
	q.timer.Stop()
	n.asked = slices.DeleteFunc(n.asked, func(a asking) bool { return a.q == q })
	if len(n.asked) == 0 {
		n.asked = nil
	}
}

// ask sends a numbered link message and calls resolve with its answer, or with
// errNoAnswer. form gets the number.
func (n *Node) ask(c *contact, class machine.Class, form func(seq uint32) wire.Message, resolve func(wire.Message, error)) {
	n.put(&question{of: c, class: class, form: form,
		done: func(m wire.Message, _ time.Duration, err error) { resolve(m, err) }})
}

// unanswered ends what was asked of a node whose process is gone, in the order of the
// asking.
func (n *Node) unanswered(c *contact) {
	var open []*question
	for _, a := range n.asked {
		if a.q.of.h.ID == c.h.ID && !slices.Contains(open, a.q) {
			open = append(open, a.q)
		}
	}
	for _, q := range open {
		n.settled(q, nil, 0, errNoAnswer)
	}
}

// answered hands an answer to the one who asked, if it is from the one who was
// asked.
func (n *Node) answered(c *contact, seq uint32, m wire.Message) {
	for _, a := range n.asked {
		if a.seq == seq && a.q.of.h.ID == c.h.ID {
			n.settled(a.q, m, n.Now().Sub(a.sent), nil)
			return
		}
	}
}

func newPing(seq uint32) wire.Message { return &msg.Ping{Seq: seq} }

// measure finds out the round trip to c.
func (n *Node) measure(c *contact) { n.ping(c, nil) }

// measureOnce measures the round trip to c, unless it is being asked something.
func (n *Node) measureOnce(c *contact) {
	if c.usable() && !n.stopped && !slices.ContainsFunc(n.asked, func(a asking) bool { return a.q.of == c }) {
		n.measure(c)
	}
}

// ping measures the round trip to c, and calls resolve, if not nil, when that is done
// or has failed.
func (n *Node) ping(c *contact, resolve func(time.Duration, error)) {
	n.put(&question{of: c, class: machine.ClassLiveness, form: newPing, done: func(m wire.Message, rtt time.Duration, err error) {
		p, ok := m.(*msg.Pong)
		if err == nil && !ok {
			err = errNoAnswer
		}
		if err == nil {
			n.noteActive(c, p.Active)
			n.measured(c, rtt)
		}
		if resolve != nil {
			resolve(rtt, err)
		}
	}})
}

// state asks c for a part of its state.
func (n *Node) state(c *contact, what uint8, row int, resolve func(*msg.StateReply, error)) {
	n.ask(c, machine.ClassUpkeep, func(seq uint32) wire.Message {
		return &msg.StateRequest{Seq: seq, What: what, Row: uint8(row)}
	}, func(m wire.Message, err error) {
		r, ok := m.(*msg.StateReply)
		if err != nil || !ok {
			resolve(nil, errNoAnswer)
			return
		}
		resolve(r, nil)
	})
}

func (n *Node) onStateRequest(c *contact, m *msg.StateRequest) {
	r := &msg.StateReply{Seq: m.Seq, What: m.What, Row: m.Row, Active: n.active}
	switch m.What {
	case msg.AskLeaf:
		r.Nodes, r.Row = n.leafs.snapshot(), uint8(n.rows())
	case msg.AskRow:
		n.rowReply(r, int(m.Row))
	case msg.AskNear:
		for _, o := range n.near {
			if o.usable() {
				r.Nodes = append(r.Nodes, o.h)
				r.RTTs = append(r.RTTs, uint32(2*o.prox))
			}
		}
	case msg.AskExpulsions:
		n.sendExpulsions(c)
	}
	n.to(c, machine.ClassUpkeep, r)
}

// pingAll measures all that were not measured yet, at most limit of them, and
// gives way until they have answered or not.
func (n *Node) pingAll(t *task.T, cs []*contact, limit int) error {
	fresh := make([]*contact, 0, len(cs))
	for _, c := range cs {
		if c.prox == 0 && c.life != left && c.h.ID != n.self.ID && len(fresh) < limit {
			fresh = append(fresh, c)
		}
	}
	_, err := task.Gather(t, n.probeTime()+time.Second, len(fresh), func(i int, resolve func(time.Duration, error)) {
		n.ping(fresh[i], resolve)
	}, nil)
	return err
}

// probeTime is how long a probe with all its retries takes.
func (n *Node) probeTime() time.Duration {
	var sum time.Duration
	for _, p := range n.cfg.Probes {
		sum += p
	}
	return sum
}

// named returns the contacts of nodes that another named, without this one and
// those that are expelled or said goodbye.
func (n *Node) named(hs []*peer.Handle) []*contact {
	cs := make([]*contact, 0, len(hs))
	for _, h := range hs {
		if h.ID == n.self.ID || n.removed.Expelled(h.ID) {
			continue
		}
		if c := n.contact(h); c.life != left && c.life != dead {
			cs = append(cs, c)
		}
	}
	return cs
}

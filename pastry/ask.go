package pastry

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// errNoAnswer: a link message was not answered in time.
var errNoAnswer = errors.New("no answer")

// ask sends a numbered link message and calls resolve with its answer, or with
// errNoAnswer when the tries of Config.Probes are over. make gets the number.
func (n *Node) ask(c *contact, class machine.Class, make func(seq uint32) wire.Message, resolve func(wire.Message, error)) {
	tries := 0
	var seqs []uint32
	done := false
	end := func(m wire.Message, err error) {
		if done {
			return
		}
		done = true
		for _, s := range seqs {
			delete(n.asked, s)
		}
		resolve(m, err)
	}
	var try func()
	try = func() {
		switch {
		case done:
			return
		case tries >= len(n.cfg.Probes) || n.stopped || c.life == dead || c.life == left:
			end(nil, errNoAnswer)
			return
		}
		n.askSeq++
		seq := n.askSeq
		seqs = append(seqs, seq)
		var timer task.Timer
		n.asked[seq] = question{c, func(m wire.Message, err error) {
			timer.Stop()
			end(m, err)
		}}
		n.to(c, class, make(seq))
		timer = n.After(n.cfg.Probes[tries], try)
		tries++
	}
	try()
}

// question is a numbered link message that waits for its answer from of.
type question struct {
	of *contact
	f  func(wire.Message, error)
}

// unanswered ends what was asked of a node whose process is gone.
func (n *Node) unanswered(c *contact) {
	for _, seq := range slices.Sorted(maps.Keys(n.asked)) {
		if q, ok := n.asked[seq]; ok && q.of.h.ID == c.h.ID {
			q.f(nil, errNoAnswer)
		}
	}
}

// answered hands an answer to the one who asked, if it is from the one who was
// asked.
func (n *Node) answered(c *contact, seq uint32, m wire.Message) {
	if q, ok := n.asked[seq]; ok && q.of.h.ID == c.h.ID {
		q.f(m, nil)
	}
}

// ping measures the round trip to c.
func (n *Node) ping(c *contact, resolve func(time.Duration, error)) {
	var sent task.Instant
	n.ask(c, machine.ClassLiveness, func(seq uint32) wire.Message {
		sent = n.Now()
		return &Ping{Seq: seq}
	}, func(m wire.Message, err error) {
		p, ok := m.(*Pong)
		if err != nil || !ok {
			resolve(0, errNoAnswer)
			return
		}
		n.noteActive(c, p.Active)
		rtt := n.Now().Sub(sent)
		n.measured(c, rtt)
		resolve(rtt, nil)
	})
}

// state asks c for a part of its state.
func (n *Node) state(c *contact, what uint8, row int, resolve func(*StateReply, error)) {
	n.ask(c, machine.ClassUpkeep, func(seq uint32) wire.Message {
		return &StateRequest{Seq: seq, What: what, Row: uint8(row)}
	}, func(m wire.Message, err error) {
		r, ok := m.(*StateReply)
		if err != nil || !ok {
			resolve(nil, errNoAnswer)
			return
		}
		resolve(r, nil)
	})
}

func (n *Node) onStateRequest(c *contact, m *StateRequest) {
	r := &StateReply{Seq: m.Seq, What: m.What, Row: m.Row, Active: n.active}
	switch m.What {
	case askLeaf:
		r.Nodes, r.Row = n.leafs.snapshot(), uint8(n.rows())
	case askRow:
		r.Nodes = n.rowNodes(int(m.Row))
	case askNear:
		for _, o := range n.near {
			if o.usable() {
				r.Nodes = append(r.Nodes, o.h)
			}
		}
	case askExpulsions:
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

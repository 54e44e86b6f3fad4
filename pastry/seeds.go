package pastry

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// The seeds of a join may be many, and most of them may be silent: a member that comes
// back remembers peers, and the ring has gone on without it. They are asked a few at a
// time, in an order of chance; the first who is in a ring leads there.

const (
	maxAsking = 8 // seeds that are asked at once
	// Back-offs between two rounds: the first, doubled with each round in which no
	// ring was found, and the longest.
	firstBackOff = 300 * time.Millisecond
	maxBackOff   = 60 * time.Second
	knockAfter   = time.Second // of a back-off, before a sign of life ends it
)

// ringSide is what a round over the seeds found.
type ringSide struct {
	seed    *contact        // the first member of a ring that answered, if reply is set
	reply   *msg.StateReply // its leaf set
	looking bool            // others answered that they look for the ring, too
	first   bool            // of them and this node, this one has the smallest id
	silent  bool            // a seed neither answered nor refused
}

// others returns each of the nodes once, without this one and those without an id.
func (n *Node) others(hs []*peer.Handle) []*peer.Handle {
	seen := map[id.ID]bool{n.self.ID: true, {}: true}
	out := make([]*peer.Handle, 0, len(hs))
	for _, h := range hs {
		if !seen[h.ID] {
			seen[h.ID] = true
			out = append(out, h)
		}
	}
	return out
}

// seedRound is one round over the seeds.
type seedRound struct {
	n        *Node
	left     []*peer.Handle // to be asked
	asking   int
	patience time.Duration
	asked    []*question // all of them, as late answers count, too
	way      ringSide
	over     bool
	resolve  func(ringSide, error)
}

// findRing asks all seeds once, at most maxAsking at a time, until one of them is in a
// ring. The first rounds are the more impatient ones, as in a probe.
func (n *Node) findRing(t *task.T, try int) (ringSide, error) {
	s := &seedRound{n: n, left: n.shuffle(n.seeds), patience: n.cfg.Probes[min(try, len(n.cfg.Probes)-1)],
		way: ringSide{first: true}}
	limit := time.Duration(len(s.left)/maxAsking+2)*(s.patience+maxLag) + time.Second
	way, err := task.Await(t, limit, func(resolve func(ringSide, error)) {
		s.resolve = resolve
		for range min(maxAsking, len(s.left)) {
			s.next()
		}
	})
	if errors.Is(err, task.ErrTimeout) {
		way, err = s.way, nil
	}
	way.silent = slices.ContainsFunc(s.asked, func(q *question) bool { return !q.over })
	s.end()
	return way, err
}

// maxLag spreads the questions of a round: the first seed is asked at once, and the
// others, each of which costs a connection, have to be only if it does not answer soon.
const maxLag = 50 * time.Millisecond

// next asks the next seed, or ends the round if none is left.
func (s *seedRound) next() {
	n := s.n
	switch {
	case s.over:
		return
	case len(s.left) == 0:
		if s.asking == 0 {
			s.over = true
			s.resolve(s.way, nil)
		}
		return
	}
	h := s.left[0]
	s.left = s.left[1:]
	s.asking++
	if len(s.asked) == 0 && s.asking == 1 {
		s.ask(n.contact(h))
		return
	}
	n.After(maxLag/2+time.Duration(n.Rand().Int64N(int64(maxLag/2))), func() {
		if !s.over && !n.stopped {
			s.ask(n.contact(h))
		}
	})
}

// ask asks one seed for its leaf set. Its place is free for the next one when it
// answered, refused, or was silent for too long.
func (s *seedRound) ask(c *contact) {
	n := s.n
	if c.life == dead {
		c.life = heardOf
		c.doubt(false)
	}
	c.direct()
	free := false
	done := func() {
		if !free {
			free = true
			s.asking--
			s.next()
		}
	}
	timer := n.After(s.patience, done)
	q := &question{of: c, class: machine.ClassUpkeep, form: askForLeafs, done: func(m wire.Message, _ time.Duration, err error) {
		timer.Stop()
		if r, ok := m.(*msg.StateReply); err == nil && ok {
			s.heard(c, r)
		}
		done()
	}}
	s.asked = append(s.asked, q)
	n.try(q)
}

func askForLeafs(seq uint32) wire.Message { return &msg.StateRequest{Seq: seq, What: msg.AskLeaf} }

// heard takes the answer of a seed.
func (s *seedRound) heard(c *contact, r *msg.StateReply) {
	switch {
	case s.over:
	case !r.Active:
		s.way.looking = true
		s.way.first = s.way.first && s.n.self.ID.Less(c.h.ID)
	default:
		s.n.ringHeard = s.n.Now()
		s.over = true
		s.way.seed, s.way.reply = c, r
		s.resolve(s.way, nil)
	}
}

// end forgets the questions that nobody answered.
func (s *seedRound) end() {
	s.over = true
	for _, q := range s.asked {
		s.n.forget(q)
	}
}

// backOff waits before the next round over the seeds, unless a member of a ring shows
// itself or somebody wants this node to join now: then it returns true.
func (n *Node) backOff(t *task.T, wait time.Duration) (knocked bool, err error) {
	began := n.Now()
	_, err = task.Await(t, wait, func(resolve func(bool, error)) {
		once := true
		n.knock = func() {
			if once {
				once = false
				n.After(knockAfter-n.Now().Sub(began), func() { resolve(true, nil) })
			}
		}
	})
	n.knock = nil
	if errors.Is(err, task.ErrTimeout) {
		return false, nil
	}
	return err == nil, err
}

// knocked ends a back-off.
func (n *Node) knocked() {
	if n.knock != nil {
		n.knock()
	}
}

// shuffle puts the seeds in an order of chance, so that not all newcomers join
// through the first.
func (n *Node) shuffle(hs []*peer.Handle) []*peer.Handle {
	hs = append([]*peer.Handle(nil), hs...)
	n.Rand().Shuffle(len(hs), func(i, j int) { hs[i], hs[j] = hs[j], hs[i] })
	return hs
}

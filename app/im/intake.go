package im

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// fromOneNode is how many pushes of one node are taken in at a time.
const fromOneNode = 4

// proofTimeout bounds the wait for the directory before a stranger's first message
// is taken in without a confirmed name.
const proofTimeout = 8 * time.Second

// takePush takes letters in as a task, and answers when they are durable.
func (m *IM) takePush(d *kbr.Delivery, p *push) {
	a := m.account(p.To)
	if a == nil {
		d.Reply(encode(&pushed{Verdict: verdictNoUser}))
		return
	}
	from := d.Via
	if len(m.taking) >= m.cfg.MaxIntake || m.takingFrom(from.ID) >= fromOneNode {
		d.Reply(encode(&pushed{Verdict: verdictLater}))
		return
	}
	m.taking = append(m.taking, from.ID)
	m.ep.Go(func(t *task.T) error {
		out, err := a.takeLetters(t, from, p)
		if err != nil {
			return err // no answer: the sender will try again
		}
		d.Reply(encode(&out))
		return nil
	}, func(error) {
		at := slices.Index(m.taking, from.ID)
		m.taking = slices.Delete(m.taking, at, at+1)
	})
}

func (m *IM) takingFrom(node id.ID) int {
	n := 0
	for _, x := range m.taking {
		if x == node {
			n++
		}
	}
	return n
}

// takeLetters opens a push, finds out about a sender who is not known, and takes
// the letters in.
func (a *account) takeLetters(t *task.T, from *peer.Handle, p *push) (pushed, error) {
	m := a.room
	letters, err := a.openAll(t, p)
	if err != nil {
		return pushed{}, err
	}
	if len(letters) == 0 {
		return pushed{Verdict: verdictUnreadable}, nil
	}
	in := intake{from: letters[0].From, letters: letters, limits: m.cfg}
	who, err := query(t, a, func(l *ledger) (person, error) {
		who, _ := l.person(in.from)
		return who, nil
	})
	if err != nil {
		return pushed{}, err
	}
	if !who.Known && !who.waits() && !m.mayAsk(from, in.from) {
		return pushed{Verdict: verdictLater}, nil
	}
	if who.Name == "" {
		in.proven = a.prove(t, in.from, letters[0].Name)
	}
	out, err := transact(t, a, func(l *ledger) (pushed, error) { return l.take(in) })
	if err != nil {
		return pushed{}, err
	}
	if int(out.Took) == len(letters) && len(letters) < len(p.Sealed) {
		out.Verdict = verdictUnreadable
	}
	if out.Took > 0 {
		a.heard(in.from, from)
	}
	return out, nil
}

// openAll opens the letters of a push up to the first that is none, or is not of
// the same sender and stream.
func (a *account) openAll(t *task.T, p *push) ([]*letter.Letter, error) {
	o := a.opener(p.Number)
	if o == nil {
		return nil, nil
	}
	ring, key, v := a.room.deps.Ring, a.key, a.room.deps.Verifier
	return task.Work(t, storeTimeout, func() ([]*letter.Letter, error) {
		var out []*letter.Letter
		for _, sealed := range p.Sealed {
			l, err := letter.Open(sealed, ring, key, p.Number, o, v)
			if err != nil || len(out) > 0 && (l.From != out[0].From || l.Stream != out[0].Stream) {
				break
			}
			out = append(out, l)
		}
		return out, nil
	})
}

// mayAsk counts a stranger's request, and reports whether the node that brought it
// and he himself have not asked too often.
func (m *IM) mayAsk(node *peer.Handle, who peer.Key) bool {
	now := m.ep.Now()
	byNode := m.asked.allow(id.HashOf("node-asks", node.ID), now)
	return m.asked.allow(who, now) && byNode
}

// prove asks the directory whether the name that a sender claims is his, and
// returns its record if so. It takes no longer than proofTimeout.
func (a *account) prove(t *task.T, k peer.Key, claimed string) *card {
	m := a.room
	name, err := personName(claimed)
	if err != nil || name != claimed || !m.proving.allow(k, m.ep.Now()) {
		return nil
	}
	c, err := m.shortLookup(t, name, proofTimeout)
	if err != nil || c.Identity != k {
		return nil
	}
	return &c
}

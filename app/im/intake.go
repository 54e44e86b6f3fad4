package im

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/im/books"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// fromOneNode is how many pushes of one bearer are taken in at a time.
const fromOneNode = 4

// bearer is by whom a push is counted: the node over whose link it came, or zero for all
// that take the ring together. Nobody vouches for their origins, and whoever floods
// that way takes room from such pushes alone.
func bearer(d *kbr.Delivery) id.ID {
	if d.Direct {
		return d.Via.ID
	}
	return id.ID{}
}

// proofTimeout bounds the wait for the directory before a stranger's first message
// is taken in without a confirmed name.
const proofTimeout = 8 * time.Second

// takePush takes letters in as a task, and answers when they are durable.
func (m *IM) takePush(d *kbr.Delivery, p *push) {
	a := m.account(p.To)
	if a == nil {
		d.Reply(encode(&pushed{Verdict: books.VerdictNoUser}))
		return
	}
	from := bearer(d)
	if len(m.taking) >= m.cfg.MaxIntake || m.takingFrom(from) >= fromOneNode {
		d.Reply(encode(&pushed{Verdict: books.VerdictLater}))
		return
	}
	m.taking = append(m.taking, from)
	m.ep.Go(func(t *task.T) error {
		out, sender, err := a.takeLetters(t, from, p)
		if err != nil {
			return err // no answer: the sender will try again
		}
		if out.Took > 0 && d.Direct {
			a.heard(sender, d.Via)
		}
		d.Reply(encode(&out))
		return nil
	}, func(error) {
		at := slices.Index(m.taking, from)
		m.taking = slices.Delete(m.taking, at, at+1)
	})
}

func (m *IM) takingFrom(bearer id.ID) int {
	n := 0
	for _, x := range m.taking {
		if x == bearer {
			n++
		}
	}
	return n
}

// takeLetters opens a push, finds out about a sender who is not known, takes the
// letters in and signs the answer. It returns who has written them.
func (a *account) takeLetters(t *task.T, from id.ID, p *push) (_ pushed, sender peer.Key, err error) {
	m := a.room
	letters, err := a.openAll(t, p)
	if err != nil {
		return pushed{}, sender, err
	}
	if len(letters) == 0 {
		return pushed{Verdict: books.VerdictUnreadable}, sender, nil
	}
	sender = letters[0].From
	in := books.Intake{From: sender, Letters: letters, Limits: books.Limits{
		MaxRequests: m.cfg.MaxRequests, MaxWaiting: m.cfg.MaxWaiting, MaxContacts: m.cfg.MaxContacts, RequestGap: m.cfg.RequestGap}}
	who, err := query(t, a, func(l *books.Ledger) (books.Acquaintance, error) {
		who, _ := l.Person(in.From)
		return who, nil
	})
	if err != nil {
		return pushed{}, sender, err
	}
	if !who.Known && !who.Waits() && !m.mayAsk(from, in.From) {
		return pushed{Verdict: books.VerdictLater}, sender, nil
	}
	if who.Name == "" {
		in.Proven = a.prove(t, in.From, letters[0].Name)
	}
	signer, device := a.user.Signer, m.ep.Self().ID
	out, err := transact(t, a, func(l *books.Ledger) (pushed, error) {
		got, err := l.Take(in)
		out := pushed{Took: uint8(got.Count), Verdict: got.Verdict, Want: got.Want}
		if got.Count == len(letters) && len(letters) < len(p.Sealed) {
			out.Verdict = books.VerdictUnreadable
		}
		if err == nil && out.final() {
			out.Sig = signer.Sign(out.signed(m.deps.Ring, device, p))
		}
		return out, err
	})
	return out, sender, err
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

// mayAsk counts a stranger's request, and reports whether the bearer and he himself
// have not asked too often.
func (m *IM) mayAsk(bearer id.ID, who peer.Key) bool {
	now := m.ep.Now()
	byBearer := m.asked.allow(id.HashOf("node-asks", bearer), now)
	return m.asked.allow(who, now) && byBearer
}

// prove asks the directory whether the name that a sender claims is his, and
// returns its record if so. It takes no longer than proofTimeout.
func (a *account) prove(t *task.T, k peer.Key, claimed string) *books.Card {
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

package books

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
)

// Books are all that the store of one node holds of one user: what a simulation
// compares, also of nodes that are dead. See Check.
type Books struct {
	User     peer.Key
	Messages []Message // by Seq
	seen     []seenID  // sorted
}

type seenID struct {
	from peer.Key
	id   letter.MsgID
}

func (a seenID) compare(b seenID) int {
	return cmp.Or(slices.Compare(a.from[:], b.from[:]), a.id.Cmp(b.id.ID))
}

// Load reads a user's books and checks that they agree with themselves: every
// index leads to its message and every message has its index, what is queued is in
// the outbox and the counts are right.
func Load(s store.Store, user peer.Key) (Books, error) {
	l := Open(s, user, 0, id.ID{})
	b := Books{User: user}
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	all := store.Prefix(l.key())
	unread := 0
	for _, key := range l.keys(tableHistory, all) {
		seq := lastNumber(key)
		it, _ := l.item(seq)
		m := l.message(seq, it)
		m.User = user
		b.Messages = append(b.Messages, m)
		if _, ok := l.get(tableTalks, be(l.key(it.talk()), seq)); !ok {
			wrong("message %d is in no conversation", seq)
		}
		_, inbox := l.get(tableInbox, be(l.key(), seq))
		if want := !it.Mine && it.Read == 0; inbox != want {
			wrong("message %d unread: %v, in the inbox: %v", seq, want, inbox)
		}
		if inbox {
			unread++
		}
		if it.Mine {
			if at, _, ok := l.sentItem(it.ID); !ok || at != seq {
				wrong("message %d is found at %d by its id", seq, at)
			}
		} else if at, ok := l.get(tableSeen, l.seenKey(it.ID, it.Peer)); !ok || lastNumber(at) != seq {
			wrong("message %d is not among the seen", seq)
		}
	}
	for _, key := range l.keys(tableSeen, all) {
		x := seenID{id: letter.MsgID{}}
		rest := key[len(l.tag):]
		if len(rest) != 16+peer.KeySize || x.id.UnmarshalBinary(rest[:16]) != nil {
			wrong("a key of %d bytes among the seen", len(key))
			continue
		}
		copy(x.from[:], rest[16:])
		b.seen = append(b.seen, x)
	}
	slices.SortFunc(b.seen, seenID.compare)
	if n := len(l.keys(tableTalks, all)); n != len(b.Messages) {
		wrong("%d entries in conversations for %d messages", n, len(b.Messages))
	}
	if n := len(l.keys(tableInbox, all)); n != unread {
		wrong("%d entries in the inbox for %d unread messages", n, unread)
	}
	l.checkOutbox(wrong)
	l.checkPeople(wrong)
	return b, errors.Join(append(errs, l.err)...)
}

// checkOutbox holds the outbox against lines, totals and history.
func (l *Ledger) checkOutbox(wrong func(string, ...any)) {
	waiting := 0
	for _, key := range l.keys(tableLines, store.Prefix(l.key())) {
		name := string(key[len(l.tag):])
		ln, _ := l.line(name)
		counters := l.waiting(name, 0, 0)
		if len(counters) != ln.Waiting {
			wrong("%d entries for %s, its line says %d", len(counters), name, ln.Waiting)
		}
		waiting += len(counters)
		for _, c := range counters {
			e, _ := l.entry(name, c)
			it, ok := l.item(e.Seq)
			switch {
			case c >= ln.Next:
				wrong("letter %d to %s, whose next is %d", c, name, ln.Next)
			case e.Kind == letter.TextKind && (!ok || it.ID != e.ID):
				wrong("letter %d to %s without its message", c, name)
			case e.Took && ok && it.State == Queued || !e.Took && ok && (it.State == Delivered || it.State == Failed):
				wrong("letter %d to %s was taken: %v, its message is %v", c, name, e.Took, it.State)
			}
		}
	}
	if t := l.totals(); t.Queued != waiting || len(l.keys(tableOutbox, store.Prefix(l.key()))) != waiting {
		wrong("%d letters wait, the total says %d", waiting, t.Queued)
	}
}

func (l *Ledger) checkPeople(wrong func(string, ...any)) {
	people, requests := l.People(), 0
	for _, p := range people {
		if p.Waits() {
			requests++
		}
	}
	if t := l.totals(); t.People != len(people) || t.Requests != requests {
		wrong("%d people and %d requests, the totals say %d and %d", len(people), requests, t.People, t.Requests)
	}
}

// has reports whether the user's node has ever taken this message.
func (b *Books) has(from peer.Key, m letter.MsgID) bool {
	_, ok := slices.BinarySearchFunc(b.seen, seenID{from, m}, seenID.compare)
	return ok
}

// Check holds the books of many users against each other, and returns all that
// is wrong. A user with several nodes has several books. It may be asked at any
// moment, in the middle of every fault:
//
//   - once: no message stands twice in one history;
//   - order (M2): what one node sent stands, at every node of the receiver, in the
//     order in which it was sent;
//   - no invention: what was received was sent, with the same text;
//   - no lie: what is delivered is at one of the receiver's nodes, what is read was
//     shown there, what has failed is not.
func Check(all []Books) error {
	var errs []error
	for i := range all {
		errs = append(errs, checkOnce(&all[i]))
		for j := range all {
			errs = append(errs, checkOrder(&all[i], &all[j]))
		}
		errs = append(errs, checkReceived(&all[i], all), checkStates(&all[i], all))
	}
	return errors.Join(errs...)
}

// CheckComplete reports what must hold when all is calm and everybody was online
// long enough (M1): nothing waits any more, and what has not failed is at every
// node of its receiver.
func CheckComplete(all []Books) error {
	var errs []error
	for i := range all {
		for _, m := range all[i].Messages {
			if !m.Mine || m.State == Failed {
				continue
			}
			if m.State == Queued {
				errs = append(errs, fmt.Errorf("message %v to %v still waits", m.ID, m.With))
			}
			for j := range all {
				if all[j].User == m.With.Key && !all[j].has(all[i].User, m.ID) {
					errs = append(errs, fmt.Errorf("message %v did not come to a node of %v", m.ID, m.With))
				}
			}
		}
	}
	return errors.Join(errs...)
}

func checkOnce(b *Books) error {
	type which struct {
		mine bool
		seenID
	}
	seen := make(map[which]uint64, len(b.Messages))
	var errs []error
	for _, m := range b.Messages {
		k := which{m.Mine, seenID{m.With.Key, m.ID}}
		if m.Mine {
			k.from = b.User
		}
		if before, twice := seen[k]; twice {
			errs = append(errs, fmt.Errorf("message %v stands twice, at %d and %d, for %s", m.ID, before, m.Seq, directory.Fingerprint(b.User)))
		}
		seen[k] = m.Seq
	}
	return errors.Join(errs...)
}

func checkOrder(sender, receiver *Books) error {
	sent := make(map[letter.MsgID]uint64)
	for _, m := range sender.Messages {
		if m.Mine {
			sent[m.ID] = m.Seq
		}
	}
	last := uint64(0)
	var errs []error
	for _, m := range receiver.Messages {
		seq, ours := sent[m.ID]
		if m.Mine || m.With.Key != sender.User || !ours {
			continue
		}
		if seq < last {
			errs = append(errs, fmt.Errorf("message %v was sent as %d and came after %d", m.ID, seq, last))
		}
		last = max(last, seq)
	}
	return errors.Join(errs...)
}

func checkReceived(b *Books, all []Books) error {
	var errs []error
	for _, m := range b.Messages {
		if m.Mine || !slices.ContainsFunc(all, func(o Books) bool { return o.User == m.With.Key }) {
			continue
		}
		if !slices.ContainsFunc(all, func(o Books) bool {
			return o.User == m.With.Key && slices.ContainsFunc(o.Messages, func(s Message) bool {
				return s.Mine && s.ID == m.ID && s.Text == m.Text
			})
		}) {
			errs = append(errs, fmt.Errorf("message %v was never sent so", m.ID))
		}
	}
	return errors.Join(errs...)
}

func checkStates(b *Books, all []Books) error {
	var errs []error
	for _, m := range b.Messages {
		if !m.Mine || m.State == Queued || !slices.ContainsFunc(all, func(o Books) bool { return o.User == m.With.Key }) {
			continue
		}
		there, shown := false, false
		for i := range all {
			if all[i].User != m.With.Key {
				continue
			}
			there = there || all[i].has(b.User, m.ID)
			shown = shown || slices.ContainsFunc(all[i].Messages, func(r Message) bool {
				return !r.Mine && r.ID == m.ID && !r.ReadAt.IsZero()
			})
		}
		if there == (m.State == Failed) || m.State == Read && !shown {
			errs = append(errs, fmt.Errorf("message %v is said to be %v; at the receiver: %v, shown: %v", m.ID, m.State, there, shown))
		}
	}
	return errors.Join(errs...)
}

package books

import (
	"slices"

	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
)

// InboxOptions choose received messages. The zero value means all of them.
type InboxOptions struct {
	// Unread leaves out what was marked as read.
	Unread bool
	// Since leaves out this message and all that came before it; zero: none.
	Since letter.MsgID
	// NoRequests leaves out what strangers wrote who wait to be accepted.
	NoRequests bool
	// Limit is the largest number of them; 0 means 1,000, which is also the most.
	// With Unread or Since these are the oldest, so that calling again goes on;
	// otherwise the newest.
	Limit int
}

// maxListed is the largest number of messages that one call returns.
const maxListed = 1000

func limited(n int) int {
	if n <= 0 || n > maxListed {
		return maxListed
	}
	return n
}

// Inbox lists received messages, oldest first.
func (l *Ledger) Inbox(o InboxOptions) ([]Message, error) {
	since, err := l.seqOf(o.Since)
	if err != nil {
		return nil, err
	}
	table := tableHistory
	if o.Unread {
		table = tableInbox
	}
	limit := limited(o.Limit)
	var out []Message
	r := store.Prefix(l.key())
	r.From, r.Reverse = be(l.key(), since+1), !o.Unread && since == 0
	l.each(table, r, func(seq uint64, it item) bool {
		if it.Mine {
			return true
		}
		if m := l.message(seq, it); !m.Request || !o.NoRequests {
			out = append(out, m)
		}
		return len(out) < limit
	})
	if r.Reverse {
		slices.Reverse(out)
	}
	return out, l.err
}

// each calls f for the items that a range of an index names.
func (l *Ledger) each(t store.Table, r store.Range, f func(seq uint64, it item) bool) {
	const page = 256
	for l.err == nil {
		r.Limit = page
		keys := l.keys(t, r)
		for _, key := range keys {
			seq := lastNumber(key)
			if it, ok := l.item(seq); ok && !f(seq, it) {
				return
			}
		}
		if len(keys) < page {
			return
		}
		last := keys[len(keys)-1]
		if r.Reverse {
			r.To = last
		} else {
			r.From = append(slices.Clone(last), 0)
		}
	}
}

// seqOf returns where a message stands, received or sent; 0 for the zero id.
func (l *Ledger) seqOf(m letter.MsgID) (uint64, error) {
	if m.IsZero() {
		return 0, nil
	}
	if seqs := l.receivedItems(m); len(seqs) > 0 {
		return slices.Min(seqs), nil
	}
	if seq, _, ok := l.sentItem(m); ok {
		return seq, nil
	}
	if l.err != nil {
		return 0, l.err
	}
	return 0, ErrNoMessage
}

// Talk lists what was said with somebody, both ways, oldest first: with a name
// this is what went to it and what came from every identity that it had.
func (l *Ledger) Talk(who string, since letter.MsgID, limit int) ([]Message, error) {
	from, err := l.seqOf(since)
	if err != nil {
		return nil, err
	}
	prefixes := [][]byte{}
	x, err := l.Find(who)
	if err == nil {
		prefixes = append(prefixes, talkFrom(x.Key))
	}
	name := x.Name
	if err != nil || name == "" {
		name = who
	}
	prefixes = append(prefixes, talkTo(name))
	for _, other := range l.People() {
		if other.Name == name && other.Key != x.Key {
			prefixes = append(prefixes, talkFrom(other.Key))
		}
	}
	limit = limited(limit)
	var out []Message
	for _, prefix := range prefixes {
		r := store.Prefix(l.key(prefix))
		r.From, r.Reverse = be(l.key(prefix), from+1), true
		n := 0
		l.each(tableTalks, r, func(seq uint64, it item) bool {
			out = append(out, l.message(seq, it))
			n++
			return n < limit
		})
	}
	slices.SortFunc(out, func(a, b Message) int { return int(a.Seq) - int(b.Seq) })
	if len(out) > limit {
		out = out[len(out)-limit:]
	}
	if len(out) == 0 && err != nil && l.err == nil {
		return nil, ErrNobody
	}
	return out, l.err
}

// MarkRead notes that the user's program has shown received messages, and queues
// the receipts for those who are no strangers.
func (l *Ledger) MarkRead(ids []letter.MsgID) (struct{}, error) {
	type pile struct {
		who  Acquaintance
		read []letter.MsgID
	}
	var piles []pile // in the order of the senders' first messages
	for _, m := range ids {
		seqs := l.receivedItems(m)
		if len(seqs) == 0 && l.err == nil {
			return struct{}{}, ErrNoMessage
		}
		for _, seq := range seqs {
			it, ok := l.item(seq)
			if !ok || it.Read != 0 {
				continue
			}
			it.Read = l.now
			l.drop(tableInbox, be(l.key(), seq))
			who, _ := l.Person(it.Peer)
			if who.Known {
				it.Receipted = true
				at := slices.IndexFunc(piles, func(p pile) bool { return p.who.Key == it.Peer })
				if at < 0 {
					at = len(piles)
					piles = append(piles, pile{who: who})
				}
				piles[at].read = append(piles[at].read, m)
			}
			l.setItem(seq, it)
		}
	}
	for _, p := range piles {
		l.postReceipts(p.who, p.read)
	}
	return struct{}{}, l.err
}

// Conversation is one entry of the list of those whom a user talks with.
type Conversation struct {
	With   Person
	Last   Message
	Unread int
}

// Conversations lists those with whom messages were exchanged, the latest first.
// It reads the newest 5,000 messages of the history only.
func (l *Ledger) Conversations() ([]Conversation, error) {
	var out []Conversation
	r := store.Prefix(l.key())
	r.Reverse = true
	read := 0
	l.each(tableHistory, r, func(seq uint64, it item) bool {
		read++
		m := l.message(seq, it)
		at := slices.IndexFunc(out, func(c Conversation) bool {
			return c.With.Name != "" && c.With.Name == m.With.Name || c.With.Key == m.With.Key && m.With.Key != (peer.Key{})
		})
		if at < 0 {
			at = len(out)
			out = append(out, Conversation{With: m.With, Last: m})
		}
		if !it.Mine && it.Read == 0 {
			out[at].Unread++
		}
		return read < 5*maxListed
	})
	return out, l.err
}

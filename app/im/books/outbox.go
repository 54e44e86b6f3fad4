package books

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
)

// Line is a user's side of a conversation with a name, as this device counts it.
type line struct {
	Stream  id.ID    `cbor:"1,keyasint"`
	Next    uint64   `cbor:"2,keyasint"` // counter of the next letter
	Waiting int      `cbor:"3,keyasint"` // entries in the outbox
	Cursors []cursor `cbor:"4,keyasint,omitempty"`
}

// cursor is the highest counter that one of the receiver's devices is done with.
type cursor struct {
	Node id.ID  `cbor:"1,keyasint"`
	Done uint64 `cbor:"2,keyasint"`
}

// Entry is a letter in the outbox, before it is signed and sealed. It stays until
// every device of the receiver is done with it.
type Entry struct {
	ID   letter.MsgID `cbor:"1,keyasint"`
	Kind letter.Kind  `cbor:"2,keyasint"`
	Time int64        `cbor:"3,keyasint"`
	Body []byte       `cbor:"4,keyasint"`
	Seq  uint64       `cbor:"5,keyasint,omitempty"` // in the history; 0 for receipts
	Took bool         `cbor:"6,keyasint,omitempty"` // by at least one device

	Counter uint64 `cbor:"-"` // from its key
}

func (l *Ledger) line(name string) (line, bool) {
	var ln line
	ok := l.load(tableLines, l.key([]byte(name)), &ln)
	return ln, ok
}

func (l *Ledger) setLine(name string, ln line) { l.save(tableLines, l.key([]byte(name)), ln) }

func (ln *line) done(node id.ID) uint64 {
	for _, c := range ln.Cursors {
		if c.Node == node {
			return c.Done
		}
	}
	return 0
}

func (ln *line) advance(node id.ID, to uint64) {
	for i := range ln.Cursors {
		if c := &ln.Cursors[i]; c.Node == node {
			c.Done = max(c.Done, to)
			return
		}
	}
	ln.Cursors = append(ln.Cursors, cursor{node, to})
}

// Draft is a message that a user writes, with what chance has given it.
type Draft struct {
	ID   letter.MsgID
	Name string
	Text string
	Most int // entries that the outbox may hold
}

// Enqueue makes a message durable in the outbox and in the history, both or neither,
// unless the name's key has changed or the person is blocked. To write to
// somebody means to know him: his request, if he has one, is accepted.
// pinned reports whether the name has a pin.
func (l *Ledger) Enqueue(d Draft) (pinned bool, err error) {
	if l.totals().Queued >= d.Most {
		return false, ErrQueueFull
	}
	p, pinned := l.Pin(d.Name)
	if pinned {
		if err := p.Blocked(); err != nil {
			return true, err
		}
		who, _ := l.Person(p.Card.Identity)
		if who.Blocked {
			return true, ErrBlocked
		}
		l.accept(who, who.Waits())
	}
	it := item{ID: d.ID, Mine: true, Name: d.Name, Text: d.Text, Sent: l.now, State: Queued}
	seq := l.addItem(it)
	l.post(d.Name, Entry{ID: d.ID, Kind: letter.TextKind, Time: l.now, Body: []byte(d.Text), Seq: seq})
	return pinned, l.err
}

// post puts an entry at the end of a line.
func (l *Ledger) post(name string, e Entry) {
	ln, have := l.line(name)
	if !have {
		ln = line{Stream: id.HashOf("stream", l.fresh, name).Place(), Next: 1}
	}
	e.Counter = ln.Next
	ln.Next++
	ln.Waiting++
	l.setLine(name, ln)
	l.save(tableOutbox, be(l.key(named(name)), e.Counter), e)
	t := l.totals()
	t.Queued++
	l.setTotals(t)
}

func (l *Ledger) entry(name string, counter uint64) (Entry, bool) {
	e := Entry{Counter: counter}
	ok := l.load(tableOutbox, be(l.key(named(name)), counter), &e)
	e.Counter = counter
	return e, ok
}

// remove takes an entry out of the outbox. The caller writes the line.
func (l *Ledger) remove(name string, ln *line, e Entry) {
	l.drop(tableOutbox, be(l.key(named(name)), e.Counter))
	ln.Waiting--
	t := l.totals()
	t.Queued--
	l.setTotals(t)
}

// waiting lists the counters of a line's entries after a counter, at most limit.
func (l *Ledger) waiting(name string, after uint64, limit int) []uint64 {
	r := store.Prefix(l.key(named(name)))
	r.From, r.Limit = be(l.key(named(name)), after+1), limit
	var out []uint64
	for _, key := range l.keys(tableOutbox, r) {
		out = append(out, lastNumber(key))
	}
	return out
}

// LineState is what waits for a name, for those who carry it.
type LineState struct {
	Pin     Pin
	Pinned  bool
	Waiting int     // entries; 0: all are done, or gone
	Oldest  int64   // when the oldest entry was written, Unix milliseconds
	Devices []id.ID // those that do not have all of it
}

// Survey reads a line, and first drops what no longer needs to be carried.
func (l *Ledger) Survey(name string, keep time.Duration) (LineState, error) {
	var st LineState
	ln, _ := l.line(name)
	st.Pin, st.Pinned = l.Pin(name)
	if st.Pinned {
		l.prune(name, &ln, st.Pin.Card.Devices, keep)
	}
	first := l.waiting(name, 0, 1)
	if ln.Waiting == 0 || len(first) == 0 {
		return st, l.err
	}
	st.Waiting = ln.Waiting
	e, _ := l.entry(name, first[0])
	st.Oldest = e.Time
	for _, node := range st.Pin.Card.Devices {
		if len(l.waiting(name, ln.done(node), 1)) > 0 {
			st.Devices = append(st.Devices, node)
		}
	}
	return st, l.err
}

// pruneAtOnce bounds the work of one transaction.
const pruneAtOnce = 256

// prune removes the entries that every device is done with, and those that one
// device has and the others did not fetch in time. A message that all devices
// have refused has failed.
func (l *Ledger) prune(name string, ln *line, devices []id.ID, keep time.Duration) {
	if ln.Waiting == 0 || len(devices) == 0 {
		return
	}
	least := ln.Next
	for _, node := range devices {
		least = min(least, ln.done(node))
	}
	before := ln.Waiting
	for _, counter := range l.waiting(name, 0, pruneAtOnce) {
		e, ok := l.entry(name, counter)
		if !ok {
			continue // removed in this transaction
		}
		late := l.now-e.Time > keep.Milliseconds() && (e.Took || e.Kind != letter.TextKind)
		if counter > least && !late {
			break
		}
		if counter <= least && !e.Took && e.Seq != 0 {
			l.fail(e.Seq, "the receiver's program does not understand it: ask him to update phyllo")
		}
		l.remove(name, ln, e)
	}
	ln.Cursors = slices.DeleteFunc(ln.Cursors, func(c cursor) bool { return !slices.Contains(devices, c.Node) })
	if ln.Waiting != before {
		l.setLine(name, *ln)
	}
}

// fail says that a message will not be delivered.
func (l *Ledger) fail(seq uint64, why string) {
	if it, ok := l.item(seq); ok && it.State == Queued {
		it.State, it.Reason = Failed, why
		l.setItem(seq, it)
		l.tellMessage(EventState, seq, it)
	}
}

// Abandon gives up all that waits for a name that does not exist.
func (l *Ledger) Abandon(name, why string) (struct{}, error) {
	ln, _ := l.line(name)
	for _, counter := range l.waiting(name, 0, 0) {
		if e, ok := l.entry(name, counter); ok {
			l.fail(e.Seq, why)
			l.remove(name, &ln, e)
		}
	}
	l.setLine(name, ln)
	return struct{}{}, l.err
}

// Withdraw takes a message back that was never shown to anybody, as if it had not
// been written.
func (l *Ledger) Withdraw(name string, m letter.MsgID) (struct{}, error) {
	seq, it, ok := l.sentItem(m)
	if !ok || it.State != Queued {
		return struct{}{}, l.err
	}
	ln, _ := l.line(name)
	for _, counter := range l.waiting(name, 0, 0) {
		if e, ok := l.entry(name, counter); ok && e.ID == m {
			l.remove(name, &ln, e)
		}
	}
	l.setLine(name, ln)
	l.dropItem(seq, it)
	return struct{}{}, l.err
}

// Cargo is what a carrier takes along: entries that a device does not have.
type Cargo struct {
	Pin     Pin
	Stream  id.ID
	Entries []Entry
	Err     error // why nothing may go now
}

// Pick returns the next entries for a device, in order.
func (l *Ledger) Pick(name string, node id.ID) (Cargo, error) {
	p, pinned := l.Pin(name)
	if !pinned || !slices.Contains(p.Card.Devices, node) {
		return Cargo{}, l.err
	}
	ln, _ := l.line(name)
	out := Cargo{Pin: p, Stream: ln.Stream, Err: p.Blocked()}
	size := 0
	for _, counter := range l.waiting(name, ln.done(node), letter.MaxBatch) {
		e, ok := l.entry(name, counter)
		if !ok {
			break
		}
		if size += len(e.Body); size > letter.MaxText && len(out.Entries) > 0 {
			break
		}
		out.Entries = append(out.Entries, e)
	}
	return out, l.err
}

// Delivered notes what a device has answered: took are durable there, and the one
// after them, if refused is set, it will never take.
func (l *Ledger) Delivered(name string, node id.ID, p Pin, took []Entry, refused *Entry, keep time.Duration) (LineState, error) {
	ln, _ := l.line(name)
	for _, e := range took {
		ln.advance(node, e.Counter)
		now, ok := l.entry(name, e.Counter)
		if !ok || now.ID != e.ID || now.Took {
			continue
		}
		now.Took = true
		l.save(tableOutbox, be(l.key(named(name)), e.Counter), now)
		it, ok := l.item(now.Seq)
		if !ok {
			continue
		}
		it.Peer = p.Card.Identity
		if it.Delivered == 0 {
			it.Delivered = l.now
		}
		news := it.State == Queued // a receipt may have come before
		if news {
			it.State = Delivered
		}
		l.setItem(now.Seq, it)
		if news {
			l.tellMessage(EventState, now.Seq, it)
		}
	}
	if refused != nil {
		ln.advance(node, refused.Counter)
	}
	l.setLine(name, ln)
	return l.Survey(name, keep)
}

// Unsent lists the names for which something waits.
func (l *Ledger) Unsent() ([]string, error) {
	var out []string
	for _, key := range l.keys(tableLines, store.Prefix(l.key())) {
		name := string(key[len(l.tag):])
		if ln, ok := l.line(name); ok && ln.Waiting > 0 {
			out = append(out, name)
		}
	}
	return out, l.err
}

package books

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/wire"
)

// Ledger is a transaction on what one user has: his messages, what waits to be
// sent, the people he knows. All that is durable of this room is read and
// written here. It knows no node: it gets values and returns values.
type Ledger struct {
	tx
	tag [id.Size]byte // the user's fingerprint, in front of every key
	now int64         // time of day, Unix milliseconds
	// fresh is random; new streams and receipts take their ids from it.
	fresh id.ID

	// What the room does once all is durable.
	Tail    []Event  // followers are told
	Posted  []string // names to whom something was queued besides what was asked for
	Touched bool     // who is known, or how they are reached, has changed
}

// tagOf stands in front of all that the store has of a user.
func tagOf(user peer.Key) [id.Size]byte { return id.HashOf("im user", user[:]).Place().Bytes() }

// Open begins a transaction on what a user has, at the time of day now (Unix
// milliseconds). fresh is random; for reading it may be zero.
func Open(s store.Store, user peer.Key, now int64, fresh id.ID) *Ledger {
	return &Ledger{tx: tx{store: s}, tag: tagOf(user), now: now, fresh: fresh}
}

// Fence writes a record of no meaning, for the sake of the writes before it.
func (l *Ledger) Fence() error { return l.store.Put(tableFence, l.tag[:], nil) }

// Totals is what there is one of for each user.
type totals struct {
	Seq      uint64 `cbor:"1,keyasint"` // of the newest item
	Queued   int    `cbor:"2,keyasint"` // entries in the outbox
	Requests int    `cbor:"3,keyasint"` // strangers who wait
	People   int    `cbor:"4,keyasint"` // records of people
}

// Item is one message of the history.
type item struct {
	ID        letter.MsgID `cbor:"1,keyasint"`
	Mine      bool         `cbor:"2,keyasint,omitempty"`
	Name      string       `cbor:"3,keyasint,omitempty"` // Mine: whom it was written to
	Peer      peer.Key     `cbor:"4,keyasint"`           // from whom; Mine: who got it, zero before
	Text      string       `cbor:"5,keyasint"`
	Sent      int64        `cbor:"6,keyasint"`
	Received  int64        `cbor:"7,keyasint,omitempty"`
	State     State        `cbor:"8,keyasint,omitempty"`
	Delivered int64        `cbor:"9,keyasint,omitempty"`
	Read      int64        `cbor:"10,keyasint,omitempty"`
	Receipted bool         `cbor:"11,keyasint,omitempty"` // its sender was, or need not be, told that it was read
	Reason    string       `cbor:"12,keyasint,omitempty"`
}

// Acquaintance is what a user knows of another identity.
type Acquaintance struct {
	Key      peer.Key `cbor:"1,keyasint"`
	Name     string   `cbor:"2,keyasint,omitempty"` // confirmed by the directory
	Claimed  string   `cbor:"3,keyasint,omitempty"` // what he says himself
	Known    bool     `cbor:"4,keyasint,omitempty"` // written to, accepted or added: no stranger
	Contact  bool     `cbor:"5,keyasint,omitempty"` // in the user's list
	Blocked  bool     `cbor:"6,keyasint,omitempty"`
	Waiting  int      `cbor:"7,keyasint,omitempty"` // messages of his request
	Declined int64    `cbor:"8,keyasint,omitempty"` // when his request was declined
	LastSeen int64    `cbor:"9,keyasint,omitempty"`
	Streams  []stream `cbor:"10,keyasint,omitempty"`
}

// Stream is how far one device of a person has counted.
type stream struct {
	ID   id.ID  `cbor:"1,keyasint"`
	Next uint64 `cbor:"2,keyasint"` // one more than the highest counter taken
	Used int64  `cbor:"3,keyasint"`
}

// MaxStreams is how many streams of one person are remembered; the least
// recently used is forgotten. Messages are told apart by their ids, so nothing
// comes twice for it.
const MaxStreams = 32

func (l *Ledger) key(parts ...[]byte) []byte {
	n := len(l.tag)
	for _, p := range parts {
		n += len(p)
	}
	k := append(make([]byte, 0, n+8), l.tag[:]...)
	for _, p := range parts {
		k = append(k, p...)
	}
	return k
}

// named is a name as part of a key: names hold no NUL.
func named(name string) []byte { return append([]byte(name), 0) }

func (l *Ledger) totals() totals {
	var t totals
	l.load(tableUsers, l.key(), &t)
	return t
}

func (l *Ledger) setTotals(t totals) { l.save(tableUsers, l.key(), t) }

// Queued is the number of entries in the outbox.
func (l *Ledger) Queued() int { return l.totals().Queued }

// Person returns what is known of an identity, and whether that is anything.
func (l *Ledger) Person(k peer.Key) (Acquaintance, bool) {
	p := Acquaintance{}
	if l.load(tableContacts, l.key(k[:]), &p) {
		return p, true
	}
	return Acquaintance{Key: k}, false
}

// SetPerson writes a person, and keeps the totals right.
func (l *Ledger) SetPerson(p Acquaintance) {
	old, have := l.Person(p.Key)
	t := l.totals()
	before := t
	if !have {
		t.People++
	}
	if old.Waits() && !p.Waits() {
		t.Requests--
	}
	if !old.Waits() && p.Waits() {
		t.Requests++
	}
	if t != before {
		l.setTotals(t)
	}
	if old.Known != p.Known || old.Contact != p.Contact || old.Blocked != p.Blocked || old.Name != p.Name {
		l.Touched = true
	}
	l.save(tableContacts, l.key(p.Key[:]), p)
}

// Waits reports whether the person is a stranger with a request.
func (p Acquaintance) Waits() bool { return p.Waiting > 0 && !p.Known && !p.Blocked }

// Seen is when he was last heard of; zero: never.
func (p Acquaintance) Seen() time.Time { return fromMilli(p.LastSeen) }

// People returns all persons, by key.
func (l *Ledger) People() []Acquaintance {
	var out []Acquaintance
	if l.err != nil {
		return nil
	}
	err := l.store.Scan(tableContacts, store.Prefix(l.tag[:]), func(_, value []byte) bool {
		var p Acquaintance
		l.err = wire.Unmarshal(value, &p)
		out = append(out, p)
		return l.err == nil
	})
	if l.err == nil {
		l.err = err
	}
	return out
}

// Stream returns where the person's stream with this id stands.
func (p *Acquaintance) stream(x id.ID) *stream {
	for i := range p.Streams {
		if p.Streams[i].ID == x {
			return &p.Streams[i]
		}
	}
	if len(p.Streams) >= MaxStreams {
		oldest := 0
		for i := range p.Streams {
			if p.Streams[i].Used < p.Streams[oldest].Used {
				oldest = i
			}
		}
		p.Streams = slices.Delete(p.Streams, oldest, oldest+1)
	}
	p.Streams = append(p.Streams, stream{ID: x, Next: 1})
	return &p.Streams[len(p.Streams)-1]
}

// Talk is the key under which the history with somebody is found: messages that
// came under the identity, messages that went under the name written to.
func talkFrom(k peer.Key) []byte { return append([]byte{'k'}, k[:]...) }
func talkTo(name string) []byte  { return append([]byte{'n'}, named(name)...) }
func (it *item) talk() []byte {
	if it.Mine {
		return talkTo(it.Name)
	}
	return talkFrom(it.Peer)
}

// addItem appends to the history and returns the place.
func (l *Ledger) addItem(it item) uint64 {
	t := l.totals()
	t.Seq++
	l.setTotals(t)
	l.setItem(t.Seq, it)
	l.put(tableTalks, be(l.key(it.talk()), t.Seq), nil)
	if it.Mine {
		l.put(tableSent, l.key(idBytes(it.ID)), be(nil, t.Seq))
	} else {
		l.put(tableInbox, be(l.key(), t.Seq), nil)
	}
	return t.Seq
}

func (l *Ledger) item(seq uint64) (item, bool) {
	var it item
	ok := seq != 0 && l.load(tableHistory, be(l.key(), seq), &it)
	return it, ok
}

func (l *Ledger) setItem(seq uint64, it item) { l.save(tableHistory, be(l.key(), seq), it) }

// dropItem forgets a message; its id stays among the seen.
func (l *Ledger) dropItem(seq uint64, it item) {
	l.drop(tableHistory, be(l.key(), seq))
	l.drop(tableTalks, be(l.key(it.talk()), seq))
	if it.Mine {
		l.drop(tableSent, l.key(idBytes(it.ID)))
	} else {
		l.drop(tableInbox, be(l.key(), seq))
	}
}

// sentItem finds a message of the user's by its id.
func (l *Ledger) sentItem(m letter.MsgID) (uint64, item, bool) {
	b, ok := l.get(tableSent, l.key(idBytes(m)))
	if !ok || len(b) != 8 {
		return 0, item{}, false
	}
	seq := lastNumber(b)
	it, ok := l.item(seq)
	return seq, it, ok
}

// receivedItems finds received messages by their id: one, unless somebody sends
// with another's ids.
func (l *Ledger) receivedItems(m letter.MsgID) []uint64 {
	var seqs []uint64
	for _, key := range l.keys(tableSeen, store.Prefix(l.key(idBytes(m)))) {
		if b, ok := l.get(tableSeen, key); ok && len(b) == 8 {
			if seq := lastNumber(b); seq != 0 {
				seqs = append(seqs, seq)
			}
		}
	}
	return seqs
}

func (l *Ledger) seenKey(m letter.MsgID, from peer.Key) []byte { return l.key(idBytes(m), from[:]) }

func idBytes(m letter.MsgID) []byte { b := m.Bytes(); return b[:] }

// message shows an item as the room's users see it.
func (l *Ledger) message(seq uint64, it item) Message {
	m := Message{
		ID: it.ID, Seq: seq, Mine: it.Mine, Text: it.Text, SentAt: fromMilli(it.Sent), ReceivedAt: fromMilli(it.Received),
		State: it.State, DeliveredAt: fromMilli(it.Delivered), ReadAt: fromMilli(it.Read), Reason: it.Reason,
	}
	if it.Mine {
		m.With = Person{Name: it.Name, Key: it.Peer}
		if pin, ok := l.Pin(it.Name); ok && it.Peer.IsZero() {
			m.With.Key = pin.Card.Identity
		}
		return m
	}
	p, _ := l.Person(it.Peer)
	m.With = Person{Name: p.Name, Claimed: p.Claimed, Key: it.Peer}
	m.Request = !p.Known
	return m
}

// tellMessage has followers told of a message.
func (l *Ledger) tellMessage(kind EventKind, seq uint64, it item) {
	l.Tail = append(l.Tail, Event{Kind: kind, Message: l.message(seq, it)})
}

// tellContact has followers told of a person.
func (l *Ledger) tellContact(kind EventKind, p Acquaintance) {
	l.Tail = append(l.Tail, Event{Kind: kind, Contact: l.Contact(p)})
}

// Contact shows a person as the room's users see him. Whether he is online is
// not in the store.
func (l *Ledger) Contact(p Acquaintance) Contact {
	c := Contact{
		Person: Person{Name: p.Name, Claimed: p.Claimed, Key: p.Key}, Added: p.Contact, Blocked: p.Blocked,
		Request: p.Waits(), Waiting: p.Waiting, LastSeen: p.Seen(),
	}
	if pin, ok := l.Pin(p.Name); ok && p.Name != "" {
		if pin.Card.Identity == p.Key {
			c.Verified, c.Devices, c.Changed = pin.Verified, slices.Clone(pin.Card.Devices), pin.Found()
		}
	}
	return c
}

// ByID returns a message that the user has sent, or received, by its id; of two with one
// id (which only a hostile sender makes) the one that was sent, or else the first
// received. Errors: ErrNoMessage.
func (l *Ledger) ByID(m letter.MsgID) (Message, error) {
	seq, it, ok := l.sentItem(m)
	if !ok {
		seqs := l.receivedItems(m)
		if len(seqs) == 0 {
			return Message{}, errors.Join(l.err, ErrNoMessage)
		}
		seq = slices.Min(seqs)
		it, _ = l.item(seq)
	}
	return l.message(seq, it), nil
}

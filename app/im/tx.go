package im

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// The tables. Every key begins with the 16 bytes of a user's fingerprint.
const (
	tableUsers    store.Table = "im/users"    // user -> account
	tableHistory  store.Table = "im/history"  // user, seq -> item
	tableInbox    store.Table = "im/inbox"    // user, seq -> nothing: received and not read
	tableTalks    store.Table = "im/talks"    // user, person, seq -> nothing: history by person
	tableSent     store.Table = "im/sent"     // user, message id -> seq
	tableSeen     store.Table = "im/seen"     // user, message id, sender -> seq; for good
	tableOutbox   store.Table = "im/outbox"   // user, name, counter -> entry
	tableLines    store.Table = "im/lines"    // user, name -> line
	tablePins     store.Table = "im/pins"     // user, name -> pin
	tableContacts store.Table = "im/contacts" // user, identity key -> person
	tableFence    store.Table = "im/fence"    // user -> nothing; see lane
)

// tx is one reading and changing of the store, that becomes durable as a whole or
// not at all. It runs as work, off the loop; the lane of its user lets one run at
// a time. The first error sticks: later reads find nothing, and nothing is written.
type tx struct {
	store   store.Store
	batch   store.Batch
	changed map[string][]byte // by table and key; nil: deleted
	err     error
}

func place(t store.Table, key []byte) string { return string(t) + "\x00" + string(key) }

// get returns a record as this tx left it.
func (x *tx) get(t store.Table, key []byte) ([]byte, bool) {
	if x.err != nil {
		return nil, false
	}
	if v, ours := x.changed[place(t, key)]; ours {
		return v, v != nil
	}
	v, err := x.store.Get(t, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, false
	case err != nil:
		x.err = err
		return nil, false
	}
	return v, true
}

// put sets a record to the bytes of v.
func (x *tx) put(t store.Table, key, v []byte) {
	if v == nil {
		v = []byte{}
	}
	x.batch.Put(t, key, v)
	x.note(t, key, v)
}

func (x *tx) drop(t store.Table, key []byte) {
	x.batch.Delete(t, key)
	x.note(t, key, nil)
}

func (x *tx) note(t store.Table, key, v []byte) {
	if x.changed == nil {
		x.changed = make(map[string][]byte)
	}
	x.changed[place(t, key)] = v
}

// load decodes a record into v and reports whether it was there.
func (x *tx) load(t store.Table, key []byte, v any) bool {
	b, ok := x.get(t, key)
	if !ok {
		return false
	}
	if err := wire.Unmarshal(b, v); err != nil {
		x.err = fmt.Errorf("%w: table %s: %w", store.ErrCorrupt, t, err)
		return false
	}
	return true
}

func (x *tx) save(t store.Table, key []byte, v any) { x.put(t, key, wire.MustMarshal(v)) }

// keys lists keys of the store, without what this tx has changed.
func (x *tx) keys(t store.Table, r store.Range) [][]byte {
	var keys [][]byte
	if x.err != nil {
		return nil
	}
	x.err = x.store.Scan(t, r, func(key, _ []byte) bool {
		keys = append(keys, key)
		return true
	})
	return keys
}

// commit makes the changes durable.
func (x *tx) commit() error {
	if x.err == nil {
		x.err = x.batch.Err()
	}
	if x.err == nil && x.batch.Len() > 0 {
		x.err = x.store.Apply(&x.batch)
	}
	return x.err
}

// lane lets the transactions of one user run one at a time, in the order in which
// they came.
type lane struct {
	busy  bool
	queue []func()
	// doubt: a write failed, and may be on the disk unseen. The next transaction
	// first writes a record of no meaning: if that succeeds, reads show what
	// there is (see package store).
	doubt bool
}

func (l *lane) enter(f func()) {
	if l.busy {
		l.queue = append(l.queue, f)
		return
	}
	l.busy = true
	f()
}

func (l *lane) leave() {
	if len(l.queue) == 0 {
		l.busy = false
		return
	}
	next := l.queue[0]
	l.queue = l.queue[1:]
	next()
}

// storeTimeout bounds the wait for a transaction: disks hang.
const storeTimeout = time.Minute

// transact runs f as a transaction of the user, gives way until it is durable, and
// has told followers by then. f runs off the loop. After an error the change may be
// there later or not, as with package store.
func transact[V any](t *task.T, a *account, f func(*ledger) (V, error)) (V, error) {
	type outcome struct {
		v     V
		l     *ledger
		err   error
		doubt bool
	}
	env := t.Env()
	fresh := id.ID{Hi: env.Rand().Uint64(), Lo: env.Rand().Uint64()}
	return task.Await(t, storeTimeout, func(resolve func(V, error)) {
		a.lane.enter(func() {
			l, doubt := a.ledger(env), a.lane.doubt
			l.fresh = fresh
			env.Work(func() any {
				o := outcome{l: l}
				if doubt {
					if o.err = l.store.Put(tableFence, l.tag[:], nil); o.err != nil {
						o.doubt = true
						return o
					}
				}
				if o.v, o.err = f(l); o.err == nil {
					o.err = l.commit()
					o.doubt = o.err != nil && !nothingWritten(o.err)
				}
				return o
			}, func(r any) {
				o := r.(outcome)
				a.lane.doubt = o.doubt
				if o.err == nil {
					a.follow(o.l)
				}
				a.lane.leave()
				resolve(o.v, o.err)
			})
		})
	})
}

// query is transact for reading only: it does not wait for its turn.
func query[V any](t *task.T, a *account, f func(*ledger) (V, error)) (V, error) {
	l := a.ledger(t.Env())
	return task.Work(t, storeTimeout, func() (V, error) {
		v, err := f(l)
		if err == nil {
			err = l.err
		}
		return v, err
	})
}

func nothingWritten(err error) bool {
	return errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrTooLarge) || errors.Is(err, store.ErrClosed)
}

// be appends a number so that keys sort by it.
func be(key []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(key, n) }

// lastNumber reads what be appended.
func lastNumber(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

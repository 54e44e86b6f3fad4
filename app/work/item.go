package work

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// This file is an item on its offerer's node, and how it is kept in the store.

// record is an item in the store, below its number.
type record struct {
	Topic  string   `cbor:"1,keyasint"`
	By     peer.Key `cbor:"2,keyasint"`
	Body   []byte   `cbor:"3,keyasint,omitempty"`
	Tries  uint32   `cbor:"4,keyasint,omitempty"` // how often it may still fail
	Gone   uint32   `cbor:"5,keyasint,omitempty"` // how many takers had it when they went
	Time   int64    `cbor:"6,keyasint"`           // when it was queued, Unix milliseconds
	Seq    uint64   `cbor:"7,keyasint,omitempty"` // its place among those of one time
	Secret id.Hash  `cbor:"8,keyasint"`           // what tokens are made from
	// Outcome and Why are set when it is not offered any more, and nobody has listened.
	Outcome Outcome `cbor:"9,keyasint,omitempty"`
	Why     string  `cbor:"10,keyasint,omitempty"`
	Had     uint32  `cbor:"11,keyasint,omitempty"` // takers, as far as it was written
	Out     bool    `cbor:"12,keyasint,omitempty"` // it was handed to one, or was about to be
}

// Check implements wire.Checker.
func (r *record) Check() error {
	if r.By.IsZero() || r.Secret.IsZero() || len(r.Body) > MaxItem || r.Tries > MaxTries || r.Time < 0 || r.Time > maxTime {
		return fmt.Errorf("%w: a record of an item", errMessage)
	}
	return nil
}

// maxTime is far beyond any date that a clock may show, in Unix milliseconds.
const maxTime = 1 << 50

// State is how far an item is.
type State string

// States of items that are offered on a node.
const (
	Queued  State = "queued"  // it waits to be offered, or again
	Offered State = "offered" // a taker is looked for
	Taken   State = "taken"
	Over    State = "over"
)

// Outcome is what became of an item.
type Outcome string

// Outcomes.
const (
	Done      Outcome = "done"
	None      Outcome = "none"    // there are no takers
	Failed    Outcome = "failed"  // it failed too often, or may not be offered
	Expired   Outcome = "expired" // it has waited for Config.MaxAge
	Withdrawn Outcome = "withdrawn"
)

// item is one that is offered on this node.
type item struct {
	record
	id      id.Hash
	q       *queue
	offers  *Offers // who listens; nil: nobody
	state   State
	lost    int // searches that came to no end
	fails   int // since the start
	taker   *peer.Handle
	timer   task.Timer // of the lease, or until it is offered again
	unwatch func()
	writes  []write // the first is under way
}

// token is what the taker on a node shows.
func (it *item) token(node id.ID) id.Hash { return id.HashOf("work token", it.Secret, it.id, node) }

// release ends what waits for the item's taker, or for its time.
func (it *item) release() {
	it.timer.Stop()
	if it.unwatch != nil {
		it.unwatch()
	}
	it.unwatch, it.taker = nil, nil
}

const (
	// disk bounds what is read or written at once.
	disk = time.Minute
	// sweepEvery is how often it is looked for items that are too old, and loadAgain how soon
	// the store is read again if it cannot be.
	sweepEvery = 10 * time.Minute
	loadAgain  = 5 * time.Second
	// readyStep is how often it is looked whether the node is in the ring again.
	readyStep = 250 * time.Millisecond
)

// keep reads the items that were queued before, and gives up what has waited too long.
func (w *Work) keep(t *task.T) error {
	for err := w.load(t); err != nil; err = w.load(t) {
		if errors.Is(err, task.ErrStopped) {
			return err
		}
		if err := t.Sleep(loadAgain); err != nil {
			return err
		}
	}
	for !w.ep.Ready() { // who asks before waits for answers that do not come
		if err := t.Sleep(readyStep); err != nil {
			return err
		}
	}
	w.up, w.since = true, w.ep.Now()
	for _, q := range slices.Clone(w.queues) {
		q.pump()
	}
	for {
		if err := t.Sleep(sweepEvery); err != nil {
			return err
		}
		w.sweep()
	}
}

// load reads what is in the store. Those who may still be at work have one lease to say so.
// What is damaged is left out.
func (w *Work) load(t *task.T) error {
	st, most := w.cfg.Store, w.cfg.MaxItems
	list, err := task.Work(t, disk, func() (list []*item, err error) {
		err = st.Scan(Table, store.Range{Limit: most}, func(key, value []byte) bool {
			it := new(item)
			if it.id.UnmarshalBinary(key) == nil && wire.Unmarshal(value, &it.record) == nil {
				list = append(list, it)
			}
			return true
		})
		return list, err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b *item) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Seq, b.Seq), bytes.Compare(a.id[:], b.id[:]))
	})
	for _, it := range list {
		name, err := topic.ParseName(it.Topic)
		if err != nil || w.items[it.id] != nil {
			continue
		}
		q := w.queue(name, it.By)
		w.include(q, it)
		if it.state = Queued; it.Outcome != "" {
			it.state = Over
		} else if it.Out {
			it.timer = w.ep.After(w.cfg.Lease, func() { q.put(it, true) })
		} else {
			q.ready = append(q.ready, it)
		}
	}
	return nil
}

// include counts an item in.
func (w *Work) include(q *queue, it *item) {
	it.q = q
	q.items = append(q.items, it)
	w.items[it.id] = it
	w.bytes += len(it.Body)
}

// exclude forgets an item.
func (w *Work) exclude(it *item) {
	if w.items[it.id] != it {
		return
	}
	delete(w.items, it.id)
	w.bytes -= len(it.Body)
	it.q.items = slices.DeleteFunc(it.q.items, func(o *item) bool { return o == it })
	w.tidy(it.q)
}

// sweep gives up items that are too old.
func (w *Work) sweep() {
	oldest := w.ep.Wall().Add(-w.cfg.MaxAge).UnixMilli()
	for _, q := range slices.Clone(w.queues) {
		for _, it := range slices.Clone(q.items) {
			if it.state == Queued && it.Time < oldest {
				w.end(it, Expired, "it has waited for too long", nil)
			}
		}
	}
}

// end ends an item. then, which may be nil, is called when that is on the disk, or with why it
// is not. What nobody listens to is kept, unless it was done or withdrawn.
func (w *Work) end(it *item, o Outcome, why string, then func(error)) {
	first := it.state != Over
	by := it.taker
	it.release()
	it.q.take(it)
	it.state, it.Outcome, it.Why = Over, o, why
	stays := it.offers == nil && o != Done && o != Withdrawn
	if o == Done {
		w.lately.add(it.id)
	}
	st, key, value := w.cfg.Store, it.id, wire.MustMarshal(&it.record)
	w.write(it, func() error {
		if stays {
			return st.Put(Table, key[:], value)
		}
		return st.Delete(Table, key[:])
	}, func(err error) {
		if err == nil && !stays {
			w.exclude(it)
		}
		if first {
			it.tell(Event{Outcome: o, Taker: idOf(by), Why: why})
		}
		if then != nil {
			then(err)
		}
	})
}

func idOf(h *peer.Handle) id.ID {
	if h == nil {
		return id.ID{}
	}
	return h.ID
}

// save writes what has changed of an item that goes on. Nobody waits for it.
func (w *Work) save(it *item) {
	st, key, value := w.cfg.Store, it.id, wire.MustMarshal(&it.record)
	w.write(it, func() error { return st.Put(Table, key[:], value) }, func(error) {})
}

// out notes that an item is about to be in somebody's hands, so that he is waited for after a
// restart.
func (w *Work) out(t *task.T, it *item) error {
	if it.Out {
		return nil
	}
	it.Out = true
	st, key, value := w.cfg.Store, it.id, wire.MustMarshal(&it.record)
	_, err := task.Await(t, disk, func(resolve func(struct{}, error)) {
		w.write(it, func() error { return st.Put(Table, key[:], value) }, func(err error) { resolve(struct{}{}, err) })
	})
	it.Out = err == nil
	return err
}

// write is a change of an item in the store.
type write struct {
	do   func() error
	then func(error)
}

// write does one change after another, off the loop.
func (w *Work) write(it *item, do func() error, then func(error)) {
	it.writes = append(it.writes, write{do, then})
	if len(it.writes) == 1 {
		w.nextWrite(it)
	}
}

func (w *Work) nextWrite(it *item) {
	now := it.writes[0]
	w.ep.Work(func() any { return now.do() }, func(result any) {
		it.writes = it.writes[1:]
		if len(it.writes) > 0 {
			w.nextWrite(it)
		}
		err, _ := result.(error)
		now.then(err)
	})
}

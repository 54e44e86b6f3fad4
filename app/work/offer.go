package work

import (
	"fmt"
	"slices"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// Event is what becomes of an item: a State, or the Outcome, after which nothing comes.
type Event struct {
	Item    id.Hash
	Body    []byte // shared: must not be changed
	State   State  // Queued with Again set: it is offered again; empty: see Outcome
	Outcome Outcome
	Again   bool
	Taker   id.ID  // the node, where there is one
	Why     string // of a failure
}

// Options of what is offered.
type Options struct {
	// Wait lets items wait for takers if there are none; otherwise their outcome is None, once the
	// first few seconds are over: takers who wait for the topic to be there hear of it within these.
	Wait bool
	// Tries is how often an item may fail, up to MaxTries; 0 means DefaultTries.
	Tries int
	// Tell is called on the node's loop with what becomes of the items. It must not wait.
	Tell func(Event)
}

// Offers is where one program offers items to one topic.
type Offers struct {
	q     *queue
	o     Options
	begun task.Instant
}

// Open opens a topic to offer items to it, and makes one of the ring if there is none. The
// error is ErrOptions, msg.ErrDenied where it is known that by may not publish, topic's
// ErrUnknown, or one of the directory. Close it in the end.
func (w *Work) Open(t *task.T, n topic.Name, by peer.Signer, o Options) (*Offers, error) {
	if o.Tries < 0 || o.Tries > MaxTries {
		return nil, ErrOptions
	}
	if o.Tries == 0 {
		o.Tries = DefaultTries
	}
	group, err := w.cfg.Topics.Group(t, n, by)
	if err != nil {
		return nil, err
	}
	if c := w.cfg.Scribe.Charter(group); c != nil && !c.MayPublish(by.Public()) {
		return nil, msg.ErrDenied
	}
	q := w.queue(n, by.Public())
	q.group = group
	q.open++
	q.found()
	return &Offers{q, o, w.ep.Now()}, nil
}

// Close ends it: nothing is told any more, and what is still queued waits for takers.
func (o *Offers) Close() {
	for _, it := range o.q.items {
		if it.offers == o {
			it.offers = nil
		}
	}
	o.q.open--
	o.q.w.tidy(o.q)
}

// Add queues items, which belong to it from then on. When it returns their numbers they are
// on the disk, and each was told as Queued. The error is ErrTooLarge, ErrFull, or one of the
// store; then none is.
func (o *Offers) Add(t *task.T, bodies ...[]byte) ([]id.Hash, error) {
	w, q := o.q.w, o.q
	size, now := 0, w.ep.Wall().UnixMilli()
	var ids []id.Hash
	var list []*item
	batch := new(store.Batch)
	for _, b := range bodies {
		if len(b) > MaxItem {
			return nil, ErrTooLarge
		}
		size += len(b)
		w.seq++
		r, self := w.ep.Rand(), w.ep.Self().ID
		it := &item{state: Queued, offers: o, id: id.HashOf("work item", self, q.by[:], now, w.seq, r.Uint64()),
			record: record{Topic: q.name.String(), By: q.by, Body: b, Tries: uint32(o.o.Tries), Time: now, Seq: w.seq,
				Secret: id.HashOf("work secret", r.Uint64(), r.Uint64(), r.Uint64(), r.Uint64())}}
		batch.Put(Table, it.id[:], wire.MustMarshal(&it.record))
		list, ids = append(list, it), append(ids, it.id)
	}
	if len(w.items)+len(list) > w.cfg.MaxItems || w.bytes+size > w.cfg.MaxBytes {
		return nil, ErrFull
	}
	for _, it := range list { // so that nobody else takes their place
		w.include(q, it)
	}
	st := w.cfg.Store
	if _, err := task.Work(t, disk, func() (struct{}, error) { return struct{}{}, st.Apply(batch) }); err != nil {
		for _, it := range list {
			w.exclude(it)
		}
		return nil, fmt.Errorf("keeping items of %s: %w", q.name, err)
	}
	for _, it := range list {
		if it.state == Queued {
			it.tell(Event{State: Queued})
			q.ready = append(q.ready, it)
		}
	}
	if !o.o.Wait && q.waitsForTopic() { // these learn soon that nobody is there
		q.wake()
	}
	q.pump()
	q.announce()
	return ids, nil
}

// tell tells who listens.
func (it *item) tell(e Event) {
	if it.offers != nil && it.offers.o.Tell != nil {
		e.Item, e.Body = it.id, it.Body
		it.offers.o.Tell(e)
	}
}

// Standing is an item that is offered on this node.
type Standing struct {
	Item    id.Hash
	Topic   topic.Name
	State   State
	Outcome Outcome // of one that is over, and was not told to anybody
	Why     string
	Taker   id.ID // the node that has it; zero: none
	Had     int   // takers, as far as it was written
	Time    int64 // when it was queued, Unix milliseconds
	Body    []byte
}

// List returns the items that are offered on this node, those of one topic and offerer in
// their order. Bodies are shared and must not be changed.
func (w *Work) List() (list []Standing) {
	for _, q := range w.queues {
		for _, it := range q.items {
			list = append(list, it.standing())
		}
	}
	return list
}

// Withdraw ends items of a topic that are offered on this node, all of them if none are named.
// Who has one learns of it when he speaks next. It returns how many there were.
func (w *Work) Withdraw(t *task.T, n topic.Name, items ...id.Hash) (int, error) {
	var list []*item
	for _, q := range w.queues {
		for _, it := range q.items {
			if q.name == n && (len(items) == 0 || slices.Contains(items, it.id)) {
				list = append(list, it)
			}
		}
	}
	if len(list) == 0 {
		return 0, nil
	}
	results, err := task.Gather(t, disk, len(list), func(i int, resolve func(struct{}, error)) {
		w.end(list[i], Withdrawn, "", func(err error) { resolve(struct{}{}, err) })
	}, nil)
	for _, r := range results {
		if err == nil {
			err = r.Err
		}
	}
	return len(list), err
}

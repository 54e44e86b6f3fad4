package past

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// lostTime bounds what is written down about damage.
const lostTime = disk

// Mark is a place in a pass of Scrub: the records come first, in the order of the objects'
// ids, then the chunks of large contents. The zero Mark is the beginning. Whoever scrubs
// keeps it over a restart.
type Mark struct {
	Object id.Hash // the object that was looked at last
	Blobs  bool    // all records were looked at, and
	Blob   store.Mark
}

// Scrub reads again what this node keeps, from a mark on, and hashes it anew, until budget
// bytes were looked at or all were: then the next mark is the zero Mark. It is one step of
// a pass, for the node to repeat at its pace (store.Pace). What is damaged is put away, and
// fetched again from other holders: that is no error.
//
// Errors: those of the disk; task.ErrStopped.
func (p *Past) Scrub(t *task.T, from Mark, budget int64) (next Mark, err error) {
	for read := int64(0); !from.Blobs; {
		e := p.shelf.after(from.Object)
		if e == nil {
			from = Mark{Blobs: true}
			break
		}
		if read >= budget {
			return from, nil
		}
		n, err := p.scrubObject(t, e.object)
		if err != nil {
			return from, err
		}
		read += max(n, store.MinScrub)
		from.Object = e.object
	}
	return p.scrubBlobs(t, from, budget)
}

// scrubObject reads an object's record and content, but not the chunks of a large one, and
// returns how many bytes these had.
func (p *Past) scrubObject(t *task.T, o id.Hash) (int64, error) {
	if err := p.busy.Take(t, o); err != nil {
		return 0, err
	}
	defer p.busy.Leave(o)
	if p.shelf.find(o) == nil {
		return 0, nil // it went while this task waited
	}
	_, content, err := p.body(t, o, true)
	if isDamage(err) {
		err = nil
	}
	return int64(len(content)), err
}

func (p *Past) scrubBlobs(t *task.T, from Mark, budget int64) (Mark, error) {
	b := p.cfg.Blobs
	if b == nil {
		return Mark{}, nil
	}
	s, err := task.Work(t, disk, func() (store.Scrubbed, error) { return b.Scrub(from.Blob, budget) })
	if err != nil {
		return from, err
	}
	for _, h := range s.Damaged {
		for _, e := range p.shelf.speaking(h) {
			p.lose(e)
		}
	}
	if s.Next == (store.Mark{}) {
		return Mark{}, nil
	}
	return Mark{Blobs: true, Blob: s.Next}, nil
}

// isDamage reports whether an error says that an object of the own store cannot be read as
// it was written.
func isDamage(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) || errors.Is(err, errDamaged)
}

// lost are objects whose replica here was damaged, until there is another one. Also after a
// restart they are no replicas: LostTable has their ids.
type lost struct {
	objects map[id.Hash]lostOne
	blobs   map[id.Hash]int // how many of them speak of a blob, which still has good chunks
}

type lostOne struct {
	copies  int     // that it is to have
	content id.Hash // of a large one; else zero
}

func newLost() lost { return lost{make(map[id.Hash]lostOne), make(map[id.Hash]int)} }

func (l *lost) add(o id.Hash, x lostOne) {
	l.remove(o)
	l.objects[o] = x
	l.blobs[x.content]++
}

func (l *lost) remove(o id.Hash) {
	x, was := l.objects[o]
	if !was {
		return
	}
	delete(l.objects, o)
	if l.blobs[x.content]--; l.blobs[x.content] == 0 {
		delete(l.blobs, x.content)
	}
}

func (l *lost) sorted() []id.Hash {
	return slices.SortedFunc(maps.Keys(l.objects), func(a, b id.Hash) int { return bytes.Compare(a[:], b[:]) })
}

// lose takes a damaged object off the shelf, so that it counts as a replica no longer and is
// fetched again.
func (p *Past) lose(e *entry) {
	if p.shelf.find(e.object) != e {
		return
	}
	p.stats.Damaged++
	p.shelf.remove(e.object)
	x := lostOne{copies: int(e.copies)}
	if e.large() {
		x.content = e.content
	}
	p.lost.add(e.object, x)
	p.noteLost(func(b *store.Batch) { b.Put(LostTable, e.object[:], []byte{e.copies}) })
	p.rounds.Unsettle()
}

// found notes that there is a replica again.
func (p *Past) found(o id.Hash) {
	if _, was := p.lost.objects[o]; was {
		p.stats.Repaired++
		p.forgetLost(o)
	}
}

// release forgets what was lost, and is other nodes' to keep by now.
func (p *Past) release() {
	var others []id.Hash
	for _, o := range p.lost.sorted() {
		if !p.holder(o.Place(), p.lost.objects[o].copies) {
			others = append(others, o)
		}
	}
	p.forgetLost(others...)
}

func (p *Past) forgetLost(objects ...id.Hash) {
	if len(objects) == 0 {
		return
	}
	for _, o := range objects {
		p.lost.remove(o)
	}
	p.noteLost(func(b *store.Batch) {
		for _, o := range objects {
			b.Delete(LostTable, o[:])
		}
	})
}

// noteLost writes down what has changed. If that fails the object is found damaged once more
// after a restart, or looked for in vain: nobody waits for it.
func (p *Past) noteLost(change func(*store.Batch)) {
	st := p.cfg.Store
	var b store.Batch
	change(&b)
	p.ep.Go(func(t *task.T) error {
		_, err := task.Work(t, lostTime, func() (struct{}, error) { return struct{}{}, st.Apply(&b) })
		return err
	}, nil)
}

// lookAtLost reads anew, at the start, what was damaged when the node ended.
func (p *Past) lookAtLost(t *task.T) error {
	for _, o := range p.lost.sorted() {
		if p.shelf.find(o) == nil {
			continue
		}
		switch _, _, err := p.body(t, o, true); {
		case errors.Is(err, task.ErrStopped):
			return err
		case err == nil: // it was replaced, and that was not written down
			p.forgetLost(o)
		}
	}
	return nil
}

// readLost reads LostTable.
func readLost(st store.Store) (lost, error) {
	l := newLost()
	err := st.Scan(LostTable, store.Range{}, func(key, value []byte) bool {
		if len(key) == len(id.Hash{}) && len(value) == 1 {
			l.add(id.Hash(key), lostOne{copies: int(value[0])})
		}
		return true
	})
	return l, err
}

package past

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/missed"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/app/reload"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// disk bounds each piece of work with the store.
const disk = 30 * time.Second

// errDamaged: an object of the own store cannot be read; it is fetched again from the
// other holders.
var errDamaged = errors.New("past: an object in the store is damaged")

// body reads what lies in the store under an id; with content its content too, which is
// hashed anew (RELIABILITY S4). What is damaged is put away, so that it counts as a replica
// no longer and is fetched again.
func (p *Past) body(t *task.T, o id.Hash, content bool) (*kept, []byte, error) {
	type read struct {
		kept    *kept
		content []byte
	}
	st, blobs, was := p.cfg.Store, p.cfg.Blobs, p.shelf.find(o)
	r, err := task.Work(t, disk, func() (r read, err error) {
		r.kept, err = readKept(st, o)
		if err != nil || !content || r.kept.Reclaim != nil || r.kept.At != nil {
			return r, err
		}
		if r.content, err = st.Get(ContentTable, o[:]); err != nil {
			return r, err
		}
		if r.kept.Cert.Fits(r.content) != nil {
			return r, errDamaged
		}
		if r.kept.Cert.Large() {
			if there, err := whole(blobs, r.kept.Cert.Content); err != nil || !there {
				return r, errors.Join(errDamaged, err)
			}
		}
		return r, nil
	})
	if isDamage(err) && was != nil {
		p.lose(was)
	}
	return r.kept, r.content, err
}

func readKept(st store.Store, o id.Hash) (*kept, error) {
	b, err := st.Get(Table, o[:])
	if err != nil {
		return nil, err
	}
	k := new(kept)
	if err := wire.Unmarshal(b, k); err != nil || k.id() != o {
		return nil, errDamaged
	}
	return k, nil
}

// written is a change of what lies in the store.
type written struct {
	kept    *kept
	fresh   bool // content is to be written; otherwise it is there already
	content []byte
	unsure  bool          // nobody has verified certificate and content yet
	slip    *voucher.Slip // what pays for it; nil: nobody pays, or it is written already
}

// write makes a change durable; nothing is said to anybody before.
func write(st store.Store, o id.Hash, w written) error {
	var b store.Batch
	w.into(&b, o)
	return st.Apply(&b)
}

func (w written) into(b *store.Batch, o id.Hash) {
	b.Put(Table, o[:], wire.MustMarshal(w.kept))
	switch {
	case w.kept.Reclaim != nil || w.kept.At != nil:
		b.Delete(ContentTable, o[:])
	case w.fresh:
		b.Put(ContentTable, o[:], w.content)
	}
	if w.slip != nil {
		account.PutSlip(b, w.slip)
	}
}

// lies returns nil if the chunks of a large content that is written of lie on the disk: they may
// have gone, when the last other object with this content went.
func (w *written) lies(b store.Blobs) error {
	if !w.fresh || w.kept.At != nil || w.kept.Cert == nil || !w.kept.Cert.Large() {
		return nil
	}
	there, err := whole(b, w.kept.Cert.Content)
	if !there {
		err = errors.Join(errDamaged, err)
	}
	return err
}

// erase forgets entries, on the disk first, unless they have changed since. What was
// promised to the roots of mutable objects stands for ever: a root that was silent for long
// may still act in an old term.
func (p *Past) erase(t *task.T, es []*entry) error {
	var objects []id.Hash
	for _, e := range es {
		if !p.busy.Held(e.object) && p.shelf.find(e.object) == e {
			objects = append(objects, e.object)
			p.busy.Hold(e.object)
		}
	}
	if len(objects) == 0 {
		return nil
	}
	st := p.cfg.Store
	_, err := task.Work(t, disk, func() (struct{}, error) {
		var b store.Batch
		for _, o := range objects {
			b.Delete(Table, o[:])
			b.Delete(ContentTable, o[:])
			account.DropSlip(&b, o)
		}
		return struct{}{}, st.Apply(&b)
	})
	var blobs []id.Hash
	for _, o := range objects {
		if err == nil {
			if e := p.shelf.find(o); e != nil && e.large() {
				blobs = append(blobs, e.content)
			}
			p.shelf.remove(o)
		}
		p.busy.Leave(o)
	}
	if err != nil {
		return fmt.Errorf("past: forget %d objects: %w", len(objects), err)
	}
	return p.deleteBlobs(t, blobs)
}

// load reads the index from the store, at the start.
func (p *Past) load(t *task.T) (err error) {
	st, ring := p.cfg.Store, p.cfg.Ring
	if p.lost, err = reload.Once(t, func() (lost, error) { return readLost(st) }); err != nil {
		return err
	}
	damaged, err := reload.Table(t, st, Table, func(key, value []byte) (*entry, bool, error) {
		k := new(kept)
		if wire.Unmarshal(value, k) != nil {
			return nil, false, nil
		}
		e := k.entry(ring)
		return e, bytes.Equal(e.object[:], key), nil
	}, func(es []*entry) {
		for _, e := range es {
			e.came = p.ep.Now()
			p.shelf.set(e)
		}
	})
	if err != nil {
		return err
	}
	p.stats.Damaged += damaged
	if err := p.lookAtLost(t); err != nil {
		return err
	}
	return p.loadLife(t)
}

// lifeKey is where the number of the disk's life lies, in PromiseTable: it goes when the
// promises go.
const lifeKey = "life"

// loadLife reads the number of the disk's life, or draws one for an empty disk, and with
// that this node is ready.
func (p *Past) loadLife(t *task.T) error {
	st, drawn := p.cfg.Store, p.ep.Rand().Uint64()|1
	type past struct {
		life uint64
		remembered
	}
	was, err := reload.Once(t, func() (was past, err error) {
		if was.remembered, err = readFellows(st); err != nil {
			return was, err
		}
		b, err := st.Get(PromiseTable, []byte(lifeKey))
		switch {
		case err == nil && len(b) == 8:
			was.life = binary.BigEndian.Uint64(b)
			return was, nil
		case err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt):
			was.life = drawn
			return was, st.Put(PromiseTable, []byte(lifeKey), binary.BigEndian.AppendUint64(nil, drawn))
		}
		return was, err
	})
	if err != nil {
		return err
	}
	p.life = was.life
	p.noted = noted{missed: string(was.missed), named: string(was.named)}
	p.missed.Read(was.missed)
	p.named.Read(was.named)
	p.await(was.fellows)
	if p.look(); p.cfg.Absence > 0 {
		p.circle = missed.ReadCircle(was.circle)
		if len(p.circle) == 0 { // an older program has noted those near alone
			p.circle = missed.ReadCircle(nil, append(was.fellows, p.ep.Self().ID)...)
		}
		p.encircle()
	}
	p.rounds.Begin()
	p.noteFellows()
	return nil
}

// inTime reports whether a certificate may be taken at this time of day: its date is not in
// the future, and its object has not expired.
func (p *Past) inTime(c *certificate.Certificate) bool {
	wall := p.ep.Wall()
	return c.Date <= wall.Add(p.cfg.Skew).UnixMilli() && !c.Expired(wall)
}

package storage

import (
	"cmp"
	"context"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// scrubKey is the key of the record of how far scrubbing is.
var scrubKey = []byte("scrub")

// scrubAgain is how long to wait after a step that could not be made.
const scrubAgain = time.Minute

// scrubbing is how far this node is with reading again all that it keeps for its ring, over
// all its runs. Times are in Unix milliseconds, 0 if it was not yet.
type scrubbing struct {
	Object  id.Hash `cbor:"1,keyasint"`
	Blobs   bool    `cbor:"2,keyasint,omitempty"`
	Blob    id.Hash `cbor:"3,keyasint"`
	Chunk   int     `cbor:"4,keyasint,omitempty"`
	Stepped int64   `cbor:"5,keyasint,omitempty"` // when the last step ended
	Began   int64   `cbor:"6,keyasint,omitempty"` // when the pass under way began
	Ended   int64   `cbor:"7,keyasint,omitempty"` // when the last whole pass ended
}

func (s *scrubbing) mark() past.Mark {
	return past.Mark{Object: s.Object, Blobs: s.Blobs, Blob: store.Mark{Blob: s.Blob, Chunk: s.Chunk}}
}

// step notes that a step has ended at a time of day, and where the next one begins.
func (s *scrubbing) step(next past.Mark, at time.Time) {
	s.Object, s.Blobs, s.Blob, s.Chunk = next.Object, next.Blobs, next.Blob.Blob, next.Blob.Chunk
	s.Stepped = at.UnixMilli()
	if s.Began == 0 {
		s.Began = s.Stepped
	}
	if next == (past.Mark{}) {
		s.Ended, s.Began = s.Stepped, 0
	}
}

// shown is what status says, with the storage's counts.
func (s *scrubbing) shown(kept past.Stats) api.Keeping {
	at := func(ms int64) time.Time {
		if ms == 0 {
			return time.Time{}
		}
		return time.UnixMilli(ms).UTC()
	}
	return api.Keeping{
		Bytes: kept.Bytes, Objects: kept.Objects, Read: at(s.Ended), Reading: at(s.Began),
		Damaged: kept.Damaged, Repaired: kept.Repaired, Lost: kept.Lost,
	}
}

// WatchScrub reads again, step by step, all that this node keeps for its ring, within a week
// and for at most a twentieth of a core (store.Pace). What a disk has changed in silence is found
// so while other nodes still have it.
func (x *Storage) WatchScrub(ctx context.Context) {
	s := x.readScrub()
	x.setScrub(s)
	var took time.Duration
	for {
		wait, budget, err := x.scrubWait(ctx, s, took)
		if err == nil && wait <= 0 {
			took, err = x.scrubStep(ctx, &s, budget)
			x.setScrub(s)
		}
		if err != nil {
			if ctx.Err() == nil && x.cfg.Here() != nil {
				x.cfg.Log.Warn("what this node keeps could not be read again: `phyllo doctor` looks at its disk", "err", err)
			}
			wait = scrubAgain
		}
		timer := time.NewTimer(max(wait, 0))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// scrubWait says how long to wait until the next step is due, and its budget in bytes. Steps
// are counted over all runs: a node that is on for an hour a day makes them, too.
func (x *Storage) scrubWait(ctx context.Context, s scrubbing, took time.Duration) (wait time.Duration, budget int64, err error) {
	var kept past.Stats
	if err := loop.Call(ctx, x.cfg.Here(), func(h *Here) { kept = h.past.Stats() }); err != nil {
		return 0, 0, err
	}
	wait, budget = x.cfg.Scrub.Next(store.Space{Used: kept.Bytes, Blobs: kept.Objects}, took)
	if s.Stepped == 0 {
		return 0, budget, nil
	}
	passed := time.Since(time.UnixMilli(s.Stepped))
	return min(wait, wait-passed), budget, nil // a clock that went back delays nothing
}

// scrubStep makes one step, and writes down how far it came. took is how long it worked.
func (x *Storage) scrubStep(ctx context.Context, s *scrubbing, budget int64) (took time.Duration, err error) {
	type step struct {
		next past.Mark
		took time.Duration
	}
	from := s.mark()
	done, err := loop.Do(ctx, x.cfg.Here(), func(t *task.T, h *Here) (done step, err error) {
		begin := t.Env().Now()
		done.next, err = h.past.Scrub(t, from, budget)
		done.took = t.Env().Now().Sub(begin)
		return done, err
	})
	if err != nil {
		return done.took, err
	}
	s.step(done.next, time.Now())
	return done.took, x.records.Put(scrubKey, wire.MustMarshal(s))
}

// readScrub reads how far an earlier run came; what cannot be read is begun anew.
func (x *Storage) readScrub() (s scrubbing) {
	b, err := x.records.Get(scrubKey)
	if err == nil && b != nil {
		err = wire.Unmarshal(b, &s)
	}
	if err = cmp.Or(err, s.check()); err != nil {
		x.cfg.Log.Warn("how far this node's storage was read again is not known: it begins anew", "err", err)
		return scrubbing{}
	}
	return s
}

func (s *scrubbing) check() error {
	if s.Chunk < 0 || s.Stepped < 0 || s.Began < 0 || s.Ended < 0 {
		return store.ErrCorrupt
	}
	return nil
}

func (x *Storage) setScrub(s scrubbing) {
	x.mu.Lock()
	x.scrub = s
	x.mu.Unlock()
}

// Keeping is how that stands which this node keeps for its ring.
func (x *Storage) Keeping(kept past.Stats) api.Keeping {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.scrub.shown(kept)
}

package past

import (
	"bytes"
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// A node that starts again and has met nobody yet must not believe that it is alone: those
// who were near it before may keep what it does not know of. So it remembers who they were,
// and waits for them as for those who went away a moment ago (Config.Absence).

// fellowsKey is where the ids of the fellow holders lie, and of those who are away, in
// PromiseTable: they go when the promises go.
const fellowsKey = "fellows"

// maxFellowsKept bounds the ids that are remembered.
const maxFellowsKept = 64

// noteFellows writes down who is near, and who went away a moment ago, where that is new.
// Nobody waits for it. One write is under way at a time, so that an older one cannot come last.
func (p *Past) noteFellows() {
	if !p.rounds.Begun() || p.stopped || p.noting {
		return
	}
	ids := slices.Clone(p.fellows)
	for _, a := range p.away {
		ids = append(ids, a.node)
	}
	var b []byte
	for _, x := range ids[:min(len(ids), maxFellowsKept)] {
		raw := x.Bytes()
		b = append(b, raw[:]...)
	}
	if bytes.Equal(b, p.noted) {
		return
	}
	st := p.cfg.Store
	p.noting = true
	p.ep.Go(func(t *task.T) error {
		_, err := task.Work(t, disk, func() (struct{}, error) { return struct{}{}, st.Put(PromiseTable, []byte(fellowsKey), b) })
		return err
	}, func(err error) {
		p.noting = false
		if err == nil {
			p.noted = b
			p.noteFellows() // they may have changed meanwhile
		}
	})
}

// readFellows reads what noteFellows wrote.
func readFellows(st store.Store) (ids []id.ID, err error) {
	b, err := st.Get(PromiseTable, []byte(fellowsKey))
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) {
		return nil, nil
	}
	for ; len(b) >= 16; b = b[16:] {
		ids = append(ids, id.FromBytes(b[:16]))
	}
	return ids, err
}

// miss takes those who were near before the start, and are not there yet, for away.
func (p *Past) miss(ids []id.ID) {
	there := make(map[id.ID]bool)
	for _, h := range p.ep.NeighborSet(maxFellows) {
		there[h.ID] = true
	}
	for _, a := range p.away {
		there[a.node] = true
	}
	missed := false
	for _, x := range ids {
		if !there[x] && x != p.ep.Self().ID && p.cfg.Absence > 0 && (p.cfg.Expelled == nil || !p.cfg.Expelled(x)) {
			there[x], missed = true, true
			p.away = append(p.away, absence{x, p.ep.Now()})
		}
	}
	if missed {
		p.ep.After(p.cfg.Absence, p.returned)
	}
}

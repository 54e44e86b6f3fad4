package past

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/client"
	"github.com/phyllo-net/phyllo/app/past/missed"
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

// meeting is how long a node may take from its start until it is in its ring, or goes on as a ring of one
// (pastry's Alone is 40 s): others are away from then on.
const meeting = time.Minute

// maxFellowsKept bounds the ids that are remembered.
const maxFellowsKept = 64

// noted is what is written down of those near: the ids of the fellows and of those who are away, and the circle; and
// of who is missed: for how long, and those whom rulings name.
type noted struct{ fellows, circle, missed, named string }

// changed returns what of it is to be written where other things lie on the disk.
func (n noted) changed(old noted) (b store.Batch) {
	for _, x := range []struct{ key, now, old string }{
		{fellowsKey, n.fellows, old.fellows}, {circleKey, n.circle, old.circle}, {missedKey, n.missed, old.missed}, {namedKey, n.named, old.named},
	} {
		if x.now != x.old {
			b.Put(PromiseTable, []byte(x.key), []byte(x.now))
		}
	}
	return b
}

// noteFellows writes down who is near, who went away a moment ago, who they are of whom a majority is to be there, and who is
// missed, where that is new: at once, as who is not waited for any more is known to be missed, or to be away, at each moment.
// Nobody waits for it. One write is under way at a time, so that an older one cannot come last. A disk that fails makes others
// be waited for for longer.
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
	now, old, st := noted{string(b), string(p.circle.Bytes()), string(p.missed.Bytes()), string(p.named.Bytes())}, p.noted, p.cfg.Store
	if now == old {
		return
	}
	p.noting = true
	p.ep.Go(func(t *task.T) error {
		_, err := task.Work(t, disk, func() (struct{}, error) {
			b := now.changed(old)
			return struct{}{}, st.Apply(&b)
		})
		return err
	}, func(err error) {
		p.noting = false
		if err == nil {
			p.noted = now
			p.noteFellows() // they may have changed meanwhile
		}
	})
}

// remembered is what a node knows after a restart of those near it.
type remembered struct {
	fellows               []id.ID
	missed, named, circle []byte
}

// readFellows reads what noteFellows wrote.
func readFellows(st store.Store) (was remembered, err error) {
	read := func(key string) []byte {
		b, bad := st.Get(PromiseTable, []byte(key))
		if bad != nil && !errors.Is(bad, store.ErrNotFound) && !errors.Is(bad, store.ErrCorrupt) {
			err = bad
		}
		return b
	}
	b := read(fellowsKey)
	for ; len(b) >= 16; b = b[16:] {
		was.fellows = append(was.fellows, id.FromBytes(b[:16]))
	}
	was.missed, was.named, was.circle = read(missedKey), read(namedKey), read(circleKey)
	return was, err
}

// missedKey is where it lies in PromiseTable how long others have been missed, namedKey for how long those whom rulings
// name, and circleKey who they are of whom a majority is to be there.
const (
	missedKey = "missed"
	namedKey  = "named"
	circleKey = "circle"
)

// miss goes on counting for how long others have been missed.
func (p *Past) miss() {
	for _, ms := range []*missed.Missed{&p.missed, &p.named} {
		ms.Pass(p.ep.Now(), 2*p.cfg.Sync, func(n id.ID) bool { return client.Contains(p.ep.NeighborSet(maxFellows), n) })
	}
	p.named.Only(p.unseen())
	p.look()
	p.encircle()
	p.noteFellows()
}

// unseen are the nodes, in order, of whom rulings that are kept here say that they may know something, and that are not
// in sight. Whoever comes after these went has never seen them, and would wait for them for ever. A root may name whom it
// likes; but who is there is asked, and heard, whatever is counted.
func (p *Past) unseen() []id.ID {
	sight := map[id.ID]bool{p.ep.Self().ID: true}
	for _, h := range p.ep.NeighborSet(maxFellows) {
		sight[h.ID] = true
	}
	var named missed.Named
	var ids []id.ID // that one object names
	for _, e := range p.shelf.list {
		ids = ids[:0]
		for _, r := range []*certificate.Ruling{e.ruling, e.rival} {
			if r == nil {
				continue
			}
			for _, hs := range r.Sets() {
				for _, m := range hs {
					ids = append(ids, m.Node)
				}
			}
			away, _ := r.Guessed()
			ids = append(ids, away...)
		}
		named.Object(slices.DeleteFunc(ids, func(n id.ID) bool { return sight[n] }))
	}
	return named.Most()
}

// there are this node and its fellows.
func (p *Past) there() []id.ID { return append(slices.Clone(p.fellows), p.ep.Self().ID) }

// encircle looks at who is there of those of whom a majority is to be there.
func (p *Past) encircle() {
	if p.cfg.Absence > 0 {
		sight := p.ep.NeighborSet(maxFellows)
		p.circle = p.circle.Meet(p.there(), p.awayFor(p.cfg.Absence), func(n id.ID) bool {
			return p.forLost(n) || client.Contains(sight, n) // newcomers have pushed it out: nobody misses it
		})
	}
}

// Expelled tells that somebody was put out of the ring: he is not waited for any more.
func (p *Past) Expelled() {
	if p.cfg.Expelled != nil && p.ep != nil {
		p.away = slices.DeleteFunc(p.away, func(a absence) bool { return p.cfg.Expelled(a.node) })
		p.encircle()
		p.rounds.Unsettle()
	}
}

// forLost reports whether a node will not come back, as far as can be known: it was expelled, or has been
// missed for so long.
func (p *Past) forLost(n id.ID) bool {
	return p.cfg.Expelled != nil && p.cfg.Expelled(n) || p.cfg.LostAfter > 0 && max(p.missed.For(n), p.named.For(n)) >= p.cfg.LostAfter
}

// await takes those who were near before the start, and are not there yet, for away.
func (p *Past) await(ids []id.ID) {
	there := make(map[id.ID]bool)
	for _, h := range p.ep.NeighborSet(maxFellows) {
		there[h.ID] = true
	}
	for _, a := range p.away {
		there[a.node] = true
	}
	some := false
	for _, x := range ids {
		if !there[x] && x != p.ep.Self().ID && p.cfg.Absence > 0 && (p.cfg.Expelled == nil || !p.cfg.Expelled(x)) {
			there[x], some = true, true
			p.away = append(p.away, absence{x, p.ep.Now().Add(meeting)})
		}
	}
	if some {
		p.ep.After(meeting+p.cfg.Absence, p.returned)
	}
}

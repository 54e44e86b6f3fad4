package evaluation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/peer"
)

// inexact counts members whose leaf set, of so many nodes, is not that of the ring.
func (f *field) inexact(size int) int {
	wrong := 0
	for _, m := range f.census.all() {
		v := f.View(m.ref)
		if !same(v.Left, f.census.side(m.id, -1, size/2)) || !same(v.Right, f.census.side(m.id, 1, size/2)) {
			wrong++
		}
	}
	return wrong
}

func same(have []*peer.Handle, want []id.ID) bool {
	if len(have) != len(want) {
		return false
	}
	for i, h := range have {
		if h.ID != want[i] {
			return false
		}
	}
	return true
}

// contested counts keys that two nodes claim at this moment, of those where claims
// meet: the members' ids, and the middles between them.
func (f *field) contested() int {
	count := 0
	for i, m := range f.census.all() {
		next := f.census.at((i + 1) % f.census.len())
		for _, key := range [2]id.ID{m.id, id.Middle(m.id, next.id)} {
			claims := 0
			for _, near := range f.census.nearest(key, 8) {
				if n := f.Node(near.ref); n != nil && n.Claims(f.Sim.Clocks(near.ref), key) {
					claims++
				}
			}
			if claims > 1 {
				count++
			}
		}
	}
	return count
}

// vacancy is for how long keys had no node that claims them.
type vacancy struct {
	f           *field
	keys        []id.ID
	began, seen time.Duration
	vacant      time.Duration // of all keys together
	last        time.Duration // since the beginning, when one was last seen to be vacant
}

// vacancy begins to watch so many keys.
func (f *field) vacancy(keys int) *vacancy {
	v := &vacancy{f: f, keys: make([]id.ID, keys), began: f.Sim.Now(), seen: f.Sim.Now()}
	for i := range v.keys {
		v.keys[i] = f.key()
	}
	return v
}

// look counts the time since the last look for each key that is vacant now.
func (v *vacancy) look() {
	now := v.f.Sim.Now()
	for _, key := range v.keys {
		if !v.f.served(key) {
			v.vacant += now - v.seen
			v.last = now - v.began
		}
	}
	v.seen = now
}

// mean is the time for which a key was vacant, in seconds.
func (v *vacancy) mean() float64 { return v.vacant.Seconds() / float64(len(v.keys)) }

// served reports whether one of the members nearest to a key claims it.
func (f *field) served(key id.ID) bool {
	return slices.ContainsFunc(f.census.nearest(key, 3), func(m member) bool {
		n := f.Node(m.ref)
		return n != nil && n.Claims(f.Sim.Clocks(m.ref), key)
	})
}

// recover lets time pass until the condition holds, with so many questions a second,
// and returns how long that took; limit, if it did not come true.
func (f *field) recover(ctx context.Context, what string, limit time.Duration, asks int, whole func() bool) (time.Duration, error) {
	begun := f.Sim.Now()
	for !whole() {
		took := f.Sim.Now() - begun
		if took >= limit {
			return limit, nil
		}
		if f.census.len() == 0 {
			return 0, fmt.Errorf("%s: nobody is left in the ring", f.name)
		}
		for range asks {
			f.ask(f.census.draw(f.Rand()), f.key(), kbr.Options{})
		}
		f.Sim.RunFor(time.Second)
		if err := f.run.Step(ctx, int(took/time.Second), int(limit/time.Second), f.name+": "+what); err != nil {
			return 0, err
		}
	}
	return f.Sim.Now() - begun, nil
}

// right is the rate of the questions that the right node answered.
func (t *tally) right() experiment.Rate { return experiment.Rate{K: t.answered - t.misled, N: t.asked} }

package field

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

// Inexact counts members whose leaf set, of so many nodes, is not that of the ring.
func (f *Field) Inexact(size int) int {
	wrong := 0
	for _, m := range f.Census.All() {
		v := f.View(m.Ref)
		if !same(v.Left, f.Census.side(m.ID, -1, size/2)) || !same(v.Right, f.Census.side(m.ID, 1, size/2)) {
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

// Contested counts keys that two nodes claim at this moment, of those where claims
// meet: the members' ids, and the middles between them.
func (f *Field) Contested() int {
	count := 0
	for i, m := range f.Census.All() {
		next := f.Census.at((i + 1) % f.Census.Len())
		for _, key := range [2]id.ID{m.ID, id.Middle(m.ID, next.ID)} {
			claims := 0
			for _, near := range f.Census.Nearest(key, 8) {
				if n := f.Node(near.Ref); n != nil && n.Claims(f.Sim.Clocks(near.Ref), key) {
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

// Vacancy is for how long keys had no node that claims them.
type Vacancy struct {
	f           *Field
	keys        []id.ID
	began, seen time.Duration
	vacant      time.Duration // of all keys together
	Last        time.Duration // since the beginning, when one was last seen to be vacant
}

// Vacancy begins to watch so many keys.
func (f *Field) Vacancy(keys int) *Vacancy {
	v := &Vacancy{f: f, keys: make([]id.ID, keys), began: f.Sim.Now(), seen: f.Sim.Now()}
	for i := range v.keys {
		v.keys[i] = f.Key()
	}
	return v
}

// Look counts the time since the last look for each key that is vacant now.
func (v *Vacancy) Look() {
	now := v.f.Sim.Now()
	for _, key := range v.keys {
		if !v.f.served(key) {
			v.vacant += now - v.seen
			v.Last = now - v.began
		}
	}
	v.seen = now
}

// Mean is the time for which a key was vacant, in seconds.
func (v *Vacancy) Mean() float64 { return v.vacant.Seconds() / float64(len(v.keys)) }

// served reports whether one of the members nearest to a key claims it.
func (f *Field) served(key id.ID) bool {
	return slices.ContainsFunc(f.Census.Nearest(key, 3), func(m Member) bool {
		n := f.Node(m.Ref)
		return n != nil && n.Claims(f.Sim.Clocks(m.Ref), key)
	})
}

// Recover lets time pass until the condition holds, with so many questions a second,
// and returns how long that took; limit, if it did not come true.
func (f *Field) Recover(ctx context.Context, what string, limit time.Duration, asks int, whole func() bool) (time.Duration, error) {
	begun := f.Sim.Now()
	for !whole() {
		took := f.Sim.Now() - begun
		if took >= limit {
			return limit, nil
		}
		if f.Census.Len() == 0 {
			return 0, fmt.Errorf("%s: nobody is left in the ring", f.Name)
		}
		for range asks {
			f.Ask(f.Census.Draw(f.Rand()), f.Key(), kbr.Options{})
		}
		f.Sim.RunFor(time.Second)
		if err := f.Run.Step(ctx, int(took/time.Second), int(limit/time.Second), f.Name+": "+what); err != nil {
			return 0, err
		}
	}
	return f.Sim.Now() - begun, nil
}

// Right is the rate of the questions that the right node answered.
func (t *Tally) Right() experiment.Rate { return experiment.Rate{K: t.answered - t.Misled, N: t.Asked} }

package census_test

import (
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/census"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

// asked is the number of questions that all nodes were asked so far.
func (w *town) asked() (n uint64) {
	for _, h := range w.houses {
		n += h.census.Stats().Asked
	}
	return n
}

// TestCount: a census counts each node once, in rings of any size, and costs each other
// node one question.
func TestCount(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 5, 33, 80, 300} {
		w := newTown(t, n, uint64(n))
		for _, i := range []int{0, n / 2} {
			before := w.asked()
			s, a, took := w.houses[i].count()
			if a != (census.Answered{Nodes: n, About: n}) {
				t.Errorf("%d nodes: %+v", n, a)
			}
			kept := uint64(n * (n - 1) / 2)
			if s.Offered != uint64(1000*n) || s.Kept != 10*kept || s.Objects != kept || s.Names != uint64(5*n) || s.Silent+s.Lost != 0 {
				t.Errorf("%d nodes: %+v", n, s)
			}
			var versions uint64
			for _, v := range s.Versions {
				versions += v.Nodes
			}
			if versions != uint64(n) || len(s.Versions) != min(n, 3) {
				t.Errorf("%d nodes: versions %v", n, s.Versions)
			}
			if asked := w.asked() - before; asked != uint64(n-1) {
				t.Errorf("%d nodes were asked %d questions", n-1, asked)
			}
			if took > 2*time.Second {
				t.Errorf("%d nodes: it took %v", n, took)
			}
		}
	}
}

// TestSilent: who does not want to say what it has is counted all the same.
func TestSilent(t *testing.T) {
	t.Parallel()
	w := newTown(t, 40, 3)
	for _, h := range w.houses[:10] {
		h.mute = true
	}
	s, a, _ := w.houses[20].count()
	if a.Nodes != 40 || s.Silent != 10 || s.Offered != 30_000 {
		t.Errorf("%+v %+v", a, s)
	}
}

// TestCountPastTheDead: nodes that died without a word a moment ago are gone around: all
// living ones are counted, once, in some seconds.
func TestCountPastTheDead(t *testing.T) {
	simtest.Seeds(t, 6, func(t *testing.T, seed uint64) {
		w := newTown(t, 100, seed)
		for _, i := range w.Rand().Perm(99)[:8] {
			w.Sim.Die(sim.NodeRef(i + 1))
		}
		w.Sim.RunFor(time.Duration(w.Rand().IntN(3000)) * time.Millisecond)
		_, a, took := w.houses[0].count()
		if a.Nodes != 92 || a.About < 92 || a.About > 100 || took > 10*time.Second {
			t.Errorf("92 nodes live: %+v after %v", a, took)
		}
	})
}

// TestCountInChurn: while nodes come and die all the time a census counts at least 99 in
// 100 of those that live all the while, and nobody twice.
func TestCountInChurn(t *testing.T) {
	simtest.WithoutRace(t)
	simtest.Seeds(t, 4, func(t *testing.T, seed uint64) {
		w := newTown(t, 120, seed)
		var counted, stayed int
		for range 6 {
			from, came := w.Live(), 0
			for range 4 { // 4 of 120 in some seconds: sessions of a few minutes
				w.Sim.RunFor(time.Duration(w.Rand().IntN(700)) * time.Millisecond)
				if n := w.Member(); n != 0 {
					w.Sim.Die(n)
				}
				w.Add()
				came++
			}
			_, a, _ := w.houses[0].count()
			counted += a.Nodes
			for _, n := range from {
				if w.Sim.Alive(n) {
					stayed++
				}
			}
			if a.Nodes > len(from)+came {
				t.Errorf("%d counted, although no more than %d lived at any time", a.Nodes, len(from)+came)
			}
			w.Sim.RunFor(10 * time.Second)
		}
		if 100*counted < 99*stayed {
			t.Errorf("%d nodes were counted, of %d that lived all the time", counted, stayed)
		}
	})
}

// TestCountInPart: where a ring has come apart, a part counts itself, and says that more
// nodes are known as long as it does not take them for dead.
func TestCountInPart(t *testing.T) {
	t.Parallel()
	w := newTown(t, 60, 9)
	var here, there []sim.NodeRef
	for i := range 60 {
		if i%3 == 0 {
			there = append(there, sim.NodeRef(i))
		} else {
			here = append(here, sim.NodeRef(i))
		}
	}
	w.Sim.Partition(here, there)
	_, a, _ := w.houses[1].count()
	if a.Nodes != len(here) || a.About < a.Nodes {
		t.Errorf("just after: %+v, want %d nodes", a, len(here))
	}
	w.Sim.RunFor(3 * time.Minute)
	if _, a, _ = w.houses[1].count(); a != (census.Answered{Nodes: len(here), About: len(here)}) {
		t.Errorf("later: %+v, want %d nodes", a, len(here))
	}
	w.Sim.Heal()
	w.Sim.RunFor(5 * time.Minute)
	if _, a, _ = w.houses[1].count(); a.Nodes != 60 {
		t.Errorf("together again: %+v, want 60 nodes", a)
	}
}

// TestOwnLimit: a node does not ask the ring without end.
func TestOwnLimit(t *testing.T) {
	t.Parallel()
	w := newTown(t, 3, 1)
	for range census.Default().Own {
		w.houses[0].count()
	}
	before := w.asked()
	err := w.Call(0, time.Minute, func(t *task.T) error {
		_, _, err := w.houses[0].census.Count(t)
		return err
	})
	if err != census.ErrBusy || w.asked() != before {
		t.Errorf("%v, and %d questions", err, w.asked()-before)
	}
}

// TestUsers: a list has all people of the ring, each once, from anywhere in it, but for
// those who hide; a pattern and a limit are kept.
func TestUsers(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 4, 60} {
		w := newTown(t, n, uint64(n)+40)
		all := append(names("al", 30), names("bo", 30)...)
		w.crowd(all, directory.Profile{FullName: "Somebody"})
		w.crowd([]string{"alhidden"}, directory.Profile{Unlisted: true})
		rooms := &directory.Record{Name: "#alroom", Version: 1}
		w.settle(rooms.Sign(w.ring(), w.houses[0].signer(), w.wall()))
		from := w.houses[n-1]
		if got, a := from.users("", 1000); !slices.Equal(got, all) || a != (census.Answered{Nodes: n, About: n}) {
			t.Errorf("%d nodes: %d of %d names, %+v", n, len(got), len(all), a)
		}
		if got, _ := from.users("al*", 1000); !slices.Equal(got, all[:30]) {
			t.Errorf("%d nodes: al* gives %v", n, got)
		}
		if got, _ := from.users("?o*7", 1000); !slices.Equal(got, []string{"bo0007", "bo0017", "bo0027"}) {
			t.Errorf("%d nodes: ?o*7 gives %v", n, got)
		}
		if got, _ := from.users("alhidden", 1000); len(got) != 0 {
			t.Errorf("%d nodes: who hides is listed", n)
		}
		if got, a := from.users("", 10); len(got) != 10 || !a.More {
			t.Errorf("%d nodes: a limit of 10 gives %d, %+v", n, len(got), a)
		}
	}
}

// TestManyUsers: a list that no answer can hold comes in parts, and is whole.
func TestManyUsers(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 50} {
		w := newTown(t, n, uint64(n)+80)
		all := names("u", simtest.Some(500))
		w.crowd(all, directory.Profile{About: string(make([]byte, 900))})
		got, a := w.houses[0].users("", census.MaxList)
		if !slices.Equal(got, all) || a.Nodes != n || a.About != n || a.More {
			t.Errorf("%d nodes: %d of %d names, %+v", n, len(got), len(all), a)
		}
	}
}

// TestUsersPastTheDead: who dies without a word hides nobody.
func TestUsersPastTheDead(t *testing.T) {
	simtest.Seeds(t, 3, func(t *testing.T, seed uint64) {
		w := newTown(t, 60, seed+200)
		all := names("u", 60)
		w.crowd(all, directory.Profile{})
		w.Sim.RunFor(5 * time.Second)
		for _, i := range w.Rand().Perm(59)[:3] {
			w.Sim.Die(sim.NodeRef(i + 1))
		}
		got, a := w.houses[0].users("", 1000)
		if len(got) < len(all)-1 || a.Nodes != 57 {
			t.Errorf("%d of %d names, %+v", len(got), len(all), a)
		}
	})
}

package past_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

// apart makes a world of parts that have lost sight of each other for so long that each is sure
// to be all there is. The nodes nearest to the object are dealt out to the parts in turn.
func apart(t *testing.T, seed uint64, parts, each int) (w *world, sides [][]*member) {
	w = newWorld(t, parts*each, kbrtest.Config{Seed: seed}, nil)
	sides = make([][]*member, parts)
	groups := make([][]*kbrtest.Node, parts)
	for i, m := range w.nearest(threefold.ID(), parts*each) {
		sides[i%parts] = append(sides[i%parts], m)
		groups[i%parts] = append(groups[i%parts], m.node)
	}
	w.net.Partition(groups...)
	w.net.Run(25 * time.Minute)
	return w, sides
}

// makes lets a member make versions of the object, from the first to the last.
func (m *member) makes(from, to uint64, side string) {
	m.w.t.Helper()
	for v := from; v <= to; v++ {
		if err := m.changeIn(threefold, v-1, fmt.Sprint(side, v)); err != nil {
			m.w.t.Fatalf("part %s, version %d: %v", side, v, err)
		}
	}
}

func (m *member) rival(hash id.Hash) (f past.Found, err error) {
	err = m.node.Call(2*patience, func(t *task.T) (err error) {
		f, err = m.past.Rival(t, threefold, hash)
		return err
	})
	return f, err
}

// versions are what a member reads of the object: the current version first, then its rivals.
func (m *member) versions() (contents []string) {
	m.w.t.Helper()
	f, err := m.current(threefold)
	if err != nil {
		m.w.t.Fatalf("%s: what is current: %v", m.node.Self(), err)
	}
	contents = append(contents, string(f.Content))
	for _, h := range f.Rivals {
		r, err := m.rival(h)
		if err != nil {
			m.w.t.Fatalf("%s: a rival: %v", m.node.Self(), err)
		}
		contents = append(contents, string(r.Content))
	}
	slices.Sort(contents[1:])
	return contents
}

// mustHave fails unless all who live read this current version, and these rivals besides.
func (w *world) mustHave(want ...string) {
	w.t.Helper()
	for _, m := range w.live() {
		if got := m.versions(); !slices.Equal(got, want) {
			w.t.Errorf("%s reads %q, want %q", m.node.Self(), got, want)
		}
	}
}

// TestPartsMeet: parts of a ring that are out of sight of each other have made one object,
// each for itself, and changed it. When they meet, the highest version is current, and what
// the others had is kept besides until the owner has done with it.
func TestPartsMeet(t *testing.T) {
	simtest.WithoutRace(t)
	for _, c := range []struct {
		what     string
		versions []uint64 // that the parts made
		want     []string
	}{
		{"the one who makes it first has more", []uint64{3, 1}, []string{"A3", "B1"}},
		{"the one who makes it last has more", []uint64{1, 2}, []string{"B2", "A1"}},
		{"three", []uint64{2, 4, 1}, []string{"B4", "A2", "C1"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			w, sides := apart(t, 90, len(c.versions), 5)
			for i, n := range c.versions {
				sides[i][0].makes(1, n, string("ABC"[i]))
			}
			w.net.Heal()
			w.net.Run(time.Minute)
			w.mustHave(c.want...)
			w.net.Run(2 * time.Hour)
			w.mustHave(c.want...)
			w.whole(true)
			last := slices.Max(c.versions)
			sides[1][4].makes(last+1, last+1, "D")
			w.net.Run(time.Minute)
			w.mustHave(append([]string{fmt.Sprint("D", last+1)}, c.want[1:]...)...)
			w.resolve(sides[0][3], "the end")
			w.net.Run(time.Hour)
			w.mustHave("the end")
			w.whole(true)
			for _, m := range w.live() {
				if n := m.past.Stats().Objects; n > 1 {
					t.Errorf("%s keeps %d objects in the end", m.node.Self(), n)
				}
			}
		})
	}
}

// resolve lets a member, as the owner, put something in place of all that there is.
func (w *world) resolve(m *member, content string) {
	w.t.Helper()
	f, err := m.current(threefold)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := m.node.Call(2*patience, func(t *task.T) error {
		_, err := m.past.Edit(t, past.Edit{Part: threefold.Part, Copies: threefold.Copies, Replaces: f.Certificate.Version, Content: []byte(content), Resolves: f.Rivals}, ann)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
}

// TestEqualVersionsMeet: of two versions with one number the one with the smaller hash is
// current. Who has seen the other one does not replace it unseen, though it has the number
// that he knows.
func TestEqualVersionsMeet(t *testing.T) {
	w, sides := apart(t, 91, 2, 5)
	var made []past.Found
	for i, side := range sides {
		side[1].makes(1, 1, string("AB"[i]))
		f, err := side[1].current(threefold)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, f)
	}
	w.net.Heal()
	w.net.Run(time.Minute)
	first, second := 0, 1
	if a, b := made[0].Certificate.Hash(ring), made[1].Certificate.Hash(ring); slices.Compare(a[:], b[:]) > 0 {
		first, second = 1, 0
	}
	loser, winner := sides[second][1], string(made[first].Content)
	wantErr(t, "a change of what is not current any more", loser.changeIn(threefold, 1, "unseen"), past.ErrConflict)
	w.mustHave(winner, string(made[second].Content))
	if err := loser.changeIn(threefold, 1, "two"); err != nil {
		t.Errorf("a change of what he has read: %v", err)
	}
	w.mustHave("two", string(made[second].Content))
}

// TestRootDiesWhilePartsMeet: the root that brings parts together is gone at some moment of
// that, and so are others: it is done by the next.
func TestRootDiesWhilePartsMeet(t *testing.T) {
	kinds := []string{"keep", "accept", "promise", ""}
	waits := []time.Duration{2 * time.Second, 300 * time.Millisecond, 0, 6 * time.Second}
	for _, kind := range kinds[:simtest.Some(len(kinds))] {
		for _, wait := range waits[:simtest.Size(4, 2)] {
			w, sides := apart(t, 92, 2, 5)
			sides[0][0].makes(1, 3, "A")
			sides[1][0].makes(1, 2, "B")
			near := w.nearest(threefold.ID(), 3)
			deaf(near[1:], kind)
			w.net.Heal()
			w.net.Run(wait)
			kill(near[:1])
			deaf(near[1:], "")
			w.net.Run(15 * time.Minute)
			w.mustHave("A3", "B2")
			restart(near[:1])
			w.net.Run(2 * time.Hour)
			w.mustHave("A3", "B2")
			w.whole(true)
		}
	}
}

// TestPartsInTrouble: while parts make and change an object for themselves, meet, part again
// and lose nodes for a while, the last version that each of them acknowledged is current in the
// end, or kept besides, unless somebody put another one in its place who had read it.
func TestPartsInTrouble(t *testing.T) {
	simtest.WithoutRace(t)
	simtest.Seeds(t, 12, func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 13))
		parts := 2 + rng.IntN(2)
		w, sides := apart(t, seed, parts, 5)
		tr := &trouble{world: w, rng: rng, left: make(map[string]bool)}
		for i, side := range sides {
			for range rng.IntN(4) {
				tr.change(side[rng.IntN(len(side))], string("ABC"[i]))
			}
		}
		for range 8 {
			tr.fault(sides)
		}
		w.net.Heal()
		for _, m := range w.members {
			if !m.node.Alive() {
				m.restart()
			}
		}
		w.net.Run(2 * time.Hour)
		tr.judge()
		w.whole(true)
	})
}

// trouble is what happened to an object of parts.
type trouble struct {
	*world
	rng   *rand.Rand
	count int
	apart bool            // changes are made without a majority, too
	left  map[string]bool // versions that were acknowledged, and that nobody replaced who had read them
}

// change lets a member change what it reads.
func (tr *trouble) change(m *member, side string) {
	f, err := m.reads(threefold, tr.apart)
	version := uint64(0)
	switch {
	case err == nil:
		version = f.Certificate.Version
	case !errors.Is(err, past.ErrNotFound):
		return
	}
	tr.count++
	content := fmt.Sprint(side, " ", tr.count)
	_, err = m.edits(threefold, version, content, tr.apart)
	if err == nil {
		tr.left[content] = true
	}
	if !errors.Is(err, past.ErrConflict) { // also if it is not known whether the change was made
		delete(tr.left, string(f.Content))
	}
}

func (tr *trouble) fault(sides [][]*member) {
	live := tr.live()
	switch tr.rng.IntN(5) {
	case 0:
		tr.net.Heal()
	case 1:
		var groups [][]*kbrtest.Node
		for _, side := range sides {
			groups = append(groups, nodesOf(side))
		}
		tr.net.Partition(groups...)
	case 2:
		if len(live) > max(1, len(tr.members)-4) {
			live[tr.rng.IntN(len(live))].node.Kill()
		}
	case 3:
		for _, m := range tr.members {
			if !m.node.Alive() {
				m.restart()
			}
		}
	}
	tr.net.Run([]time.Duration{time.Second, 10 * time.Second, time.Minute, 25 * time.Minute}[tr.rng.IntN(4)])
	if live := tr.live(); tr.rng.IntN(2) == 0 {
		tr.change(live[tr.rng.IntN(len(live))], "D")
	}
}

// judge checks that what is left is there.
func (tr *trouble) judge() {
	if len(tr.left) == 0 {
		return
	}
	for _, m := range tr.live() {
		have := m.versions()
		for content := range tr.left {
			if !slices.Contains(have, content) {
				tr.t.Errorf("%s reads %q, and %q was acknowledged", m.node.Self(), have, content)
			}
		}
	}
}

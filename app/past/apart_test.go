package past_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/rounds"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// reads reads what is current; with apart also where a majority is gone.
func (m *member) reads(n past.Name, apart bool) (f past.Found, err error) {
	err = m.node.Call(2*patience, func(t *task.T) (err error) {
		if apart {
			f, err = m.past.Latest(t, n)
		} else {
			f, err = m.past.Current(t, n)
		}
		return err
	})
	return f, err
}

// edits changes an object; with apart also where a majority is gone.
func (m *member) edits(n past.Name, replaces uint64, content string, apart bool) (f past.Found, err error) {
	err = m.node.Call(2*patience, func(t *task.T) (err error) {
		f, err = m.past.Edit(t, past.Edit{Part: n.Part, Copies: n.Copies, Replaces: replaces, Content: []byte(content), Apart: apart}, ann)
		return err
	})
	return f, err
}

// goesOn lets a member make a version, of which so many holders, 0 for a majority's, were not asked.
func (m *member) goesOn(replaces uint64, content string, apart int) {
	m.w.t.Helper()
	if f, err := m.edits(annsName, replaces, content, true); err != nil || f.Apart != apart {
		m.w.t.Fatalf("version %d: apart from the majority of %d, %v; want %d", replaces+1, f.Apart, err, apart)
	}
}

// hears notes what a member is asked to keep from now on.
func (m *member) hears() (said func() string) {
	var kinds []string
	m.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
		if k := past.KindOf(d.Payload); k == "keep" || k == "accept" {
			kinds = append(kinds, k)
		}
		return false
	}
	return func() string { return strings.Join(kinds, " ") }
}

// long is longer than those who are away are waited for, with the verdict that they are.
const long = 2 * time.Minute

// TestMajorityGone: three of five holders are gone for long. Who agrees to that goes on without
// them, others are told that they are not reachable, and when they are back everybody has what was made.
func TestMajorityGone(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, 9, kbrtest.Config{Seed: 53}, nil)
	w.members[0].goesOn(0, "one", 0)
	gone := w.nearest(annsName.ID(), 3)
	kill(gone)
	w.net.Run(10 * time.Second)
	m, began := w.live()[0], w.net.Elapsed()
	said := w.nearest(annsName.ID(), 2)[1].hears()
	m.goesOn(1, "two", 5)
	if waited := w.net.Elapsed() - began; waited < 10*time.Second || waited > 40*time.Second {
		t.Errorf("a change ten seconds after they went waits for them for %s", waited)
	}
	if got := said(); !strings.Contains(got, "keep accept keep accept") {
		t.Errorf("what was left is not handed on when holders know that it was: %s", got)
	}
	w.live()[3].goesOn(2, "three", 5)
	for _, m := range w.live() {
		if f, err := m.reads(annsName, true); err != nil || string(f.Content) != "three" || f.Apart != 5 {
			t.Errorf("%q is read, apart from the majority of %d, %v", f.Content, f.Apart, err)
		}
	}
	_, err := m.current(annsName)
	wantErr(t, "a reader who wants a majority", err, past.ErrNotReachable)
	wantErr(t, "a writer who wants a majority", m.change(3, "four"), past.ErrNotReachable)
	w.net.Run(8 * time.Hour)
	restart(gone)
	w.net.Run(time.Minute)
	for _, m := range w.live() {
		w.mustRead(m, 3, "three")
	}
	if err := gone[0].change(3, "four"); err != nil {
		t.Fatal(err)
	}
	w.net.Run(3 * time.Hour)
	w.whole(true)
	for _, m := range w.live() {
		if n := m.past.Stats().Objects; n > 1 {
			t.Errorf("%s keeps %d objects in the end", m.node.Self(), n)
		}
	}
}

// TestMajorityGoesOn: both sides of a parted ring change an object, a majority on the one and
// a minority on the other. Of versions with one number the majority's is current when they meet; a
// higher one is, whoever made it; and the other one is kept.
func TestMajorityGoesOn(t *testing.T) {
	for _, c := range []struct {
		made []string // by the minority
		want []string
	}{
		{[]string{"A2"}, []string{"two", "A2"}},
		{[]string{"A2", "A3"}, []string{"A3", "two"}},
	} {
		w := newWorld(t, 5, kbrtest.Config{Seed: 55}, nil)
		near := w.nearest(annsName.ID(), 5)
		near[0].goesOn(0, "one", 0)
		w.net.Partition(nodesOf(near[:2]), nodesOf(near[2:]))
		w.net.Run(long)
		if err := near[3].change(1, "two"); err != nil {
			t.Fatal(err)
		}
		for i, content := range c.made {
			near[1].goesOn(uint64(i+1), content, 5)
		}
		w.net.Heal()
		w.net.Run(2 * time.Minute)
		for _, m := range w.members {
			f, err := m.current(annsName)
			if err != nil || string(f.Content) != c.want[0] || len(f.Rivals) != 1 || f.Apart != 0 {
				t.Fatalf("%q is read with %d rivals, %v; want %q", f.Content, len(f.Rivals), err, c.want[0])
			}
			if err := m.node.Call(patience, func(t *task.T) error { f, err = m.past.Rival(t, annsName, f.Rivals[0]); return err }); err != nil || string(f.Content) != c.want[1] {
				t.Fatalf("the rival is %q, %v; want %q", f.Content, err, c.want[1])
			}
		}
		w.net.Run(2 * time.Hour)
		w.whole(true)
	}
}

// TestMinorityAhead: the root alone has its last ruling, about the version that all have, when all lose sight of each
// other. It goes on apart from that ruling; the others go on apart, too, and become a majority again without it, of whom
// nobody has heard of that ruling. When the root is back it is apart no more: nothing came of what it alone had.
func TestMinorityAhead(t *testing.T) {
	for _, c := range []struct {
		made []string // by the root alone
		want []string
	}{
		{[]string{"A2"}, []string{"B2", "A2"}},
		{[]string{"A2", "A3"}, []string{"A3", "B2"}},
	} {
		w := newWorld(t, 5, kbrtest.Config{Seed: 63}, nil)
		near := w.nearest(annsName.ID(), 5)
		near[0].goesOn(0, "one", 0)
		deaf(near[1:], "accept")
		wantErr(t, "a writer who has to be told of a conflict", near[0].change(5, "six"), past.ErrNotReachable)
		for _, m := range near {
			m.node.OnDeliver = nil
		}
		w.net.Partition(nodesOf(near[:1]), nodesOf(near[1:3]), nodesOf(near[3:]))
		w.net.Run(long)
		for i, content := range c.made {
			near[0].goesOn(uint64(i+1), content, 5)
		}
		near[1].goesOn(1, "B2", 5)
		w.net.Partition(nodesOf(near[:1]), nodesOf(near[1:]))
		w.net.Run(long)
		if f, err := near[4].current(annsName); err != nil || string(f.Content) != "B2" || f.Apart != 0 {
			t.Fatalf("without the root %q is read, apart from %d, %v", f.Content, f.Apart, err)
		}
		w.net.Heal()
		w.net.Run(long)
		for _, m := range w.members {
			f, err := m.current(annsName)
			if err != nil || string(f.Content) != c.want[0] || len(f.Rivals) != 1 || f.Holders != 5 || f.Apart != 0 {
				t.Fatalf("%q is read of %d holders with %d rivals, apart from %d, %v; want %q", f.Content, f.Holders, len(f.Rivals), f.Apart, err, c.want[0])
			}
			if err := m.node.Call(patience, func(t *task.T) error { f, err = m.past.Rival(t, annsName, f.Rivals[0]); return err }); err != nil || string(f.Content) != c.want[1] {
				t.Fatalf("the rival is %q, %v; want %q", f.Content, err, c.want[1])
			}
		}
		w.net.Run(2 * time.Hour)
		w.whole(true)
	}
}

// TestMajorityIntact: as long as three of five are there nothing is made apart, nor is a new object, however long
// the others are gone, and whoever is the root.
func TestMajorityIntact(t *testing.T) {
	w := newWorld(t, 5, kbrtest.Config{Seed: 56}, nil)
	near := w.nearest(annsName.ID(), 5)
	version := uint64(0)
	for i, gone := range [][]*member{{near[0], near[1]}, {near[1], near[4]}, {near[3], near[4]}} {
		near[2].goesOn(version, fmt.Sprint(version), 0)
		kill(gone)
		w.net.Run(10 * time.Second)
		near[2].goesOn(version+1, fmt.Sprint(version+1), 0)
		w.net.Run(long)
		for _, m := range w.live() {
			if f, err := m.reads(annsName, true); err != nil || f.Apart > 0 {
				t.Errorf("%q is read, apart from the majority of %d, %v", f.Content, f.Apart, err)
			}
		}
		fresh := past.Name{Owner: ann.Public(), Part: certificate.Part{20, byte(i)}, Copies: 5}
		if f, err := near[2].edits(fresh, 0, "new", true); err != nil || f.Apart > 0 {
			t.Errorf("a new object is apart from the majority of %d, %v", f.Apart, err)
		}
		restart(gone)
		w.net.Run(time.Minute)
		version += 2
	}
}

// TestMadeOnce: some are gone, and an object is made by a majority of all, or not at all: those of whom a bare majority of
// the others knows nothing do not make it once more when these others are gone, and the first are back.
func TestMadeOnce(t *testing.T) {
	for _, c := range []struct {
		of, there, know int
		away            time.Duration
	}{{5, 3, 2, long}, {7, 5, 3, long}, {5, 3, 2, 15 * time.Minute}} {
		w := newWorld(t, c.of, kbrtest.Config{Seed: 57}, nil)
		name := past.Name{Owner: ann.Public(), Part: certificate.Part{21}, Copies: uint8(c.of)}
		near := w.nearest(name.ID(), c.of)
		if c.away > long { // the root of those who are back knows of a majority that is there alone
			near = slices.Concat(near[:2], near[4:], near[2:4])
		}
		kill(near[c.there:])
		w.net.Run(c.away)
		for _, m := range near[c.know:c.there] {
			m.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool { return past.KindOf(d.Payload) == "accept" }
		}
		made := 0
		tries := func(m *member, content string) {
			if f, err := m.edits(name, 0, content, true); err == nil && f.Apart == 0 {
				made++
			}
		}
		tries(near[0], "one")
		kill(near[:c.know])
		for _, m := range near[c.know:c.there] {
			m.node.OnDeliver = nil
		}
		restart(near[c.there:])
		w.net.Run(c.away)
		tries(near[c.know], "another one")
		if made > 1 {
			t.Errorf("of %d nodes, %d of whom knew of it, a majority has made an object twice, after %s", c.of, c.know, c.away)
		}
		restart(near[:c.know])
		w.net.Run(long)
		if f, err := near[0].current(name); err != nil || f.Apart > 0 {
			t.Errorf("when all are back: %q is current, apart from %d, %v", f.Content, f.Apart, err)
		}
	}
}

// TestFewLeft: three of five are away for so long that copies are made anew without them. What is new is made apart from
// what they may have, or not at all, also where one comes who knows nothing of them; until so many are back, or are lost.
// Where they went one after another, so that a majority was there each time, the last two are all there are; and where
// three are left, these are all there are for those of them who start again.
func TestFewLeft(t *testing.T) {
	name := func(part byte) past.Name {
		return past.Name{Owner: ann.Public(), Part: certificate.Part{30, part}, Copies: 5}
	}
	for _, c := range []struct {
		what           string
		lost, oneByOne bool
		last           int // go when the others are not waited for any more, with those who are left
	}{{"back", false, false, 0}, {"lost", true, false, 0}, {"one by one", false, true, 0}, {"started again", false, true, 1}} {
		w := newWorld(t, 5, kbrtest.Config{Seed: 62}, func(c *past.Config) { c.LostAfter = 2 * time.Hour })
		left, gone := w.members[:2], w.members[2:]
		for _, m := range gone[c.last:] {
			if m.node.Kill(); c.oneByOne && c.last == 0 {
				w.net.Run(15 * time.Minute)
			}
		}
		if c.last > 0 {
			w.net.Run(15 * time.Minute)
			kill(w.live())
			restart(left)
		}
		if w.net.Run(15 * time.Minute); c.oneByOne {
			if f, err := left[0].edits(name(1), 0, "new", false); err != nil || f.Apart > 0 {
				t.Errorf("%s: what the last two make is apart from %d, %v", c.what, f.Apart, err)
			}
			continue
		}
		few := func(part byte, of int) {
			t.Helper()
			m := w.live()[0]
			if f, err := m.edits(name(part), 0, "new", true); err != nil || f.Apart != of {
				t.Errorf("what few make is apart from the majority of %d, %v; want %d", f.Apart, err, of)
			}
			_, err := m.edits(name(part+100), 0, "new", false)
			wantErr(t, "a writer who wants a majority", err, past.ErrNotReachable)
		}
		few(1, 5)
		_, err := left[0].current(name(50))
		wantErr(t, "a reader who wants a majority", err, past.ErrNotReachable)
		_, err = left[0].reads(name(50), true)
		wantErr(t, "a reader who does not", err, past.ErrNotFound)
		kill(left)
		restart(left) // with what they know of the others
		w.net.Run(15 * time.Minute)
		few(2, 5)
		comes := w.join()
		w.net.Run(15 * time.Minute)
		for part := byte(3); ; part++ {
			if w.nearest(name(part).ID(), 1)[0] == comes {
				few(part, 3) // it knows of no more
				_, err := comes.current(name(part))
				wantErr(t, "a reader who wants a majority of more than it knows of", err, past.ErrNotReachable)
				break
			}
		}
		if c.lost {
			w.net.Run(2 * time.Hour)
		} else {
			restart(gone)
			w.net.Run(2 * time.Minute)
		}
		for _, m := range w.live() {
			if f, err := m.current(name(1)); err != nil || f.Apart > 0 || f.Holders != min(5, len(w.live())) {
				t.Errorf("%s: %q is read of %d holders, apart from %d, %v", c.what, f.Content, f.Holders, f.Apart, err)
			}
		}
		if f, err := left[1].edits(name(99), 0, "new", false); err != nil || f.Apart > 0 {
			t.Errorf("%s: what a majority makes is apart from %d, %v", c.what, f.Apart, err)
		}
		w.net.Run(2 * time.Hour)
		w.whole(true)
	}
}

// TestFewOfManyLeft: all but three of many are off. What the three make is apart no more when all are back, though most are
// too far from it to be asked, and are so many that not all can be named; but as long as a majority of those are off who
// would have it, it is.
func TestFewOfManyLeft(t *testing.T) {
	simtest.WithoutRace(t)
	for _, c := range []struct {
		nodes int
		off   time.Duration
	}{{20, long}, {16, 15 * time.Minute}, {30, long}} {
		w := newWorld(t, c.nodes, kbrtest.Config{Seed: 63}, nil)
		near := slices.DeleteFunc(w.nearest(annsName.ID(), 6), func(m *member) bool { return slices.Contains(w.members[:3], m) })[:3]
		others := slices.DeleteFunc(slices.Clone(w.members[3:]), func(m *member) bool { return slices.Contains(near, m) })
		kill(others)
		w.net.Run(time.Minute)
		kill(near)
		w.net.Run(c.off)
		w.members[0].goesOn(0, "one", 5)
		restart(others)
		w.net.Run(2 * time.Minute)
		if c.off == long {
			_, err := w.members[1].current(annsName)
			wantErr(t, "a reader while three of the nearest are off", err, past.ErrNotReachable)
		}
		restart(near)
		w.net.Run(2 * time.Minute)
		if err := w.members[9].change(1, "two"); err != nil {
			t.Errorf("%d nodes, off for %s: %v", c.nodes, c.off, err)
		}
		if f, err := w.members[1].current(annsName); err != nil || f.Apart > 0 || string(f.Content) != "two" {
			t.Errorf("%d nodes, off for %s: %q is read, apart from %d, %v", c.nodes, c.off, f.Content, f.Apart, err)
		}
	}
}

// TestPushedOut: few are left of many, and as many come anew as push them out of each other's sight, as far as it matters
// for copies. Whoever is there all the same is not missed: once the others are lost nobody waits for any more.
func TestPushedOut(t *testing.T) {
	w := newWorld(t, 12, kbrtest.Config{Seed: 64}, func(c *past.Config) { c.LostAfter = time.Hour })
	kill(w.members[3:])
	w.net.Run(15 * time.Minute)
	for _, m := range w.live() {
		if !m.past.Outnumbered() {
			t.Fatal("three of twelve believe that they are a majority")
		}
	}
	for range 20 {
		w.join()
	}
	w.net.Run(2 * time.Hour)
	for _, m := range w.live() {
		if m.past.Outnumbered() {
			t.Errorf("%s misses nodes that are there", m.node.Self())
		}
	}
}

// TestBackInARound: who comes back after long is missed no more from then on: the next round, which looks who is there, may
// begin after it went again. Nor is it after all have gone, and one of them comes back before it.
func TestBackInARound(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 66}, nil)
	gone := w.members[2]
	gone.node.Kill()
	w.net.Run(5 * time.Hour)
	for _, m := range w.live() {
		if d := m.past.MissedFor(gone.cert.Node); d < time.Hour {
			t.Errorf("%s has missed it for %s", m.node.Self(), d)
		}
	}
	gone.restart()
	w.net.Run(rounds.Calm / 3)
	for _, m := range w.live() {
		if d := m.past.MissedFor(gone.cert.Node); d > 0 {
			t.Errorf("%s has missed who is there for %s", m.node.Self(), d)
		}
	}
	w.net.Run(2 * rounds.Calm)
	kill(w.members)
	w.net.Run(time.Minute)
	w.members[0].restart()
	w.net.Run(time.Minute)
	if d := w.members[0].past.MissedFor(gone.cert.Node); d > 0 {
		t.Errorf("one that starts alone has missed for %s who was there", d)
	}
}

// TestDraftLeft: a root has told the holders of a draft, and is gone with most of them. The others go on from it, and are
// apart from it until a majority of its holders is back.
func TestDraftLeft(t *testing.T) {
	w := newWorld(t, 5, kbrtest.Config{Seed: 61}, nil)
	o := annsName.ID()
	near, one := w.nearest(o, 5), annsVersion(w, 1, "one")
	draft := near[0].rules(one, 1, near...)
	draft.Origin, draft.Draft = draft.Term, true
	accept := past.AskAccept(one, []byte("one"), draft.Sign(ring, o, near[0].signer))
	for _, m := range near[1:] {
		if _, err := ask(near[0], m, accept); err != nil {
			t.Fatal(err)
		}
	}
	kill(near[:3])
	w.net.Run(long)
	near[4].goesOn(1, "two", 5)
	near[4].goesOn(2, "three", 5)
	wantErr(t, "a writer who wants a majority", near[3].change(3, "four"), past.ErrNotReachable)
	restart(near[:3])
	w.net.Run(2 * time.Minute)
	for _, m := range near {
		w.mustRead(m, 3, "three")
	}
	if err := near[0].change(3, "four"); err != nil {
		t.Fatal(err)
	}
	w.net.Run(3 * time.Hour)
	w.whole(true)
	for _, m := range near {
		if n := m.past.Stats().Objects; n > 1 {
			t.Errorf("%s keeps %d objects in the end", m.node.Self(), n)
		}
	}
}

// TestDiskGoneForGood: one of two holders lost its disk, and so the majority is lost. When it is back, empty,
// all who could know of something later have spoken, and all goes on.
func TestDiskGoneForGood(t *testing.T) {
	w := newWorld(t, 2, kbrtest.Config{Seed: 57}, nil)
	near := w.nearest(annsName.ID(), 2)
	near[0].goesOn(0, "one", 0)
	w.net.Run(time.Second)
	near[0].node.Kill()
	w.net.Run(long)
	near[1].goesOn(1, "two", 2)
	near[0].disk.Wipe()
	near[0].restart()
	w.net.Run(2 * time.Minute)
	for _, m := range near {
		w.mustRead(m, 2, "two")
	}
	if err := near[0].change(2, "three"); err != nil {
		t.Fatal(err)
	}
}

// TestUnsent: a change of which nobody but this node has heard, as a majority is away, is told as one that was not made. One that
// was sent to somebody who has not answered is not.
func TestUnsent(t *testing.T) {
	w := newWorld(t, 5, kbrtest.Config{Seed: 58}, nil)
	near := w.nearest(annsName.ID(), 5)
	a, others := near[4], near[:4]
	w.net.Partition(nodesOf(others), nodesOf(near[4:]))
	_, err := a.edits(annsName, 0, "one", false)
	if !errors.Is(err, past.ErrNotReachable) || errors.Is(err, past.ErrUnsent) {
		t.Errorf("sent to who is out of sight since a moment: %v", err)
	}
	w.net.Run(long)
	_, err = a.edits(annsName, 0, "two", false)
	wantErr(t, "alone", err, past.ErrUnsent)
	wantErr(t, "alone", err, past.ErrNotReachable)
	w.net.Heal()
	w.net.Run(long)
	if f, err := a.current(annsName); err == nil && string(f.Content) == "two" {
		t.Error("it was made after all")
	}
}

// TestHoldersLost: a majority of the holders never comes back. Once they are expelled, or were missed for
// long, the others are a majority again, whether they have gone on meanwhile or not, also after a restart.
func TestHoldersLost(t *testing.T) {
	for _, expelled := range []bool{true, false} {
		for _, apart := range []bool{true, false} {
			t.Run(fmt.Sprintf("expelled: %t, changed meanwhile: %t", expelled, apart), func(t *testing.T) {
				out := make(map[id.ID]bool)
				w := newWorld(t, 5, kbrtest.Config{Seed: 59}, func(c *past.Config) {
					c.Expelled = func(n id.ID) bool { return out[n] }
					c.LostAfter = 2 * time.Hour
				})
				near := w.nearest(annsName.ID(), 5)
				near[0].goesOn(0, "one", 0)
				kill(near[:3])
				w.net.Run(long)
				a, version := near[4], uint64(1)
				wantErr(t, "a writer who wants a majority", a.change(version, "two"), past.ErrNotReachable)
				if apart {
					a.goesOn(version, "two", 5)
					version++
				}
				if expelled {
					for _, m := range near[:3] {
						out[m.cert.Node] = true
					}
					for _, m := range near[3:] {
						m.past.Expelled()
					}
				} else {
					kill(near[3:])
					w.net.Run(3 * time.Hour)
					restart(near[3:])
					w.net.Run(time.Hour)
					wantErr(t, "who slept has missed nobody", a.change(version, "early"), past.ErrNotReachable)
					w.net.Run(90 * time.Minute)
				}
				w.net.Run(time.Minute)
				if err := a.change(version, "three"); err != nil {
					t.Fatal(err)
				}
				for _, m := range near[3:] {
					w.mustRead(m, version+1, "three")
				}
				if expelled {
					return
				}
				restart(near[:3])
				w.net.Run(2 * time.Hour)
				for _, m := range w.members {
					if f, err := m.current(annsName); err != nil || string(f.Content) != "three" || len(f.Rivals) > 0 || f.Apart > 0 {
						t.Errorf("when they are back after all: %q with %d rivals, apart from %d, %v", f.Content, len(f.Rivals), f.Apart, err)
					}
				}
				w.whole(true)
			})
		}
	}
}

// TestBothLost: two parts of a ring are out of each other's sight for so long that each takes the other's nodes for
// lost. What each of them has made with a majority of what it sees is there when they meet.
func TestBothLost(t *testing.T) {
	w := newWorld(t, 5, kbrtest.Config{Seed: 60}, func(c *past.Config) { c.LostAfter = time.Hour })
	near := w.nearest(annsName.ID(), 5)
	near[0].goesOn(0, "one", 0)
	w.net.Partition(nodesOf(near[:2]), nodesOf(near[2:]))
	w.net.Run(3 * time.Hour)
	for _, side := range []*member{near[1], near[3]} {
		if err := side.change(1, side.node.Self().String()); err != nil {
			t.Fatal(err)
		}
	}
	w.net.Heal()
	w.net.Run(2 * time.Minute)
	for _, m := range w.members {
		if f, err := m.current(annsName); err != nil || f.Certificate.Version != 2 || len(f.Rivals) != 1 || f.Apart != 0 {
			t.Errorf("%q is read with %d rivals, apart from %d, %v", f.Content, len(f.Rivals), f.Apart, err)
		}
	}
	w.net.Run(2 * time.Hour)
	w.whole(true)
}

// TestApartInTrouble: while an object is changed by whoever sees some of its holders, the nodes are
// parted, meet, and are gone for short and long. What was acknowledged is current in the end, or kept besides,
// unless somebody put another version in its place who had read it.
func TestApartInTrouble(t *testing.T) {
	simtest.Seeds(t, 16, func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 17))
		w := newWorld(t, 2+rng.IntN(8), kbrtest.Config{Seed: seed}, nil)
		tr := &trouble{world: w, rng: rng, left: make(map[string]bool), apart: true}
		tr.change(w.members[0], "A")
		sides := make([][]*member, 2)
		for _, m := range w.members {
			i := rng.IntN(2)
			sides[i] = append(sides[i], m)
		}
		for range 10 {
			tr.fault(sides)
			tr.change(tr.live()[rng.IntN(len(tr.live()))], "E")
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

// TestHostileApart: a root that claims that a majority was away, though the holders see it, or that
// names holders who are not asked, makes nobody give up what a majority has, and who wants a
// majority reads that.
func TestHostileApart(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 58}, nil)
	w.members[0].goesOn(0, "one", 0)
	w.net.Run(time.Minute)
	o := annsName.ID()
	near := w.nearest(o, 9)
	root, holder := near[0], near[2]
	have := holder.past.RulingOf(o)
	for what, holders := range map[string][]*member{"to those who see a majority": near[:5], "to others": near[:2]} {
		two := annsVersion(w, 2, "two")
		r := root.rules(two, have.Term.Count+5, holders...)
		point := have.Point(false)
		point.Left = 5
		r.Origin, r.Absorbed = r.Term, []*certificate.Absorbed{point}
		r = r.Sign(ring, o, root.signer)
		if err := r.Verify(ring, two, verifier); err != nil || r.Apart() != 5 {
			t.Fatalf("%s: apart from %d, %v", what, r.Apart(), err)
		}
		for _, m := range near[1:5] {
			if _, err := ask(root, m, past.AskAccept(two, []byte("two"), r)); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if v := m.past.Version(o); v != 1 {
				t.Errorf("%s: %s has version %d", what, m.node.Self(), v)
			}
		}
	}
	for _, m := range w.members {
		if f, err := m.current(annsName); err != nil || f.Apart > 0 {
			t.Errorf("%q is read, apart from %d, %v", f.Content, f.Apart, err)
		}
	}
}

// next is the id of the node that join starts next.
func (w *world) next() id.ID {
	n := len(w.members)
	return peer.NewCertificate(authority, w.admission, standin.NewSigner(3, uint64(n)).Public(), peer.Salt{byte(n), 7}, w.now()).Node
}

// TestNewRoot: a majority never comes back, and the root of what there is comes after it went, so that it never saw those
// who are lost. It waits for them no longer than others do, counted from when it came; and as long as they do it is apart.
func TestNewRoot(t *testing.T) {
	w := newWorld(t, 5, kbrtest.Config{Seed: 65}, func(c *past.Config) { c.LostAfter = 2 * time.Hour })
	left, gone, next := w.members[:2], w.members[2:], w.next()
	var names []past.Name
	for part := byte(0); len(names) < 3; part++ {
		n := past.Name{Owner: ann.Public(), Part: certificate.Part{40, part}, Copies: 5}
		if place := n.ID().Place(); !slices.ContainsFunc(w.members, func(m *member) bool { return id.Closer(place, m.cert.Node, next) }) {
			names = append(names, n)
		}
	}
	makes := func(n past.Name, replaces uint64, apart int) {
		t.Helper()
		if f, err := left[0].edits(n, replaces, fmt.Sprint(replaces+1), true); err != nil || f.Apart != apart {
			t.Fatalf("version %d is apart from the majority of %d, %v; want %d", replaces+1, f.Apart, err, apart)
		}
	}
	makes(names[0], 0, 0) // by all, and
	makes(names[1], 0, 0) // changed by the few who are left, who
	kill(gone)
	w.net.Run(long)
	makes(names[1], 1, 5)
	makes(names[2], 0, 5) // make this
	comes := w.join()
	w.net.Run(time.Hour)
	for _, n := range names {
		if w.nearest(n.ID(), 1)[0] != comes {
			t.Fatal("another one is the root")
		}
		_, err := left[1].current(n)
		wantErr(t, "a reader who wants a majority of those who are not lost yet", err, past.ErrNotReachable)
	}
	comes.node.Kill()
	w.net.Run(time.Minute)
	comes.restart() // with what it knows of those whom it never saw
	w.net.Run(80 * time.Minute)
	for i, n := range names {
		for _, m := range w.live() {
			if f, err := m.current(n); err != nil || f.Apart > 0 || f.Holders != 3 || string(f.Content) != []string{"1", "2", "1"}[i] {
				t.Errorf("object %d: %q is read of %d holders, apart from %d, %v", i, f.Content, f.Holders, f.Apart, err)
			}
		}
	}
	restart(gone)
	w.net.Run(2 * time.Hour)
	for i, n := range names {
		if f, err := gone[0].current(n); err != nil || f.Apart > 0 || f.Holders != 5 || len(f.Rivals) > 0 {
			t.Errorf("object %d, when all are back after all: %q is read of %d holders with %d rivals, apart from %d, %v", i, f.Content, f.Holders, len(f.Rivals), f.Apart, err)
		}
	}
	w.whole(true)
}

// TestFewWithNewcomers: two of five are left, and as many come as make them a majority of all whom they know of, old and new.
// These came when the others had gone, and know nothing of what those may have: they do not count among them, also after a restart.
func TestFewWithNewcomers(t *testing.T) {
	w := newWorld(t, 5, kbrtest.Config{Seed: 66}, nil)
	left := w.members[:2]
	kill(w.members[2:])
	w.net.Run(15 * time.Minute)
	w.join()
	w.join()
	for i, again := range [][]*member{nil, left[:1], left} {
		kill(again)
		w.net.Run(time.Minute)
		restart(again)
		w.net.Run(15 * time.Minute)
		for _, m := range left {
			if !m.past.Outnumbered() {
				t.Errorf("%d started again: %s believes that two of five are a majority", len(again), m.node.Self())
			}
		}
		name := past.Name{Owner: ann.Public(), Part: certificate.Part{60, byte(i)}, Copies: 5}
		_, err := left[0].edits(name, 0, "new", false)
		wantErr(t, fmt.Sprintf("%d started again: a writer who wants a majority", len(again)), err, past.ErrNotReachable)
	}
}

// TestVainTerms: a root keeps more objects than it takes office for in one round whose other holders are lost, and it takes office for
// them in vain. It does so for the next ones all the same: what two of its nodes have made alone is kept by the third one that comes.
func TestVainTerms(t *testing.T) {
	w := newWorld(t, 5, kbrtest.Config{Seed: 67}, nil)
	root, other, next := w.members[0], w.members[1], w.next()
	var names []past.Name // of which it is the root, in the order of their ids
	for part := 0; len(names) < past.MaxSettle+8; part++ {
		n := past.Name{Owner: ann.Public(), Part: certificate.Part{70, byte(part), byte(part >> 8)}, Copies: 5}
		if place := n.ID().Place(); w.nearest(n.ID(), 1)[0] == root && id.Closer(place, root.cert.Node, next) {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(a, b past.Name) int { x, y := a.ID(), b.ID(); return bytes.Compare(x[:], y[:]) })
	last := len(names) - 1
	for _, n := range names[:last] {
		if f, err := root.edits(n, 0, "all", false); err != nil || f.Apart > 0 {
			t.Fatalf("apart from %d, %v", f.Apart, err)
		}
	}
	kill(w.members[2:])
	w.net.Run(long)
	if f, err := root.edits(names[last], 0, "two", true); err != nil || f.Apart != 5 {
		t.Fatalf("what two make is apart from %d, %v", f.Apart, err)
	}
	w.net.Run(time.Hour)
	w.join()
	w.net.Run(time.Hour)
	for _, m := range []*member{root, other} {
		if r := m.past.RulingOf(names[last].ID()); len(r.Holders) != 3 {
			t.Errorf("after an hour %s has a ruling with %d holders", m.node.Self(), len(r.Holders))
		}
	}
}

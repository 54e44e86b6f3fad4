package scribe_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
)

// written counts the records on a node's disk.
func (x *node) written() (n int) {
	x.disk.Scan(shelf.Table, store.Range{}, func([]byte, []byte) bool {
		n++
		return true
	})
	return n
}

func writtenWorld(t *testing.T, seed uint64, n int) *world {
	return newWorldOf(&world{t: t, net: kbrtest.New(kbrtest.Config{Seed: seed}), disks: true, tune: func(c *scribe.Config) { c.Buffer = 40 }}, n)
}

// What those who keep a group have had for a moment is there when all nodes were killed at
// once: late readers get it in order, without a gap, and publishing goes on.
func TestAllAreKilled(t *testing.T) {
	simtest.Seeds(t, 6, func(t *testing.T, seed uint64) {
		w := writtenWorld(t, seed, 8)
		c := open("news")
		c.Count = 40
		g := w.mustCreate(c.Sign(ring, alice))
		w.joinAll(g, w.nodes[:3]...)
		a, b := w.nodes[0].publisher(g, "alice", alice), w.nodes[1].publisher(g, "bob", bob)
		for range 30 {
			a.say()
			b.say()
			w.net.Run(100 * time.Millisecond)
		}
		w.net.Run(2 * shelf.Settle)
		safe := slices.Clone(a.acknowledged)
		a.say() // it may be lost: nobody has written it down
		w.net.Run(time.Duration(seed%5) * 50 * time.Millisecond)
		for _, x := range w.nodes {
			if p := x.s.Place(g); p.Messages > 40 || (p.Root || p.Keeper) != (x.written() > 0) || x.written() > 42 {
				t.Errorf("node %s has %d records on its disk: %+v", x.n.Self().ID.Short(), x.written(), p)
			}
			x.n.Kill()
		}
		w.net.Run(5 * time.Second)
		for _, x := range w.nodes {
			x.restart()
		}
		w.net.Run(10 * time.Second)
		late := w.nodes[6]
		late.mustJoin(g, scribe.Options{Since: time.Hour})
		again := late.publisher(g, "again", alice)
		again.say()
		w.net.Run(5 * time.Second)
		var got []string
		for _, text := range late.read {
			if slices.Contains(safe, text) {
				got = append(got, text)
			}
		}
		if want := safe[len(safe)-19:]; len(got) < len(want) || !slices.Equal(got[len(got)-len(want):], want) ||
			slices.ContainsFunc(late.gaps, func(gap scribe.Gap) bool { return gap.To > 11 }) || again.taken != 1 || !slices.Contains(late.read, "again 0") {
			t.Errorf("after the end of all was read %q, gaps %v; want %q in this order, and what followed", late.read, late.gaps, want)
		}
		w.tree(g)
	})
}

// Who stops in order writes what has just come, and who keeps a group no longer has nothing of
// it on his disk.
func TestWrittenAtTheEnd(t *testing.T) {
	w := writtenWorld(t, 1, 6)
	g := w.mustCreate(open("news"))
	p := w.nodes[0].publisher(g, "alice", alice)
	p.say()
	for p.taken == 0 {
		w.net.Run(time.Millisecond)
	}
	root := w.root(g)
	root.n.Leave()
	if n := root.written(); n != 2 {
		t.Errorf("%d records are on the disk of a root that has stopped, want charter and batch", n)
	}
	w.net.Run(scribe.Default().Lapse + 2*scribe.Default().MaxBeat)
	for _, x := range w.nodes {
		if x.n.Alive() && x.written() > 0 {
			t.Errorf("node %s has %d records of a group that has lapsed", x.n.Self().ID.Short(), x.written())
		}
	}
}

// A disk that fails costs what would be on it, and no more: messages go on, and it is told. What is
// damaged on it is left out.
func TestDiskFails(t *testing.T) {
	w := writtenWorld(t, 2, 5)
	g := w.mustCreate(open("news"))
	w.joinAll(g, w.nodes...)
	full := errors.New("full, on purpose")
	for _, x := range w.nodes[1:] {
		x.disk.Fail(func(o mem.Op) error {
			if o.Kind == mem.Write {
				return full
			}
			return nil
		})
	}
	p := w.nodes[0].publisher(g, "alice", alice)
	for range 5 {
		p.say()
		w.net.Run(time.Second)
	}
	w.all(p.acknowledged, w.nodes...)
	for _, x := range w.nodes[1:] {
		if len(x.bad) == 0 || !errors.Is(x.bad[0], full) {
			t.Errorf("node %s was told %v", x.n.Self().ID.Short(), x.bad)
		}
	}
	x := w.nodes[0]
	x.n.Kill()
	other := id.HashOf("nobody's group")
	for key, value := range map[string][]byte{string(g[:]) + "x": []byte("y"), string(other[:]): {1}, "z": nil} {
		if err := x.disk.Put(shelf.Table, []byte(key), value); err != nil {
			t.Fatal(err)
		}
	}
	x.restart()
	w.net.Run(time.Minute)
	if p := x.s.Place(g); !p.Keeper && !p.Root || p.Messages != 5 || len(x.bad) > 0 {
		t.Errorf("with damage on the disk it has %+v, told %v", p, x.bad)
	}
}

// A disk that cannot be read at the start is waited for: when all were killed at once, what it has
// is all that there is. One that never can be is given up, and the node goes on with what others have.
func TestDiskCannotBeRead(t *testing.T) {
	for _, c := range []struct {
		down time.Duration
		want int
	}{{12 * time.Second, 10}, {time.Hour, 5}} {
		w := writtenWorld(t, 3, 5)
		g := w.mustCreate(open("news"))
		say := func() []string {
			p := w.nodes[0].publisher(g, "alice", alice)
			for range 5 {
				p.say()
				w.net.Run(time.Second)
			}
			return p.acknowledged
		}
		say()
		for _, x := range w.nodes {
			x.n.Kill()
			x.disk.Fail(func(o mem.Op) error {
				if o.Kind == mem.Scan {
					return errors.New("out of order, on purpose")
				}
				return nil
			})
			x.restart()
		}
		w.net.Run(min(c.down, 2*time.Minute))
		for _, x := range w.nodes {
			x.disk.Fail(nil)
			if len(x.bad) < 2 {
				t.Errorf("of a disk that cannot be read for %v was told %v", c.down, x.bad)
			}
		}
		w.net.Run(10 * time.Second)
		if c.want == 5 {
			w.mustCreate(open("news"))
		}
		if taken := say(); len(taken) != 5 {
			t.Errorf("%d of 5 were taken when the disk could not be read for %v", len(taken), c.down)
		}
		late := w.nodes[4]
		late.mustJoin(g, scribe.Options{Since: time.Hour})
		w.net.Run(5 * time.Second)
		if len(late.read) != c.want {
			t.Errorf("after a disk could not be read for %v there are %d messages, want %d", c.down, len(late.read), c.want)
		}
	}
}

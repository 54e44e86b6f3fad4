package past_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/cache"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
)

// lane is a ring in which all lookups but those of the nodes on it take one way.
type lane struct {
	*world
	on []*member // the way, from outside to the root
}

func newLane(t *testing.T, seed uint64, tune func(*past.Config)) *lane {
	l := new(lane)
	way := func(from *kbrtest.Node, _ id.ID, _ kbr.Options) (between []*kbrtest.Node) {
		for _, m := range l.on {
			if m.node == from {
				return nil
			}
			between = append(between, m.node)
		}
		return between
	}
	l.world = newWorld(t, 40, kbrtest.Config{Seed: seed, Way: way}, func(c *past.Config) {
		c.Cache = cache.GreedyDualSize
		if tune != nil {
			tune(c)
		}
	})
	return l
}

// open stores a file, and leads the way to it past two nodes that do not keep it.
func (l *lane) open(content string) (o id.Hash, readers []*member) {
	l.t.Helper()
	s, err := l.members[0].insert(file(content, 3))
	if err != nil {
		l.t.Fatal(err)
	}
	o = s.Certificate.ID()
	far := l.nearest(o, 40)[4:]
	for _, m := range far {
		if m != l.members[0] {
			readers = append(readers, m)
		}
	}
	l.on = readers[:2]
	return o, readers[2:]
}

// TestCachedOnTheWay: PAST, 4: a lookup leaves copies at its asker and before the node that
// answered, and the next one is answered there.
func TestCachedOnTheWay(t *testing.T) {
	l := newLane(t, 41, nil)
	o, readers := l.open("popular")
	hits := func(m *member) uint64 { return m.past.Stats().CacheHits }
	l.mustFind(readers[0], o, "popular")
	l.net.Run(time.Second)
	if readers[0].past.Stats().Cached != 1 || l.on[1].past.Stats().Cached != 1 || l.on[0].past.Stats().Cached != 0 {
		t.Fatal("the first lookup leaves a copy at its asker and at the last node before the replica")
	}
	l.mustFind(readers[1], o, "popular")
	l.net.Run(time.Second)
	if hits(l.on[1]) != 1 || l.on[0].past.Stats().Cached != 1 {
		t.Errorf("the second lookup: %d hits, and the copy is handed on", hits(l.on[1]))
	}
	l.mustFind(readers[2], o, "popular")
	l.mustFind(readers[2], o, "popular")
	if hits(l.on[0]) != 1 || hits(readers[2]) != 1 {
		t.Errorf("the third lookup and its repetition: %d and %d hits", hits(l.on[0]), hits(readers[2]))
	}
	for _, p := range l.pasts() {
		if s := p.Stats(); s.BadInput != 0 {
			t.Errorf("%+v", s)
		}
	}
	l.whole(true)
}

// TestCacheGivesWay: copies take what replicas leave, and go at once when a replica
// comes.
func TestCacheGivesWay(t *testing.T) {
	simtest.WithoutRace(t)
	l := newLane(t, 42, func(c *past.Config) { c.Capacity = 4000; c.CacheSize = 3900 })
	for i := range 60 {
		o, readers := l.open(name(i) + large[:100])
		for _, m := range readers[:12] {
			l.mustFind(m, o, name(i)+large[:100])
		}
		for _, m := range l.members {
			if s := m.past.Stats(); s.CachedBytes > max(0, min(4000-s.Bytes, 3900)) {
				t.Fatalf("%d bytes of replicas and %d of copies", s.Bytes, s.CachedBytes)
			}
		}
	}
	narrow := 0
	for _, m := range l.members {
		if s := m.past.Stats(); s.Bytes > 100 && s.CachedBytes > 4000-s.Bytes-200 {
			narrow++
		}
	}
	if narrow == 0 {
		t.Error("no cache is full: nothing is tested")
	}
}

// TestCacheGrowsOld: what was reclaimed is read from caches for a while, and no longer.
func TestCacheGrowsOld(t *testing.T) {
	l := newLane(t, 43, nil)
	o, readers := l.open("reclaimed")
	l.mustFind(readers[0], o, "reclaimed")
	l.net.Run(8 * time.Minute)
	l.mustFind(readers[1], o, "reclaimed") // a copy of a copy is as old as that
	if err := readers[5].reclaim(o, ann); err != nil {
		t.Fatal(err)
	}
	l.net.Run(3 * time.Minute)
	for _, m := range l.members {
		_, err := m.lookup(o)
		wantErr(t, "long after the reclaim", err, past.ErrNotFound)
	}
}

// TestPushed: what many ask for is pushed to the next level of the routing table, which in a
// small ring are all nodes.
func TestPushed(t *testing.T) {
	l := newLane(t, 44, nil)
	o, readers := l.open("hot")
	for _, m := range readers[:cache.Digits+4] {
		l.mustFind(m, o, "hot")
		l.net.Run(time.Second)
	}
	pushes, with := uint64(0), 0
	for _, m := range l.members {
		s := m.past.Stats()
		pushes += s.Pushed
		with += s.Cached
	}
	if pushes != 1 || with != len(l.members)-3 {
		t.Errorf("%d pushes, and %d of %d nodes have a copy", pushes, with, len(l.members))
	}
}

// TestHostileCopies: nobody gets into a cache what its owner has not signed.
func TestHostileCopies(t *testing.T) {
	l := newLane(t, 45, nil)
	l.open("another")
	c := sign(l.world, 1, "content", 3)
	victim := l.outside(l.nearest(c.ID(), 8))
	late := *c
	late.Date += 1
	before := victim.past.Stats()
	for what, q := range map[string][]byte{
		"another content":     past.AskCopy(c, []byte("Content"), 0),
		"a changed signature": past.AskCopy(&late, []byte("content"), 0),
		"a push to one":       past.AskCopy(c, []byte("content"), 1),
	} {
		if got, err := ask(l.members[3], victim, q); !refused(err) {
			t.Errorf("%s: %s, %v", what, past.KindOf(got), err)
		}
	}
	if s := victim.past.Stats(); s.Cached != before.Cached || s.BadInput != before.BadInput+3 {
		t.Errorf("%d copies, %d bad messages", s.Cached-before.Cached, s.BadInput-before.BadInput)
	}
	if _, err := ask(l.members[3], victim, past.AskCopy(c, []byte("content"), 0)); err != nil {
		t.Errorf("a good copy: %v", err)
	}
}

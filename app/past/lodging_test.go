package past_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

// unevenLarge starts a ring in which each third node has too little room for a large replica.
func unevenLarge(t *testing.T, nodes int, net kbrtest.Config, tune func(*past.Config)) *world {
	n := 0
	return newWorld(t, nodes, net, func(c *past.Config) {
		if c.Capacity = 200 * mib; n%3 == 0 {
			c.Capacity = mib / 4
		}
		if n++; tune != nil {
			tune(c)
		}
	})
}

// divertedLarge stores large files until one has a replica that was diverted, and returns it with
// the node that points to it and the node that keeps it.
func (w *world) divertedLarge(b *big, copies int) (o id.Hash, at, keeper *member) {
	w.t.Helper()
	for range 50 {
		s, err := w.members[1].insertLarge(b, copies)
		if err != nil {
			w.t.Fatal(err)
		}
		w.checkLarge(s)
		o := s.Certificate.ID()
		if at, keeper := w.pointing(o, copies); at != nil {
			return o, at, keeper
		}
		if err := w.members[1].reclaim(o, ann); err != nil {
			w.t.Fatal(err)
		}
		w.net.Run(time.Second)
	}
	w.t.Fatal("nothing was diverted")
	return o, nil, nil
}

// pointing returns a node among the nearest that has a pointer, and the node that it points to.
func (w *world) pointing(o id.Hash, copies int) (at, keeper *member) {
	for _, a := range w.nearest(o, copies) {
		for _, b := range w.live() {
			if b.node.Self().ID == a.past.Points(o) {
				return a, b
			}
		}
	}
	return nil, nil
}

// checkLarge checks that as many nodes have given a receipt as there are to be copies.
func (w *world) checkLarge(s past.Stored) {
	w.t.Helper()
	holders := make(map[id.ID]bool)
	for _, r := range s.Receipts {
		if err := r.Verify(ring, s.Certificate.ID(), s.Certificate.Hash(ring), w.now(), verifier); err != nil {
			w.t.Error(err)
		}
		holders[r.Holder.Node] = true
	}
	if len(holders) != int(s.Certificate.Copies) {
		w.t.Errorf("%d holders, want %d", len(holders), s.Certificate.Copies)
	}
}

// mustGather fails unless all of these read an object's content.
func (w *world) mustGather(o id.Hash, b *big, by ...*member) {
	w.t.Helper()
	for _, m := range by {
		if got, err := m.fetch(o); err != nil || !bytes.Equal(got, b.bytes) {
			w.t.Errorf("read by %s: %d bytes, %v", m.node.Self(), len(got), err)
		}
	}
}

// keepers are those who have the content of an object.
func (w *world) keepers(o id.Hash) (ms []*member) {
	for _, m := range w.live() {
		if m.past.Holds(o) {
			ms = append(ms, m)
		}
	}
	return ms
}

// TestLargeDiversion: PAST, 3.3, for a content that is moved: the client sends the chunks to the
// node that is to keep them, and who has no room points there and gives the receipt.
func TestLargeDiversion(t *testing.T) {
	simtest.WithoutRace(t)
	simtest.Seeds(t, 4, func(t *testing.T, seed uint64) {
		w := unevenLarge(t, 40, kbrtest.Config{Seed: seed}, nil)
		b := newBig(mib + 77)
		o, at, keeper := w.divertedLarge(b, 3)
		if !keeper.past.Holds(o) || at.past.Holds(o) || at.past.Stats().Bytes != 0 {
			t.Error("the replica does not lie where the pointer says")
		}
		if next := w.nearest(o, 4)[3]; !next.past.Keeps(o) {
			t.Error("the next in line has no pointer")
		}
		holders := w.keepers(o)
		w.mustHold(b, holders)
		w.mustGather(o, b, at, keeper, w.outside(holders))
		w.net.Run(3 * time.Hour)
		w.whole(true)
		if !slices.Equal(holders, w.keepers(o)) {
			t.Error("a diverted replica moves though nothing has changed")
		}
		if err := w.members[0].reclaim(o, ann); err != nil {
			t.Fatal(err)
		}
		w.net.Run(time.Second)
		w.mustHold(b, nil)
		w.net.Run(3 * time.Hour)
		w.whole(true)
	})
}

// TestLargeDivertedByItself: a node that stores a large file, is among those who are to keep it, and
// has no room sends its replica to another one as well; one that is asked to keep another's
// replica of its own file takes it from itself.
func TestLargeDivertedByItself(t *testing.T) {
	simtest.WithoutRace(t)
	own, others := false, false
	for seed := uint64(1); seed < 40 && !(own && others); seed++ {
		w := unevenLarge(t, 12, kbrtest.Config{Seed: seed}, nil)
		b := newBig(mib)
		for _, m := range w.members[:4] {
			s, err := m.insertLarge(b, 4)
			if err != nil {
				t.Fatal(err)
			}
			w.checkLarge(s)
			at, keeper := w.pointing(s.Certificate.ID(), 4)
			own, others = own || at == m, others || keeper == m
			w.mustGather(s.Certificate.ID(), b, w.members[5])
		}
		w.whole(true)
	}
	if !own || !others {
		t.Errorf("a node diverted its own replica: %v, kept one of its own file: %v", own, others)
	}
}

// TestLargeDivertedOverBreaks: streams break at random while a large file is diverted: what was
// acknowledged is there.
func TestLargeDivertedOverBreaks(t *testing.T) {
	simtest.WithoutRace(t)
	simtest.Seeds(t, 4, func(t *testing.T, seed uint64) {
		w := unevenLarge(t, 30, kbrtest.Config{Seed: seed, Loss: 0.05}, nil)
		rng := rand.New(rand.NewPCG(seed, 8))
		broken := errors.New("the stream breaks, on purpose")
		for _, m := range w.members {
			m.node.OnBulk = func(*task.Transfer, int, []byte) error {
				if rng.IntN(4) == 0 {
					return broken
				}
				return nil
			}
		}
		b := newBig(3*mib + 5)
		o, at, keeper := w.divertedLarge(b, 3)
		w.mustGather(o, b, at, keeper, w.members[7])
		w.net.Run(2 * time.Hour)
		w.whole(true)
		w.mustHold(b, w.keepers(o))
	})
}

// TestLargeTicketLost: who has not heard which ticket it was given, or cannot use it, asks again and
// waits for nobody.
func TestLargeTicketLost(t *testing.T) {
	w := newWorld(t, 6, kbrtest.Config{Seed: 86}, nil)
	b := newBig(mib + 5)
	c := (&certificate.Certificate{Kind: certificate.File, Salt: peer.Salt{9}, Copies: 3, Size: mib + 5, Content: b.outline.Hash()}).Sign(ring, ann, w.now())
	near := w.nearest(c.ID(), 3)
	writer := w.outside(near)
	for _, m := range near {
		if _, err := ask(writer, m, past.AskPut(c, b.outline.Bytes())); err != nil {
			t.Fatal(err)
		}
	}
	before := w.net.Elapsed()
	if _, err := writer.storeLarge(c, b); err != nil {
		t.Fatal(err)
	}
	if took := w.net.Elapsed() - before; took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestLargeDivertedSurvives: the death of who points loses nothing, that of who keeps the replica
// leads to a new one, and what rots is fetched again.
func TestLargeDivertedSurvives(t *testing.T) {
	simtest.WithoutRace(t)
	b := newBig(mib + 1)
	t.Run("who points", func(t *testing.T) {
		w := unevenLarge(t, 40, kbrtest.Config{Seed: 32}, nil)
		o, at, keeper := w.divertedLarge(b, 3)
		for _, m := range w.nearest(o, 3) {
			if m != at && m != keeper {
				m.node.Kill() // the keeper has the only replica, and two have pointers to it
			}
		}
		at.node.Kill()
		w.net.Run(10 * time.Second)
		w.mustGather(o, b, w.live()[0])
		w.net.Run(2 * time.Hour)
		w.whole(true)
		w.mustGather(o, b, w.live()[0])
	})
	t.Run("who keeps it", func(t *testing.T) {
		w := unevenLarge(t, 40, kbrtest.Config{Seed: 33}, nil)
		o, at, keeper := w.divertedLarge(b, 3)
		keeper.node.Kill()
		w.net.Run(10 * time.Second)
		w.mustGather(o, b, w.live()[0])
		w.net.Run(2 * time.Hour)
		if now := at.past.Points(o); now.IsZero() || now == keeper.node.Self().ID {
			t.Errorf("the node without room points to %s", now.Short())
		}
		w.whole(true)
		if n := len(w.keepers(o)); n != 3 {
			t.Errorf("%d nodes keep it, want 3", n)
		}
		keeper.restart()
		w.net.Run(2 * time.Hour)
		w.whole(true)
	})
	t.Run("the disk", func(t *testing.T) {
		w := unevenLarge(t, 40, kbrtest.Config{Seed: 34}, nil)
		o, _, keeper := w.divertedLarge(b, 3)
		keeper.disk.Blobs().Rot(b.outline.Hash(), 1)
		w.mustGather(o, b, w.members[2])
		if _, err := ask(w.members[1], keeper, past.AskFetch(o)); err != nil && !refused(err) {
			t.Fatal(err)
		}
		if _, err := keeper.fetch(o); err != nil {
			t.Fatal(err)
		}
		w.net.Run(2 * time.Hour)
		w.whole(true)
	})
}

// TestLargeLowerOffer: a node that offers less moves large replicas away too, and fetches them again
// when it offers more; paid for they stay paid for.
func TestLargeLowerOffer(t *testing.T) {
	simtest.WithoutRace(t)
	for name, tune := range map[string]func(*past.Config){"free": nil, "paid": paying(1 << 40)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 14, kbrtest.Config{Seed: 83}, tune)
			b := newBig(60 << 10)
			var objects []id.Hash
			for range 12 {
				s, err := w.members[1].insertLarge(b, 5)
				if err != nil {
					t.Fatal(err)
				}
				objects = append(objects, s.Certificate.ID())
			}
			w.mustInsert(w.members[1], file("and a small one", 10))
			m := w.members[3]
			before := m.past.Stats()
			if before.Bytes < 2*60<<10 {
				t.Fatalf("at first: %+v", before)
			}
			m.node.Do(func() { m.past.Offer(0) })
			w.net.Run(5 * time.Minute)
			if after := m.past.Stats(); after.Bytes != 0 || after.Objects != before.Objects || after.Pointers != after.Objects {
				t.Errorf("with an offer of nothing: %+v, before %+v", after, before)
			}
			if s, err := m.disk.Blobs().Stat(b.outline.Hash()); err == nil {
				t.Errorf("the content is still there: %+v", s)
			}
			w.whole(false)
			for i, o := range objects {
				w.mustGather(o, b, w.members[i])
			}
			m.node.Do(func() { m.past.Offer(1 << 30) })
			w.net.Run(time.Hour)
			if back := m.past.Stats(); back.Bytes != before.Bytes || back.Pointers != 0 {
				t.Errorf("with an offer again: %+v, before %+v", back, before)
			}
			w.whole(true)
		})
	}
}

// TestLargeDivertedThroughChange: nodes come and go, and each large object is where it belongs or
// has a pointer there; paid for or not.
func TestLargeDivertedThroughChange(t *testing.T) {
	simtest.WithoutRace(t)
	simtest.Seeds(t, 3, func(t *testing.T, seed uint64) {
		var tune func(*past.Config)
		if seed%2 == 0 {
			tune = paying(1 << 40)
		}
		w := unevenLarge(t, 20, kbrtest.Config{Seed: seed}, tune)
		var bs []*big
		var objects []id.Hash
		for i := range 8 {
			b := newBig(60<<10 + i)
			s, err := w.members[1].insertLarge(b, 4)
			if err != nil {
				t.Fatal(err)
			}
			w.checkLarge(s)
			bs, objects = append(bs, b), append(objects, s.Certificate.ID())
		}
		for i := range 3 {
			w.join()
			w.live()[3*i].node.Kill()
			w.net.Run(20 * time.Minute)
			w.check()
		}
		w.net.Run(3 * time.Hour)
		w.whole(true)
		pointers := 0
		for _, p := range w.pasts() {
			s := p.Stats()
			pointers += s.Pointers
			if s.BadInput+s.Damaged+s.Unpaid > 0 {
				t.Errorf("%+v", s)
			}
		}
		if pointers < len(objects)/4 {
			t.Errorf("%d pointers for %d objects: nothing is tested", pointers, len(objects))
		}
		for i, o := range objects {
			w.mustGather(o, bs[i], w.live()[i])
		}
	})
}

// TestLargeFull: where nobody takes a large file it is refused, and leaves nothing behind.
func TestLargeFull(t *testing.T) {
	w := newWorld(t, 20, kbrtest.Config{Seed: 84}, func(c *past.Config) { c.Capacity = 2 * mib })
	b := newBig(mib)
	if _, err := w.members[0].insertLarge(b, 3); !errors.Is(err, past.ErrFull) {
		t.Errorf("where half of each node's room is needed: %v", err)
	}
	w.net.Run(2 * time.Hour)
	w.mustHold(b, nil)
	w.whole(true)
}

// TestHostileLargeDiversion: a stranger cannot have chunks kept, nor can anybody for nothing; and a
// node that names another one that has nothing delays a reader, no more.
func TestHostileLargeDiversion(t *testing.T) {
	simtest.WithoutRace(t)
	b := newBig(mib + 3)
	c := (&certificate.Certificate{Kind: certificate.File, Salt: peer.Salt{8}, Copies: 3, Size: mib + 3, Content: b.outline.Hash()})
	w := newWorld(t, 60, kbrtest.Config{Seed: 85}, paying(1<<40))
	c = c.Sign(ring, ann, w.now())
	near := w.nearest(c.ID(), 60)
	evil := near[1]
	for _, q := range []struct {
		name string
		from *member
		to   *member
		body []byte
	}{
		{"one who is not near the object", near[59], near[8], b.outline.Bytes()},
		{"nobody paid", evil, near[8], b.outline.Bytes()},
		{"for one who is to keep one itself", evil, near[0], b.outline.Bytes()},
		{"a hash too few", evil, near[8], b.outline.Bytes()[32:]},
		{"the hashes of another content", evil, near[8], newBig(mib + 4).outline.Bytes()},
	} {
		if got, err := ask(q.from, q.to, past.AskDivertLarge(c, q.body, q.from.node.Self())); !refused(err) {
			t.Errorf("%s: %s, %v", q.name, past.KindOf(got), err)
		}
	}
	w.net.Run(time.Hour)
	w.mustHold(b, nil)

	o, at, keeper := w.loseBehind(t, b)
	w.mustGather(o, b, w.outside([]*member{at, keeper}))
}

// loseBehind has a holder give up a large replica behind its pointer: the chunks are gone, and
// nobody knows yet.
func (w *world) loseBehind(t *testing.T, b *big) (o id.Hash, at, keeper *member) {
	t.Helper()
	s, err := w.members[1].insertLarge(b, 3)
	if err != nil {
		t.Fatal(err)
	}
	o = s.Certificate.ID()
	at = w.nearest(o, 1)[0]
	at.node.Do(func() { at.past.Offer(0) })
	w.net.Run(5 * time.Minute)
	if at, keeper = w.pointing(o, 3); at == nil {
		t.Fatal("nothing was diverted")
	}
	keeper.disk.Blobs().Rot(b.outline.Hash(), 0)
	keeper.disk.Blobs().Rot(b.outline.Hash(), 1)
	return o, at, keeper
}

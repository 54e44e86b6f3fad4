package past_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

// TestInsertLookupReclaim: PAST, 2.1, in rings of all sizes.
func TestInsertLookupReclaim(t *testing.T) {
	simtest.WithoutRace(t)
	for _, n := range []int{1, 2, 3, 5, 60} {
		t.Run(fmt.Sprint(n, " nodes"), func(t *testing.T) {
			w := newWorld(t, n, kbrtest.Config{Seed: uint64(n)}, nil)
			var objects []id.Hash
			for i, k := range []int{1, 3, 5, 16} {
				objects = append(objects, w.mustInsert(w.members[i%n], file(name(i), k)))
			}
			again := w.mustInsert(w.members[0], file(name(0), 1))
			if again == objects[0] {
				t.Error("a file that is stored twice has one id")
			}
			w.whole(true)
			for _, m := range w.members {
				for i, o := range objects {
					w.mustFind(m, o, name(i))
				}
			}
			_, err := w.members[0].lookup(id.HashOf("nothing"))
			wantErr(t, "what is not there", err, past.ErrNotFound)
			wantErr(t, "another's file", w.members[0].reclaim(objects[1], eve), certificate.ErrReclaim)
			for i, o := range objects {
				if err := w.members[n-1].reclaim(o, ann); err != nil {
					t.Fatalf("reclaim %d: %v", i, err)
				}
				_, err := w.members[i%n].lookup(o)
				wantErr(t, "after the reclaim", err, past.ErrNotFound)
			}
			if err := w.members[0].reclaim(objects[0], ann); err != nil {
				t.Errorf("a reclaim of what is gone: %v", err)
			}
			w.mustFind(w.members[n-1], again, name(0)) // S8: the others stay
			w.net.Run(2 * time.Hour)
			w.whole(true)
			for _, p := range w.pasts() {
				if s := p.Stats(); s.BadInput+s.Damaged > 0 {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

// TestMoreCopiesLater: in a small ring everything works, and the rest of the copies is
// made when more machines join, without being asked.
func TestMoreCopiesLater(t *testing.T) {
	w := newWorld(t, 2, kbrtest.Config{Seed: 4}, nil)
	s, err := w.members[0].insert(file("x", 5))
	if err != nil || len(s.Receipts) != 2 {
		t.Fatalf("%d copies, %v", len(s.Receipts), err)
	}
	for range 4 {
		w.join()
		w.net.Run(20 * time.Second)
	}
	w.whole(false)
	o := s.Certificate.ID()
	for _, m := range w.nearest(o, 5)[:4] {
		m.node.Kill()
	}
	w.mustFind(w.live()[0], o, "x")
}

func TestBlocks(t *testing.T) {
	w := newWorld(t, 8, kbrtest.Config{Seed: 5}, func(c *past.Config) { c.Skew = time.Hour })
	put := func(m *member, hours int, owner peer.Signer) id.Hash {
		var s past.Stored
		if err := m.node.Call(patience, func(t *task.T) (err error) {
			s, err = m.past.InsertBlock(t, []byte("block"), 3, w.now().Add(time.Duration(hours)*time.Hour), owner)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		w.checkStored(s)
		return s.Certificate.ID()
	}
	o := put(w.members[0], 2, ann)
	if put(w.members[1], 10, eve) != o || put(w.members[2], 1, eve) != o {
		t.Error("one content has two ids")
	}
	wantErr(t, "to reclaim a block", w.members[0].reclaim(o, eve), certificate.ErrReclaim)
	w.net.Run(9 * time.Hour)
	w.whole(true)
	w.mustFind(w.members[7], o, "block")
	w.net.Run(4 * time.Hour)
	_, err := w.members[7].lookup(o)
	wantErr(t, "when its life has ended", err, past.ErrNotFound)
	for _, p := range w.pasts() {
		if s := p.Stats(); s.Objects != 0 || s.Bytes != 0 {
			t.Errorf("%d objects of %d bytes are kept", s.Objects, s.Bytes)
		}
	}
}

// TestLimitsOfInsert: what is refused before anybody is asked.
func TestLimitsOfInsert(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 6}, nil)
	m := w.members[0]
	_, err := m.insert(file(string(make([]byte, past.MaxContent+1)), 3))
	wantErr(t, "a large file", err, past.ErrTooLarge)
	for _, k := range []int{-1, 0, 17, 256} {
		_, err := m.insert(file("x", k))
		wantErr(t, fmt.Sprint(k, " copies"), err, certificate.ErrCertificate)
	}
	f := file("x", 3)
	f.Expires = w.now()
	_, err = m.insert(f)
	wantErr(t, "the end of its life now", err, certificate.ErrCertificate)
	w.mustInsert(m, file(string(make([]byte, past.MaxContent)), 3))
	w.mustInsert(m, file("", 3))
	w.whole(true)
}

// sign is a certificate for a file with a salt of its own.
func sign(w *world, salt byte, content string, copies uint8) *certificate.Certificate {
	return (&certificate.Certificate{Kind: certificate.File, Salt: peer.Salt{salt}, Copies: copies,
		Content: certificate.ContentHash([]byte(content)), Size: int64(len(content))}).Sign(ring, ann, w.now())
}

// TestOneContentForAnID is row 36 of the hostile input, and S6: of many contents for one
// id one wins, and the others are told.
func TestOneContentForAnID(t *testing.T) {
	w := newWorld(t, 20, kbrtest.Config{Seed: 7}, nil)
	const writers = 100
	won, lost, over := "", 0, 0
	for i := range writers {
		m, content := w.members[i%len(w.members)], name(i)
		c := sign(w, 1, content, 5)
		m.node.Do(func() {
			m.past.Call(func(t *task.T) error {
				_, err := m.past.Store(t, c, []byte(content))
				return err
			}, func(err error) {
				over++
				switch {
				case err == nil && won == "":
					won = content
				case errors.Is(err, past.ErrExists):
					lost++
				default:
					t.Errorf("writer %d: %v", i, err)
				}
			})
		})
	}
	if !w.net.RunUntil(patience, func() bool { return over == writers }) || lost != writers-1 {
		t.Fatalf("%d of %d are told that they lost", lost, writers-1)
	}
	o := sign(w, 1, "", 5).ID()
	w.mustFind(w.members[3], o, won)
	w.whole(true)
	if _, err := w.members[9].store(sign(w, 1, won, 5), won); err != nil {
		t.Errorf("the same content again: %v", err)
	}
}

// TestReclaimedAndStoredAgain: a reclaim that is played again does nothing, nor does a
// certificate of before.
func TestReclaimedAndStoredAgain(t *testing.T) {
	w := newWorld(t, 10, kbrtest.Config{Seed: 8}, nil)
	m, c := w.members[0], sign(w, 2, "x", 3)
	if _, err := m.store(c, "x"); err != nil {
		t.Fatal(err)
	}
	w.net.Run(time.Second)
	old := certificate.NewReclaim(ring, c, ann, w.now())
	if err := m.reclaim(c.ID(), ann); err != nil {
		t.Fatal(err)
	}
	_, err := m.store(c, "x")
	wantErr(t, "the certificate of before", err, past.ErrReclaimed)
	w.net.Run(time.Second)
	if _, err := m.store(sign(w, 2, "x", 3), "x"); err != nil {
		t.Fatal(err)
	}
	for _, h := range w.members {
		if _, err := ask(m, h, past.AskReclaim(old)); err != nil && !refused(err) {
			t.Fatal(err)
		}
	}
	w.mustFind(w.members[5], c.ID(), "x")
	w.net.Run(time.Hour)
	w.whole(true)
}

// TestFull: nodes without room say so, and what they have stays.
func TestFull(t *testing.T) {
	w := newWorld(t, 5, kbrtest.Config{Seed: 9}, func(c *past.Config) { c.Capacity = 100 })
	o := w.mustInsert(w.members[0], file(string(make([]byte, 80)), 5))
	s, err := w.members[1].insert(file(string(make([]byte, 21)), 5))
	wantErr(t, "21 bytes more", err, past.ErrTooFew)
	wantErr(t, "21 bytes more", err, past.ErrFull)
	if len(s.Receipts) != 0 {
		t.Errorf("%d receipts", len(s.Receipts))
	}
	w.mustInsert(w.members[1], file(string(make([]byte, 20)), 5))
	if err := w.members[2].reclaim(o, ann); err != nil {
		t.Fatal(err)
	}
	w.mustInsert(w.members[1], file(string(make([]byte, 80)), 5))
	w.whole(true)
}

// TestDamage: rot on a disk is found when it is read, is not served, and is mended from
// another replica (S4, S12).
func TestDamage(t *testing.T) {
	w := newWorld(t, 6, kbrtest.Config{Seed: 10}, nil)
	o := w.mustInsert(w.members[0], file("content", 3))
	for _, m := range w.nearest(o, 2) {
		if err := m.disk.Put(past.ContentTable, o[:], []byte("cOntent")); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range w.members {
		w.mustFind(m, o, "content")
	}
	for _, m := range w.nearest(o, 2) {
		f, err := ask(w.outside(w.nearest(o, 3)), m, past.AskGet(o))
		if err != nil || bytes.Contains(f, []byte("cOntent")) {
			t.Fatalf("%q, %v", f, err)
		}
	}
	w.net.Run(time.Minute)
	w.whole(true)
	if n := w.nearest(o, 1)[0].past.Stats().Damaged; n != 1 {
		t.Errorf("%d damaged", n)
	}
}

// TestAskedAgain: who asks for what was read a moment ago waits for no disk; what is stored anew,
// given back or at its end is not answered from memory.
func TestAskedAgain(t *testing.T) {
	w := newWorld(t, 6, kbrtest.Config{Seed: 13}, nil)
	expiring := file("expiring", 3)
	expiring.Expires = w.now().Add(time.Hour)
	o, old := w.mustInsert(w.members[0], file("content", 3)), w.mustInsert(w.members[0], expiring)
	holds := func(o id.Hash, content string) bool {
		t.Helper()
		f, err := ask(w.outside(w.nearest(o, 3)), w.nearest(o, 1)[0], past.AskGet(o))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(f, []byte(content))
	}
	if !holds(o, "content") || !holds(old, "expiring") {
		t.Fatal("a holder does not have what was stored")
	}
	w.nearest(o, 1)[0].rot(o)
	if !holds(o, "content") {
		t.Error("what was read a moment ago was read anew")
	}
	if w.nearest(o, 1)[0].reclaim(o, ann) != nil || holds(o, "content") {
		t.Error("what was given back is answered")
	}
	w.net.Run(time.Hour + time.Second)
	if holds(old, "expiring") {
		t.Error("what has come to its end is answered")
	}
}

// TestDiskFails: nothing is acknowledged that is not on the disk (S11).
func TestDiskFails(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 11}, nil)
	o := w.mustInsert(w.members[0], file("old", 3))
	sick := w.members[1]
	sick.disk.Fail(func(op mem.Op) error {
		if op.Kind == mem.Write {
			return store.ErrFailed
		}
		return nil
	})
	s, err := w.members[0].insert(file("new", 3))
	wantErr(t, "one of three disks fails", err, past.ErrTooFew)
	if len(s.Receipts) != 2 {
		t.Errorf("%d receipts, want 2", len(s.Receipts))
	}
	for _, r := range s.Receipts {
		if r.Holder.Node == sick.cert.Node {
			t.Error("a node whose disk fails gave a receipt")
		}
	}
	w.mustFind(sick, o, "old")
	sick.node.Kill()
	sick.restart()
	w.net.Run(time.Minute)
	w.whole(true) // the third copy was made without being asked
	w.mustFind(sick, s.Certificate.ID(), "new")
}

func TestLossyNetwork(t *testing.T) {
	w := newWorld(t, 40, kbrtest.Config{Seed: 12, Loss: 0.1}, nil)
	for i := range 20 {
		o := w.mustInsert(w.members[i], file(name(i), 5))
		w.mustFind(w.members[39-i], o, name(i))
	}
}

// TestSameRun: one seed, one trace.
func TestSameRun(t *testing.T) {
	run := func() uint64 {
		w := newWorld(t, 20, kbrtest.Config{Seed: 13}, nil)
		for i := range 5 {
			w.mustInsert(w.members[i], file(name(i), 3))
		}
		w.members[3].node.Kill()
		w.net.Run(time.Hour)
		return w.net.Digest()
	}
	if one, two := run(), run(); one != two {
		t.Error("two runs differ")
	}
}

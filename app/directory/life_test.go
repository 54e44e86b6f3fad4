package directory_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

const day = 24 * time.Hour

// TestAcknowledgedIsDurable kills all nodes in the moment in which the claim is
// confirmed: after their restart the name is there.
func TestAcknowledgedIsDurable(t *testing.T) {
	for _, n := range sizes {
		w := newWorld(t, n, kbrtest.Config{Seed: uint64(20 + n)}, nil)
		rec := w.record("bob", newToy("bob", 0), 1)
		w.mustPut(w.members[0], rec)
		for _, m := range w.members {
			m.node.Kill()
		}
		w.net.Run(time.Minute)
		for _, m := range w.members {
			m.restart()
		}
		w.net.Run(10 * time.Second)
		for _, m := range w.members {
			w.mustFind(m, rec)
		}
	}
}

// TestCrashBetweenAnyTwoSteps kills one holder after each possible number of events of
// a claim and starts it again. Whatever the claimer was told is true.
func TestCrashBetweenAnyTwoSteps(t *testing.T) {
	for step := range 60 {
		w := newWorld(t, 3, kbrtest.Config{Seed: 30}, nil)
		rec := w.record("bob", newToy("bob", 0), 1)
		var err error
		over := false
		claimer, victim := w.members[0], w.members[1]
		claimer.node.Do(func() {
			claimer.node.Endpoint(number).Go(func(t *task.T) error { return claimer.dir.Put(t, rec) }, func(e error) { err, over = e, true })
		})
		for range step {
			w.net.Step()
		}
		victim.node.Kill()
		w.net.Run(time.Second)
		victim.restart()
		if !w.net.RunUntil(3*time.Minute, func() bool { return over }) || err != nil {
			t.Fatalf("step %d: the claim ended: %v, with %v", step, over, err)
		}
		for _, m := range w.members {
			w.mustFind(m, rec)
		}
	}
}

// TestNoReceiptWithoutDisk: a holder whose disk fails gives no receipt, and keeps
// nothing.
func TestNoReceiptWithoutDisk(t *testing.T) {
	w := newWorld(t, 2, kbrtest.Config{Seed: 31}, nil)
	rec := w.record("bob", newToy("bob", 0), 1)
	w.members[1].disk.Fail(func(op mem.Op) error {
		if op.Kind == mem.Write {
			return fmt.Errorf("%w: in a test", store.ErrFull)
		}
		return nil
	})
	wantErr(t, "with one of two disks full", w.members[0].put(rec), directory.ErrNotReachable)
	_, err := w.members[0].lookup(rec.Name)
	wantErr(t, "look up a claim that does not stand", err, directory.ErrNotFound)
	w.members[1].disk.Fail(nil)
	w.mustPut(w.members[0], rec)
	w.mustFind(w.members[1], rec)
}

// TestDamagedRecordIsFetchedAgain flips bits of one holder's disk.
func TestDamagedRecordIsFetchedAgain(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 32}, nil)
	rec := w.record("bob", newToy("bob", 0), 1)
	w.mustPut(w.members[0], rec)
	m := w.members[1]
	h := rec.Name.Hash()
	if err := m.disk.Put(directory.Table, h[:], []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	w.mustFind(w.members[2], rec) // asks it, among others
	w.net.Run(time.Minute)
	b, err := m.disk.Get(directory.Table, h[:])
	if err != nil || bytes.Equal(b, []byte("damaged")) || m.dir.Stats().Damaged == 0 {
		t.Fatalf("not mended: %q, %v, %d damaged", b, err, m.dir.Stats().Damaged)
	}
	m.node.Kill()
	if err := m.disk.Put(directory.Table, h[:], []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	m.restart()
	w.net.Run(time.Minute)
	if !m.dir.Keeps(rec.Name) {
		t.Error("not fetched again after the restart")
	}
}

// TestFounderGrows: a name that was claimed when the ring had one node lives on in a
// ring of 40, whoever of its holders dies.
func TestFounderGrows(t *testing.T) {
	w := newWorld(t, 1, kbrtest.Config{Seed: 33}, func(c *directory.Config) { c.Sync = 5 * time.Hour })
	bob := newToy("bob", 0)
	rec := w.record("bob", bob, 1)
	w.mustPut(w.members[0], rec)
	w.members[0].dir.Keep(rec, bob)
	for range 39 {
		w.join()
		w.net.Run(3 * time.Second)
		w.mustFind(w.members[len(w.members)-1], rec)
	}
	w.net.Run(30 * time.Hour) // a refresh later the claim has the new holders' receipts
	rival := w.record("bob", newToy("eve", 0), 1)
	wantErr(t, "a rival", w.members[5].put(rival), directory.ErrTaken)
	if err := directory.CheckHolders(w.directories()...); err != nil {
		t.Error(err)
	}
	for range 10 { // two holders die at once, ten times
		hs := w.holders(rec.Name)
		hs[0].node.Kill()
		hs[3].node.Kill()
		w.net.Run(30 * time.Second)
		hs[0].restart()
		hs[3].restart()
		w.net.Run(30 * time.Second)
	}
	w.mustFind(w.members[39], rec)
}

// TestLeaveHandsOver: all five holders leave, one right after the other, and the
// sixth has the record before the ring has noticed.
func TestLeaveHandsOver(t *testing.T) {
	w := newWorld(t, 40, kbrtest.Config{Seed: 34}, nil)
	var recs []*directory.Record
	for i := range 20 {
		recs = append(recs, w.record(fmt.Sprint("user", i), newToy("user", i), 1))
		w.mustPut(w.members[i], recs[i])
	}
	for range 30 {
		m := w.holders(recs[0].Name)[0]
		if err := m.node.Call(time.Minute, func(t *task.T) error { return m.dir.Leave(t) }); err != nil {
			t.Fatal(err)
		}
		for _, r := range recs {
			if hs := w.net.Nearest(r.Name.Key(), 6); len(hs) == 6 && m.dir.Keeps(r.Name) && hs[0] == m.node {
				for _, x := range w.members {
					if x.node == hs[5] && !x.dir.Keeps(r.Name) {
						t.Fatalf("%s was not handed to the next holder", r.Name)
					}
				}
			}
		}
		m.node.Leave()
		w.net.Run(100 * time.Millisecond)
	}
	w.net.Run(30 * time.Second)
	for _, r := range recs {
		for _, m := range w.members {
			if m.node.Alive() {
				w.mustFind(m, r)
				break
			}
		}
	}
}

// TestRecordsMoveOn: a node that is no holder any more forgets a record, after those
// who are have it.
func TestRecordsMoveOn(t *testing.T) {
	w := newWorld(t, 6, kbrtest.Config{Seed: 35}, func(c *directory.Config) { c.Sync = 4 * time.Minute })
	for i := range 10 {
		w.mustPut(w.members[0], w.record(fmt.Sprint("user", i), newToy("user", i), 1))
	}
	for range 40 {
		w.join()
	}
	w.net.Run(time.Hour)
	total := 0
	for _, d := range w.directories() {
		total += d.Stats().Records
	}
	if total < 50 || total > 70 {
		t.Errorf("10 records lie at %d places, want 50 to 70", total)
	}
	if err := directory.CheckHolders(w.directories()...); err != nil {
		t.Error(err)
	}
}

// claim lets n people claim a name each.
func (w *world) claim(n int) {
	w.t.Helper()
	for i := range n {
		w.mustPut(w.members[i%len(w.members)], w.record(fmt.Sprint("user", i), newToy("user", i), 1))
	}
}

// TestDeathsAtOnce: when several nodes die in one moment those who hold their records now
// fetch them within seconds, also if the first death that they hear of is far away.
func TestDeathsAtOnce(t *testing.T) {
	simtest.WithoutRace(t)
	simtest.Seeds(t, 3, func(t *testing.T, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 11))
		w := newWorld(t, 40, kbrtest.Config{Seed: seed}, nil)
		w.claim(40)
		for range 3 {
			dead := rng.Perm(len(w.members))[:3]
			for _, i := range dead {
				w.members[i].node.Kill()
			}
			w.net.Run(10 * time.Second)
			if err := directory.CheckHolders(w.directories()...); err != nil {
				t.Errorf("without %d: %v", dead, err)
			}
			for _, i := range dead {
				w.members[i].restart()
			}
			w.net.Run(10 * time.Second)
		}
	})
}

// TestCrowdOnOneSide: next to a crowd of nodes a holder still speaks with the few on its
// other side, whose records it has to hold when one of them dies.
func TestCrowdOnOneSide(t *testing.T) {
	simtest.WithoutRace(t)
	const step = uint64(1) << 60 // a sixteenth of the ring
	w := newWorld(t, 0, kbrtest.Config{Seed: 42}, nil)
	for i := range uint64(8) { // the few
		w.joinIn(id.Range{From: id.ID{Hi: i * step}, To: id.ID{Hi: i*step + step/8}})
	}
	for range 12 {
		w.joinIn(id.Range{From: id.ID{Hi: 8 * step}, To: id.ID{Hi: 8*step + step/8}})
	}
	w.net.Run(10 * time.Second)
	w.claim(40)
	for i := range 8 {
		w.members[i].node.Kill()
		w.net.Run(10 * time.Second)
		if err := directory.CheckHolders(w.directories()...); err != nil {
			t.Errorf("without member %d: %v", i, err)
		}
		w.members[i].restart()
		w.net.Run(10 * time.Second)
	}
}

// TestNewHolderIsNotSure: a node that has just come does not say that a name does not
// exist before it has asked its fellows.
func TestNewHolderIsNotSure(t *testing.T) {
	w := newWorld(t, 2, kbrtest.Config{Seed: 36}, nil)
	rec := w.record("bob", newToy("bob", 0), 1)
	w.mustPut(w.members[0], rec)
	for range 3 {
		w.join()
	}
	for i := range 200 {
		w.net.Run(10 * time.Millisecond)
		for _, m := range w.members {
			if m.dir.Settled() && !m.dir.Keeps(rec.Name) {
				t.Fatalf("after %d ms node %s is sure that there is no such name", 10*i, m.node.Self())
			}
		}
	}
	w.mustFind(w.members[4], rec)
}

// TestNewMajorityKnowsNothing: three of five holders are new and cannot ask the others
// yet. They neither deny the name nor give it away.
func TestNewMajorityKnowsNothing(t *testing.T) {
	w := newWorld(t, 2, kbrtest.Config{Seed: 41}, nil)
	rec := w.record("bob", newToy("bob", 0), 1)
	w.mustPut(w.members[0], rec)
	for _, m := range w.members {
		m.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool { return directory.KindOf(d.Payload) == "list" }
	}
	for range 3 {
		w.join()
	}
	w.net.Run(10 * time.Second)
	_, err := w.members[4].lookup(rec.Name)
	wantErr(t, "look up", err, directory.ErrNotReachable)
	if err := w.members[4].put(w.record("bob", newToy("eve", 0), 1)); err == nil {
		t.Error("the name was given away")
	}
	for _, m := range w.members[:2] {
		m.node.OnDeliver = nil
	}
	w.net.Run(time.Minute)
	w.mustFind(w.members[4], rec)
}

func TestLapseAndHold(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 37}, nil)
	bob, eve := newToy("bob", 0), newToy("eve", 0)
	w.mustPut(w.members[0], w.record("bob", bob, 1))
	later := func(d time.Duration) {
		for _, m := range w.members {
			m.node.SkewWall(d)
		}
		w.net.Run(time.Hour)
	}
	at := func(who toy, version uint64, after time.Duration) *directory.Record {
		r := *w.record("bob", who, version)
		return r.Sign(w.ring(), who, w.now().Add(after))
	}
	later(179 * day)
	w.mustFind(w.members[0], w.record("bob", bob, 1))
	later(181 * day)
	_, err := w.members[0].lookup("bob")
	wantErr(t, "a lapsed name", err, directory.ErrNotFound)
	wantErr(t, "another's claim on a lapsed name", w.members[1].put(at(eve, 1, 181*day)), directory.ErrTaken)
	again := at(bob, 1, 181*day)
	w.mustPut(w.members[2], again)
	w.mustFind(w.members[1], again)
	later(181*day + 361*day)
	fresh := at(eve, 1, 181*day+361*day)
	w.mustPut(w.members[1], fresh)
	w.mustFind(w.members[0], fresh)
}

// TestWrongClockCostsLittle: a holder whose clock is ten years ahead does not forget
// all its records, and has them all when the clock is right again.
func TestWrongClockCostsLittle(t *testing.T) {
	w := newWorld(t, 1, kbrtest.Config{Seed: 38}, nil)
	for i := range 30 {
		w.mustPut(w.members[0], w.record(fmt.Sprint("user", i), newToy("user", i), 1))
	}
	w.members[0].node.SkewWall(3650 * day)
	w.net.Run(90 * time.Minute)
	if n := w.members[0].dir.Stats().Records; n < 28 {
		t.Errorf("%d of 30 records are left", n)
	}
}

func TestClockOfTheRecord(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 39}, nil)
	bob := newToy("bob", 0)
	for _, off := range []time.Duration{48 * time.Hour, -200 * day} {
		r := *w.record("bob", bob, 1)
		err := w.members[0].put(r.Sign(w.ring(), bob, w.now().Add(off)))
		wantErr(t, fmt.Sprint("signed with a clock that is off by ", off), err, directory.ErrClock)
	}
}

func TestRefresh(t *testing.T) {
	simtest.WithoutRace(t)
	var refreshed []error
	w := newWorld(t, 3, kbrtest.Config{Seed: 40}, func(c *directory.Config) {
		c.Sync = day
		c.Events.Refreshed = func(_ directory.Name, _ *directory.Record, err error) { refreshed = append(refreshed, err) }
	})
	bob := newToy("bob", 0)
	rec := w.record("bob", bob, 1, w.members[0])
	w.members[0].node.Do(func() { w.members[0].dir.Keep(rec, bob) }) // nobody has claimed it yet
	w.net.Run(time.Minute)
	w.mustFind(w.members[2], rec)
	for range 400 {
		w.net.Run(day)
	}
	f, err := w.members[1].lookup("bob")
	if err != nil || w.now().Sub(time.Unix(f.Record.Time, 0)) > 30*time.Hour {
		t.Fatalf("after 400 days: %+v, %v", f, err)
	}
	if n := len(refreshed); n < 380 || n > 440 || errors.Join(refreshed...) != nil {
		t.Errorf("%d refreshes in 400 days, errors: %v", n, errors.Join(refreshed...))
	}
	// Another node of bob's changes the record: the first one refreshes that.
	next := w.record("bob", bob, 2, w.members[0], w.members[1])
	w.mustPut(w.members[1], next)
	w.net.Run(3 * day)
	w.mustFind(w.members[2], next)
	if kept := w.members[0].dir.Kept(); len(kept) != 1 || kept[0].Version != 2 || len(kept[0].Devices) != 2 {
		t.Errorf("keeps %+v", kept)
	}
	w.members[0].dir.Forget("bob", bob.Public())
	w.net.Run(190 * day)
	_, err = w.members[1].lookup("bob")
	wantErr(t, "half a year after the last refresh", err, directory.ErrNotFound)
}

// TestClaimsMeetAfterPartition: both sides claim a name; after they meet one claim is
// left, the one with more receipts, and the loser's node knows.
func TestClaimsMeetAfterPartition(t *testing.T) {
	for _, sides := range [][2]int{{2, 3}, {4, 4}, {8, 32}} {
		for seed := range simtest.Some(4) {
			a, b := sides[0], sides[1]
			w := newWorld(t, a+b, kbrtest.Config{Seed: uint64(50 + seed)}, nil)
			w.net.Partition(nodes(w.members[:a]))
			w.net.Run(20 * time.Second)
			bob, eve := newToy("bob", seed), newToy("eve", seed)
			left, right := w.record("bob", bob, 1, w.members[0]), w.record("bob", eve, 1, w.members[a])
			w.mustPut(w.members[0], left)
			w.mustPut(w.members[a], right)
			w.members[0].dir.Keep(left, bob)
			w.members[a].dir.Keep(right, eve)
			w.net.Run(time.Minute)
			w.net.Heal()
			w.net.Run(2 * time.Minute)
			winner, loser := right, w.members[0]
			x, y := directory.ClaimHash(left, w.ring()), directory.ClaimHash(right, w.ring())
			if min(a, 5) == min(b, 5) && bytes.Compare(x[:], y[:]) < 0 {
				winner, loser = left, w.members[a]
			}
			for _, m := range w.members {
				w.mustFind(m, winner)
			}
			if len(loser.lost) != 1 || loser.lost[0] != "bob false" || len(loser.dir.Kept()) != 0 {
				t.Errorf("sides %v, seed %d: the loser was told %v and keeps %d names", sides, seed, loser.lost, len(loser.dir.Kept()))
			}
			if err := errors.Join(directory.CheckHolders(w.directories()...), directory.CheckBeliefs(time.Minute, w.directories()...)); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestClaimsAtOneMoment: of several who claim a name at the same time one gets it, and
// the others are told so.
func TestClaimsAtOneMoment(t *testing.T) {
	for seed := range simtest.Some(30) {
		w := newWorld(t, 6, kbrtest.Config{Seed: uint64(100 + seed)}, nil)
		var won []*directory.Record
		over := 0
		for i, m := range w.members[:4] {
			rec := w.record("bob", newToy("claimer", i), 1)
			m.node.Do(func() {
				m.node.Endpoint(number).Go(func(t *task.T) error { return m.dir.Put(t, rec) }, func(err error) {
					over++
					if err == nil {
						won = append(won, rec)
					} else if !errors.Is(err, directory.ErrTaken) {
						t.Errorf("seed %d: %v", seed, err)
					}
				})
			})
		}
		if !w.net.RunUntil(2*time.Minute, func() bool { return over == 4 }) || len(won) != 1 {
			t.Fatalf("seed %d: %d claims are over, %d won", seed, over, len(won))
		}
		for _, m := range w.members {
			w.mustFind(m, won[0])
		}
	}
}

func TestSameSeedSameTrace(t *testing.T) {
	run := func() uint64 {
		w := newWorld(t, 12, kbrtest.Config{Seed: 60, Loss: 0.05}, nil)
		for i := range 5 {
			w.mustPut(w.members[i], w.record(fmt.Sprint("user", i), newToy("user", i), 1))
		}
		w.members[7].node.Kill()
		w.net.Run(time.Minute)
		return w.net.Digest()
	}
	if first, second := run(), run(); first != second {
		t.Error("two runs with one seed differ")
	}
}

// TestStrayRecordOfALoserGoes: who kept the losing claim and is no holder forgets it.
func TestStrayRecordOfALoserGoes(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, 40, kbrtest.Config{Seed: 61}, func(c *directory.Config) { c.Sync = time.Minute })
	w.net.Partition(nodes(w.members[:8]))
	w.net.Run(20 * time.Second)
	left, right := w.record("bob", newToy("bob", 0), 1), w.record("bob", newToy("eve", 0), 1)
	w.mustPut(w.members[0], left)
	w.mustPut(w.members[8], right)
	w.net.Heal()
	w.net.Run(time.Hour)
	keepers := 0
	for _, m := range w.members {
		if m.dir.Keeps("bob") {
			keepers++
		}
	}
	if keepers < 5 || keepers > 7 {
		t.Errorf("%d nodes keep the name, want 5 to 7", keepers)
	}
}

// TestAllStartAtOnceWithASilentOne: the whole ring lost its power; one node does not
// speak with its fellows any more. The others get along.
func TestAllStartAtOnceWithASilentOne(t *testing.T) {
	w := newWorld(t, 5, kbrtest.Config{Seed: 62}, nil)
	rec := w.record("bob", newToy("bob", 0), 1)
	w.mustPut(w.members[0], rec)
	for _, m := range w.members {
		m.node.Kill()
	}
	for _, m := range w.members {
		m.restart()
	}
	w.members[2].node.OnDeliver = func(wire.AppID, *kbr.Delivery) bool { return true }
	w.net.Run(time.Second)
	w.mustFind(w.members[0], rec)
	w.net.Run(5 * time.Minute)
	_, err := w.members[0].lookup("nobody")
	wantErr(t, "a name that nobody has", err, directory.ErrNotFound)
	w.mustPut(w.members[1], w.record("carol", newToy("carol", 0), 1))
}

package past_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// paying lets members pay, each for so many bytes of all replicas.
func paying(limit int64) func(*past.Config) {
	return func(c *past.Config) {
		a := account.Default()
		a.Gift, a.Copies, a.Free = limit, 1, 0
		c.Accounts = &a
	}
}

// mustUse fails unless all who vote about a member's account say that it has used so much.
func (w *world) mustUse(m *member, want int64) {
	w.t.Helper()
	voters := 0
	for _, v := range w.live() {
		got, votes := v.past.Accounts().Used(m.cert.Node)
		if !votes {
			continue
		}
		if voters++; got != want {
			w.t.Errorf("%s says that %s has used %d, want %d", v.node.Self(), m.node.Self(), got, want)
		}
	}
	if voters == 0 {
		w.t.Errorf("nobody votes about the account of %s", m.node.Self())
	}
}

// TestPaid: an insert is paid for, size times k, and a reclaim gives it back; alone, with two,
// three and many.
func TestPaid(t *testing.T) {
	sizes := []int{1, 2, 3, 20, 45}
	if simtest.Race {
		sizes = []int{1, 2, 3, 9}
	}
	for _, n := range sizes {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(t, n, kbrtest.Config{Seed: 70}, paying(100_000))
			m := w.members[0]
			o := w.mustInsert(m, file("some content", 5))
			w.mustInsert(m, file("more content", 3))
			w.mustUse(m, 12*8)
			w.mustFind(w.members[n-1], o, "some content")
			if err := m.reclaim(o, ann); err != nil {
				t.Fatal(err)
			}
			w.net.Run(10 * time.Second)
			w.mustUse(m, 12*3)
			w.net.Run(2 * time.Hour)
			w.mustUse(m, 12*3)
		})
	}
}

// TestNoMore: what the account does not allow is not stored, and is told at once.
func TestNoMore(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 71}, paying(1000))
	m := w.members[0]
	w.mustInsert(m, file(string(make([]byte, 300)), 3))
	before := w.net.Elapsed()
	_, err := m.insert(file(string(make([]byte, 34)), 3))
	wantErr(t, "more than the account allows", err, past.ErrQuota)
	if took := w.net.Elapsed() - before; took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	w.mustInsert(m, file(string(make([]byte, 33)), 3))
	w.mustInsert(w.members[1], file(string(make([]byte, 300)), 3)) // another account
	w.mustUse(m, 999)
}

// TestKeepersForAThief: three of the five who keep a member's account allow it whatever it wants. It stores far more than
// it may, and no more than the holders offer; what others had stored stays. The two others find it, and suspect nobody else.
func TestKeepersForAThief(t *testing.T) {
	simtest.WithoutRace(t)
	const offered, limit = 6000, 1500
	w := newWorld(t, 9, kbrtest.Config{Seed: 69}, func(c *past.Config) {
		paying(limit)(c)
		c.Capacity = offered
	})
	thief, other, content := w.members[0], w.members[1], string(make([]byte, 300))
	before := w.mustInsert(other, file("before", 3))
	for _, node := range w.net.Nearest(thief.cert.Node, 4)[1:] {
		for _, m := range w.members {
			if m.node == node {
				if err := m.past.Accounts().SetGift(1e9); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	var err error
	for range 9 * offered / len(content) {
		if _, err = thief.insert(file(content, 3)); err != nil {
			break
		}
	}
	wantErr(t, "the last file", err, past.ErrFull)
	kept := int64(0)
	for _, m := range w.members {
		kept += m.past.Stats().Bytes
	}
	if kept < 5*limit || kept > 9*offered {
		t.Errorf("%d bytes are kept, where it may store %d and %d are offered", kept, limit, 9*offered)
	}
	w.net.Run(time.Hour)
	w.mustFind(w.members[5], before, "before")
	found := 0
	for _, m := range w.members {
		for _, x := range m.past.Accounts().Overdrawn() {
			if found++; x.Member != thief.cert.Node || x.Limit != limit+offered/6*5 {
				t.Errorf("%s finds %+v", m.node.Self(), x)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d have found it, want the two honest ones who keep the account", found)
	}
}

// TestUnpaid: nobody keeps what was not paid for, or was paid for once already.
func TestUnpaid(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 72}, paying(1000))
	m := w.members[0]
	c := sign(w, 1, "content", 3)
	pay := m.pay(c)
	holder := w.nearest(c.ID(), 1)[0]
	try := func(what string, payload []byte, good bool) {
		t.Helper()
		if _, err := ask(m, holder, payload); refused(err) == good {
			t.Errorf("%s: %v", what, err)
		}
	}
	content := []byte("content")
	try("without a payment", past.AskPut(c, content), false)
	other := sign(w, 2, "content", 3)
	try("paid for another", past.AskPaidPut(other, content, pay), false)
	forged := *pay.Voucher
	forged.Votes = forged.Votes[:1]
	try("with one vote", past.AskPaidPut(c, content, &voucher.Payment{Voucher: &forged, Path: pay.Path}), false)
	try("paid for", past.AskPaidPut(c, content, pay), true)
	try("again", past.AskPut(c, content), true)
	if err := m.reclaim(c.ID(), ann); err != nil {
		t.Fatal(err)
	}
	w.net.Run(time.Second)
	later := sign(w, 1, "content", 3)
	try("paid for once already", past.AskPaidPut(later, content, pay), false)
	w.net.Run(2 * time.Hour) // the other holders do not know what paid for it
	w.mustUse(m, 0)
}

// TestUsedVoucher: whatever dates an owner signs, holders do not forget that a voucher was used while it
// is good, though what it paid for was given back; they do when it is not.
func TestUsedVoucher(t *testing.T) {
	day := 24 * time.Hour
	for _, f := range []struct {
		what                string
		made, of, reclaimed time.Duration // the dates of both certificates, and of the reclaim, before now
		ended               time.Duration // when what is reclaimed has expired, before now; 0: never
	}{
		{"of what has expired", 3 * day, 3*day - time.Hour, 0, 2 * day},
		{"long ago", 50 * day, 50 * day, 40 * day, 0},
	} {
		w := newWorld(t, 9, kbrtest.Config{Seed: 74}, paying(1000))
		ago := func(d time.Duration) time.Time { return w.now().Add(-d) }
		m, content := w.members[0], "content"
		c := sign(w, 1, content, 3).Sign(ring, ann, ago(f.made))
		last := *c
		if f.ended > 0 {
			last.Expires = ago(f.ended).UnixMilli()
		}
		of := last.Sign(ring, ann, ago(f.of))
		pay := m.pay(c)
		holder := w.nearest(c.ID(), 1)[0]
		put := past.AskPaidPut(c, []byte(content), pay)
		if _, err := ask(m, holder, put); err != nil {
			t.Fatal(err)
		}
		if _, err := ask(m, holder, past.AskReclaim(certificate.NewReclaim(ring, of, ann, ago(f.reclaimed)))); err != nil || holder.past.Gone() != 1 {
			t.Fatalf("the reclaim %s: %v", f.what, err)
		}
		for range 3 {
			w.net.Run(20 * time.Minute)
			if _, err := ask(m, holder, put); !refused(err) || holder.past.Keeps(c.ID()) {
				t.Errorf("reclaimed %s: what was used is taken again: %v", f.what, err)
			}
		}
		w.net.Run(2 * time.Hour)
		if n := holder.past.Gone(); n != 0 {
			t.Errorf("reclaimed %s: %d reclaims are remembered when nobody needs them", f.what, n)
		}
	}
}

// TestUsedBefore: what a voucher paid for, and was given back, is not kept for it once more while it is good: not
// where the object was paid for anew and reclaimed since, nor by a holder that missed that, nor by one
// that has lost what it knew. What is paid for anew is kept.
func TestUsedBefore(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 81}, paying(1000))
	m, content := w.members[0], "content"
	o := sign(w, 1, content, 3).ID()
	holders := w.nearest(o, 3)
	put := func(pay *voucher.Payment, at ...*member) (refusals int) {
		t.Helper()
		c := sign(w, 1, content, 3)
		for _, x := range at {
			if _, err := ask(m, x, past.AskPaidPut(c, []byte(content), pay)); refused(err) {
				refusals++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		return refusals
	}
	reclaim := func() {
		t.Helper()
		if err := m.reclaim(o, ann); err != nil {
			t.Fatal(err)
		}
		w.net.Run(10 * time.Second)
		w.mustUse(m, 0)
	}
	pay := func() *voucher.Payment { return m.pay(sign(w, 1, content, 3)) }
	first := pay()
	if n := put(first, holders...); n != 0 {
		t.Fatalf("%d refuse what was paid for", n)
	}
	reclaim()
	second := pay()
	if n := put(second, holders[:2]...); n != 0 {
		t.Fatalf("%d refuse what was paid for anew", n)
	}
	if n := put(first, holders[:2]...); n != 2 {
		t.Errorf("%d of 2 refuse what was used, while the object is kept for another payment", n)
	}
	reclaim()
	var lost store.Batch
	account.DropSlip(&lost, o)
	if err := holders[1].disk.Apply(&lost); err != nil {
		t.Fatal(err)
	}
	for i, pay := range []*voucher.Payment{first, second} {
		if n := put(pay, holders...); n != 3 {
			t.Errorf("%d of 3 refuse payment %d, which was used", n, i+1)
		}
	}
	w.mustUse(m, 0)
	if n := put(pay(), holders...); n != 0 {
		t.Errorf("%d refuse what was paid for anew", n)
	}
	w.mustUse(m, 3*int64(len(content)))
	w.net.Run(2 * time.Hour)
	for _, x := range holders {
		known := 0
		if err := x.disk.Scan(account.PaidTable, store.Range{}, func(_, _ []byte) bool { known++; return true }); err != nil || known != 1 {
			t.Errorf("%s remembers %d payments (%v) when their vouchers are over, want that of what it keeps", x.node.Self(), known, err)
		}
	}
}

// TestPaidForOneContent: chunks come for one content of an object, although the payment would
// be good for another with the same name; when they never came, for the other.
func TestPaidForOneContent(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 73}, paying(100*mib))
	m := w.members[0]
	bs := []*big{newBig(3 * mib), newBig(3*mib - 1)}
	var cs []*certificate.Certificate
	for _, b := range bs {
		c := &certificate.Certificate{Kind: certificate.File, Salt: peer.Salt{3}, Copies: 3, Size: int64(len(b.bytes)), Content: b.outline.Hash()}
		cs = append(cs, c.Sign(ring, ann, w.now()))
	}
	o := cs[0].ID()
	if cs[1].ID() != o {
		t.Fatal("the contents have different names")
	}
	put := func(i int) error {
		t.Helper()
		pay := m.pay(cs[0]) // good for either
		_, err := ask(m, w.nearest(o, 1)[0], past.AskPaidPut(cs[i], bs[i].outline.Bytes(), pay))
		w.net.Run(task.TicketTime + time.Second)
		return err
	}
	if err := put(0); err != nil {
		t.Fatal(err)
	}
	if err := put(1); !refused(err) {
		t.Errorf("a second content for one object: %v", err)
	}
	if err := put(0); err != nil {
		t.Errorf("the first content again: %v", err)
	}
	w.net.Run(2 * time.Hour)
	if err := put(1); err != nil {
		t.Errorf("when the first never came: %v", err)
	}
}

// TestMutablePaid: a mutable object is paid for when it is new and when it outgrows what was
// paid for, and what was paid before is given back then.
func TestMutablePaid(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 74}, paying(100_000))
	m := w.members[0]
	change := func(by *member, replaces uint64, size int) {
		t.Helper()
		if err := by.change(replaces, string(make([]byte, size))); err != nil {
			t.Fatal(err)
		}
	}
	change(m, 0, 10)
	w.mustUse(m, 256*5)
	change(m, 1, 256)
	change(w.members[1], 2, 30) // costs its other writer nothing
	w.mustUse(m, 256*5)
	w.mustUse(w.members[1], 0)
	change(m, 3, 257)
	w.mustUse(m, (256+512)*5)
	w.net.Run(2 * time.Hour)
	change(m, 4, 300)
	w.net.Run(2 * time.Hour)
	w.mustUse(m, 512*5)
	wantErr(t, "an object that is too large for the account", m.change(5, string(make([]byte, 30_000))), past.ErrQuota)
}

// TestReclaimedElsewhere: an owner reclaims on one machine what he stored on another, and
// that one's account hears of it.
func TestReclaimedElsewhere(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 75}, paying(100_000))
	a, b := w.members[0], w.members[1]
	var os []id.Hash
	files := simtest.Size(40, 16)
	for i := range files {
		os = append(os, w.mustInsert(a, file(name(i)[:10], 3)))
		w.net.Run(time.Second / 5) // so slowly nobody pays ahead
	}
	w.mustUse(a, int64(files)*30)
	for _, o := range os[:files/2] {
		if err := b.reclaim(o, ann); err != nil {
			t.Fatal(err)
		}
	}
	w.net.Run(4 * time.Hour)
	w.mustUse(a, int64(files/2)*30)
	w.mustUse(b, 0)
}

// TestForgotten: a reclaimed object is remembered, with what paid for it, until nobody brings it back any
// more, and then both are forgotten; what would have ended by itself no later than if it had.
func TestForgotten(t *testing.T) {
	for _, f := range []struct{ life, forget time.Duration }{{0, 3 * time.Hour}, {time.Hour, 300 * time.Hour}} {
		w := newWorld(t, 3, kbrtest.Config{Seed: 79}, func(c *past.Config) {
			paying(1000)(c)
			c.Forget, c.Skew = f.forget, time.Hour
		})
		m, c := w.members[0], file("content", 3)
		if f.life > 0 {
			c.Expires = w.now().Add(f.life)
		}
		o := w.mustInsert(m, c)
		if err := m.reclaim(o, ann); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{1, 0} {
			for _, x := range w.members {
				slips := 0
				if err := x.disk.Scan(account.PaidTable, store.Range{}, func(_, _ []byte) bool { slips++; return true }); err != nil || slips != want || x.past.Gone() != want {
					t.Errorf("with a life of %s %s remembers %d reclaims and %d slips (%v), want %d", f.life, x.node.Self(), x.past.Gone(), slips, err, want)
				}
			}
			w.net.Run(4 * time.Hour)
		}
	}
}

// TestUnfinished: an insert that fails halfway is given back when its voucher is over.
func TestUnfinished(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 73}, paying(1000))
	m := w.members[0]
	for _, x := range w.members {
		x.node.OnDeliver = func(app wire.AppID, d *kbr.Delivery) bool {
			return app == number && past.KindOf(d.Payload) == "put"
		}
	}
	if _, err := m.insert(file("content", 3)); !errors.Is(err, past.ErrTooFew) {
		t.Fatal(err)
	}
	for _, x := range w.members {
		x.node.OnDeliver = nil
	}
	w.net.Run(3 * time.Hour)
	w.reclaimAll(m)
	w.net.Run(time.Hour)
	w.mustUse(m, 0)
}

// reclaimAll reclaims whatever a member's node keeps.
func (w *world) reclaimAll(m *member) {
	w.t.Helper()
	for _, x := range w.members {
		for _, o := range x.past.Some(x.past.Stats().Objects) {
			if err := m.reclaim(o, ann); err != nil {
				w.t.Error(err)
			}
		}
	}
}

// TestPayingStorm: with crashes, partitions and losses each account says in the calm after
// just what its member's objects cost that are there (RELIABILITY, S7).
func TestPayingStorm(t *testing.T) {
	simtest.Seeds(t, 3, func(t *testing.T, seed uint64) {
		n := []int{3, 5, 12}[seed%3]
		w := newWorld(t, n, kbrtest.Config{Seed: seed, Loss: float64(seed%3) / 20}, paying(5000))
		rng := rand.New(rand.NewPCG(seed, 2))
		mine := make([][]*certificate.Certificate, n) // also what is perhaps not there
		for step := range 40 {
			i := rng.IntN(n)
			m := w.members[i]
			switch x := rng.IntN(8); {
			case x == 0 && m.node.Alive() && len(w.live()) > n/2+1:
				m.node.Kill()
			case x == 1 && !m.node.Alive():
				m.restart()
			case x < 6 && m.node.Alive():
				f := file(string(make([]byte, 1+rng.IntN(500)))+name(step), 1+rng.IntN(3))
				s, err := m.insert(f)
				if err == nil && len(s.Receipts) == 0 {
					t.Error("stored without a receipt")
				}
				if s.Certificate != nil {
					mine[i] = append(mine[i], s.Certificate)
				}
			case m.node.Alive() && len(mine[i]) > 0:
				c := mine[i][rng.IntN(len(mine[i]))]
				if err := m.reclaim(c.ID(), ann); err != nil && !errors.Is(err, past.ErrNotReachable) {
					t.Error(err)
				}
			}
			w.net.Run(time.Duration(rng.IntN(60)) * time.Second)
			w.check()
		}
		for _, m := range w.members {
			if !m.node.Alive() {
				m.restart()
			}
		}
		w.net.Run(4 * time.Hour)
		for i, m := range w.members {
			want := int64(0)
			for _, c := range mine[i] {
				if slices.ContainsFunc(w.members, func(x *member) bool { return x.past.Keeps(c.ID()) }) {
					want += c.Size * int64(c.Copies)
				}
			}
			w.mustUse(m, want)
		}
	})
}

// TestPaidAhead: who stores many files of one kind pays for some of them ahead, under few
// vouchers, and what it did not use is given back.
func TestPaidAhead(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, 9, kbrtest.Config{Seed: 76}, paying(10_000_000))
	m := w.members[0]
	const size = 300
	files := 100
	insert := func(n int, pays int64) {
		t.Helper()
		for range n {
			if err := m.node.Call(patience, func(t *task.T) error {
				s, err := m.past.Insert(t, past.File{Content: make([]byte, size-n%3), Copies: 3, Pays: pays}, ann)
				if err == nil && len(s.Receipts) != 3 {
					err = fmt.Errorf("%d receipts", len(s.Receipts))
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	vouchers := func() uint64 { return m.past.Accounts().Stats().Vouchers }
	insert(4, size)
	w.mustUse(m, 4*size*3)
	if n := vouchers(); n != 4 {
		t.Errorf("%d vouchers for 4 files", n)
	}
	w.net.Run(time.Minute)
	insert(files, size)
	if n := vouchers() - 4; n > uint64(files/3) {
		t.Errorf("%d vouchers for %d files", n, files)
	}
	w.net.Run(3 * time.Hour)
	w.mustUse(m, int64(files+4)*size*3)
	insert(files, size) // what was paid for ahead is worth nothing any more
	w.net.Run(3 * time.Hour)
	w.mustUse(m, int64(2*files+4)*size*3)
}

// TestSideBySide: ids that are paid for ahead under one voucher lie on one part of the ring, an eighth, and
// those of the next one on the next part: so few nodes verify a voucher, and all get the same in the end.
func TestSideBySide(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, 12, kbrtest.Config{Seed: 80}, paying(100_000_000))
	m := w.members[0]
	const files = 64
	for range 12 {
		left := files
		m.node.Do(func() {
			for range files {
				m.node.Endpoint(number).Go(func(t *task.T) error {
					_, err := m.past.Insert(t, past.File{Content: make([]byte, 300), Copies: 3}, ann)
					return err
				}, func(err error) {
					if left--; err != nil {
						t.Error(err)
					}
				})
			}
		})
		if !w.net.RunUntil(time.Minute, func() bool { return left == 0 }) {
			t.Fatalf("%d files are not stored", left)
		}
	}
	type paid struct {
		date  int64
		parts [8]int
	}
	debits := make(map[id.Hash]paid)
	for _, x := range w.members {
		if err := x.disk.Scan(account.PaidTable, store.Range{}, func(_, value []byte) bool {
			s := new(voucher.Slip)
			if err := wire.Unmarshal(value, s); err != nil {
				t.Fatal(err)
			}
			p := debits[s.Debit]
			p.date = s.Date
			p.parts[s.Charge.Object.Place().Hi>>61]++
			debits[s.Debit] = p
			return true
		}); err != nil {
			t.Fatal(err)
		}
	}
	// Of the vouchers of which much was used, those that are not for what was wanted at once.
	ahead := slices.SortedFunc(maps.Values(debits), func(a, b paid) int { return cmp.Compare(a.date, b.date) })
	ahead = slices.DeleteFunc(ahead, func(p paid) bool {
		sum := 0
		for _, n := range p.parts {
			sum += n
		}
		return sum < 3*files || 10*slices.Max(p.parts[:]) < 9*sum
	})
	if len(ahead) < 3 {
		t.Fatalf("%d vouchers for one part each: %v", len(ahead), debits)
	}
	for i, p := range ahead[1:] {
		before := ahead[i].parts
		if at, was := slices.Index(p.parts[:], slices.Max(p.parts[:])), slices.Index(before[:], slices.Max(before[:])); at != (was+1)%8 {
			t.Errorf("after part %d comes part %d: %v", was, at, ahead)
		}
	}
}

// TestPaidAheadInManySizes: who stores many files of ever other sizes, as directories are, has no
// more than a bounded part of its account taken by what was paid for ahead and came to nothing.
func TestPaidAheadInManySizes(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, 5, kbrtest.Config{Seed: 77}, paying(1_000_000_000))
	m := w.members[0]
	files := 150 // at once: the race detector takes a MB for each of the tasks
	stored := int64(0)
	for size := int64(2000); size < 30_000; size += size / 7 {
		left := files
		m.node.Do(func() {
			for range files {
				m.node.Endpoint(number).Go(func(t *task.T) error {
					_, err := m.past.Insert(t, past.File{Content: make([]byte, size), Copies: 5}, ann)
					return err
				}, func(err error) {
					if left--; err != nil {
						t.Errorf("a file of %d bytes: %v", size, err)
					}
				})
			}
		})
		if !w.net.RunUntil(time.Minute, func() bool { return left == 0 }) {
			t.Fatalf("%d files of %d bytes are not stored", left, size)
		}
		stored += 5 * int64(files) * size
	}
	for _, v := range w.live() {
		if used, votes := v.past.Accounts().Used(m.cert.Node); votes && used-stored > 200<<20 {
			t.Errorf("%d bytes are used for %d", used, stored)
		}
	}
}

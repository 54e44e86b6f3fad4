package account_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// TestPayAndRefund: what is paid is charged at all who vote, every holder admits it, and what
// was reclaimed is given back; alone, with two, three and many.
func TestPayAndRefund(t *testing.T) {
	simtest.WithoutRace(t)
	for _, n := range []int{1, 2, 3, 5, 7, 40} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(t, n, kbrtest.Config{Seed: 1}, nil)
			m := w.members[0]
			a, b := file(1, 1000, 5), file(2, 300, 3)
			for i, c := range []struct {
				n    int
				size int64
			}{{1, 1000}, {2, 300}} {
				f := a
				if i == 1 {
					f = b
				}
				p, err := m.pay(f, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				for _, h := range w.holders(f) {
					if err := h.admit(p, f); err != nil {
						t.Errorf("%s: %v", h.node.Self(), err)
					}
				}
				w.put(f, c.n, p)
			}
			w.mustUse(m, 5*1000+3*300)
			if got, err := m.balance(); err != nil || got.Used != 5900 || got.Limit != 5e9 {
				t.Errorf("balance %+v, %v", got, err)
			}
			w.take(a)
			if err := m.refund(a.ID()); err != nil {
				t.Fatal(err)
			}
			w.net.Run(10 * time.Second)
			w.mustUse(m, 3*300)
			w.net.Run(3 * time.Hour)
			w.mustUse(m, 3*300)
		})
	}
}

// TestUnused: what was paid for and never stored is given back when the voucher is over, and
// not before; what has an end is given back then.
func TestUnused(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 2}, nil)
	m := w.members[0]
	if _, err := m.pay(file(1, 1000, 3), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.pay(file(2, 100, 3), w.now().Add(5*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := m.refund(file(1, 1000, 3).ID()); err != nil {
		t.Fatal(err)
	}
	w.net.Run(59 * time.Minute)
	w.mustUse(m, 3300)
	w.net.Run(time.Hour)
	w.mustUse(m, 300)
	w.net.Run(4 * time.Hour)
	w.mustUse(m, 0)
}

// TestLimit: the account ends at its limit, and goes on when something was given back.
func TestLimit(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 3}, func(c *account.Config) { c.Gift, c.Copies = 1000, 3 })
	m := w.members[0]
	a := file(1, 600, 3)
	p, err := m.pay(a, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	w.put(a, 1, p)
	_, err = m.pay(file(2, 401, 3), time.Time{})
	wantErr(t, "one byte too many", err, account.ErrQuota)
	var q *account.QuotaError
	if !errors.As(err, &q) || q.Used != 1800 || q.Limit != 3000 {
		t.Errorf("it says %+v", q)
	}
	w.mustUse(m, 1800)
	if _, err := m.pay(file(3, 400, 3), time.Time{}); err != nil {
		t.Errorf("to the last byte: %v", err)
	}
	w.mustUse(m, 3000)
	w.take(a)
	if err := m.refund(a.ID()); err != nil {
		t.Fatal(err)
	}
	w.net.Run(10 * time.Second)
	if _, err := m.pay(file(2, 401, 3), time.Time{}); err != nil {
		t.Errorf("after a refund: %v", err)
	}
	w.mustUse(m, 400*3+401*3)
}

// TestBatch: what is asked at once goes under few vouchers; if all together is too much, what
// the account allows is paid for.
func TestBatch(t *testing.T) {
	w := newWorld(t, 9, kbrtest.Config{Seed: 4}, func(c *account.Config) { c.Gift, c.Copies = 10_000, 1 })
	m := w.members[0]
	paid, over := 0, 0
	debits := make(map[*voucher.Debit]bool)
	for i := range 300 {
		m.node.Do(func() {
			m.node.Endpoint(number).Go(func(t *task.T) error {
				p, err := m.accounts.Pay(t, chargeOf(file(i, 50, 1)), time.Time{})
				switch {
				case err == nil:
					paid++
					debits[p.Voucher.Debit] = true
				case errors.Is(err, account.ErrQuota):
					over++
				}
				return nil
			}, nil)
		})
	}
	w.net.Run(time.Minute)
	if paid != 200 || over != 100 {
		t.Errorf("%d were paid for and %d refused, want 200 and 100", paid, over)
	}
	if len(debits) > 12 {
		t.Errorf("%d vouchers", len(debits))
	}
	w.mustUse(m, 10_000)
}

// TestKeepersChange: who comes to keep an account takes it over, whole, and what is known of
// it survives the death of all but one of its keepers.
func TestKeepersChange(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, 8, kbrtest.Config{Seed: 5}, nil)
	m := w.members[0]
	for i := range 5 {
		p, err := m.pay(file(i, 100, 2), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		w.put(file(i, 100, 2), i, p)
	}
	w.take(file(0, 100, 2))
	if err := m.refund(file(0, 100, 2).ID()); err != nil {
		t.Fatal(err)
	}
	w.net.Run(10 * time.Second)
	for range 12 {
		w.join()
	}
	w.move()
	// Who has come to keep the object does not know what paid for it, and releases it when
	// no voucher can be good any more.
	w.net.Run(2 * time.Hour)
	w.mustUse(m, 800)
	for range 3 {
		for _, v := range w.voters(m)[:4] {
			v.node.Kill()
			w.net.Run(10 * time.Second)
			w.move()
		}
		w.net.Run(time.Hour)
		w.mustUse(m, 800)
		for range 4 {
			w.join()
		}
		w.move()
		w.net.Run(time.Hour)
		w.mustUse(m, 800)
	}
}

// TestHandedOver: who does not keep an account any more gives it up when all who do have it; and where none of them
// has it, as all came at once while the member was mute, it tells them. What they may have forgotten it brings to nobody.
// One record that is damaged everywhere keeps it from nothing else. Who came a moment ago does not say that it has nothing.
func TestHandedOver(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, 8, kbrtest.Config{Seed: 12}, func(c *account.Config) { c.Forget = time.Hour })
	m := w.members[5]
	for i := range 4 {
		p, err := m.pay(file(i, 100, 2), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		w.put(file(i, 100, 2), i, p)
	}
	for _, x := range w.voters(m) {
		var first []byte
		if err := x.disk.Scan(account.Table, store.Range{Limit: 1}, func(key, _ []byte) bool { first = bytes.Clone(key); return true }); err != nil {
			t.Fatal(err)
		}
		if err := x.disk.Put(account.Table, first, []byte("damaged")); err != nil {
			t.Fatal(err)
		}
	}
	m.node.OnDeliver = func(wire.AppID, *kbr.Delivery) bool { return true }
	old := w.live()
	for range 36 {
		w.join()
	}
	w.move()
	if slices.ContainsFunc(w.voters(m), func(v *member) bool { return slices.Contains(old, v) }) {
		t.Fatal("one of the old keepers stays: take another member")
	}
	w.net.Run(200 * time.Millisecond) // they know each other, and have not asked what there is
	d, cs := m.debitOf(9, file(9, 100, 2))
	if _, err := ask(old[0], w.voters(m)[0], account.AskRecall(d, ring)); !refused(err) {
		t.Errorf("who came a moment ago is asked what it has: %v", err)
	}
	w.net.Run(time.Hour)
	w.mustUse(m, 600)
	given := func(but int) {
		t.Helper()
		near := w.nearest(m.cert.Node, 8)
		for _, x := range w.live() {
			if debits, _ := x.accounts.Named(m.cert.Node); debits > but && !slices.Contains(near, x) {
				t.Errorf("%s still has %d debits of an account that it does not keep", x.node.Self(), debits)
			}
		}
	}
	given(1)
	d, cs = m.debitOf(9, file(9, 100, 2))
	bring := func() error {
		_, err := ask(old[0], w.voters(m)[0], account.AskNote(d, cs))
		return err
	}
	if err := bring(); err != nil {
		t.Errorf("a debit of now: %v", err)
	}
	w.net.Run(3 * time.Hour)
	if err := bring(); !refused(err) {
		t.Errorf("a debit that may be forgotten: %v", err)
	}
	given(0)
}

// TestNextInLine: who is next in line to keep an account, and has kept it before, forgets what those have forgotten
// who keep it now, and does not bring it back when it keeps it once more. What they know it has still.
func TestNextInLine(t *testing.T) {
	w := newWorld(t, 6, kbrtest.Config{Seed: 13}, func(c *account.Config) { c.Forget = time.Hour })
	m := w.members[0]
	gone, _ := w.buy(m, 1, 100, 2)
	w.net.Run(time.Minute)
	w.buy(m, 2, 10, 2)
	next := w.voters(m)[4]
	for slices.Contains(w.voters(m), next) {
		w.join()
	}
	w.net.Run(10 * time.Minute)
	w.take(gone)
	if err := m.refund(gone.ID()); err != nil {
		t.Fatal(err)
	}
	w.net.Run(4 * time.Hour)
	if debits, _ := next.accounts.Named(m.cert.Node); debits != 1 {
		t.Errorf("it has %d debits, want 1", debits)
	}
	w.voters(m)[0].node.Kill()
	w.move()
	w.net.Run(10 * time.Minute)
	w.mustUse(m, 20)
}

// TestOffers: an offer counts up to a free part, and beyond that by what the member was seen
// to store; one that stores nothing of what it should gets no more than the free part.
func TestOffers(t *testing.T) {
	w := newWorld(t, 6, kbrtest.Config{Seed: 6}, func(c *account.Config) { c.Gift, c.Free, c.Copies = 0, 6000, 1 })
	good, liar := w.members[0], w.members[1]
	good.offers, liar.offers = 1<<40, 1<<40
	liar.node.OnDeliver = liar.showing(func(n int) []byte { return account.SaysShown(1<<40, n) })
	w.net.Run(time.Hour)
	limits := func(m *member, want int64) {
		t.Helper()
		for _, v := range w.voters(m) {
			if v == liar {
				continue
			}
			if got := v.accounts.Limit(m.cert.Node); got != want {
				t.Errorf("%s lets %s have %d, want %d", v.node.Self(), m.node.Self(), got, want)
			}
		}
	}
	limits(good, 5000)
	limits(liar, 5000)
	for i := range 12 {
		w.put(file(i, 1000, 6), i, nil)
	}
	w.net.Run(2 * time.Hour)
	limits(good, 5*(6000+2*12_000)/6)
	limits(liar, 5000)
	good.offers = 12_000
	w.net.Run(time.Hour)
	limits(good, 10_000)

	// A keeper that has nothing in common with it allows it less, and does not take it for overdrawn.
	voters := w.voters(good)
	blind := voters[0]
	if blind == liar {
		blind = voters[1]
	}
	blind.shelf = nil
	c := file(20, 8000, 1)
	p, err := good.pay(c, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	w.put(c, 20, p)
	w.net.Run(time.Hour)
	if got := blind.accounts.Limit(good.cert.Node); got >= 8000 {
		t.Fatalf("it allows %d", got)
	}
	for _, v := range voters {
		if got := v.accounts.Overdrawn(); len(got) > 0 {
			t.Errorf("%s sees overdrawn %v", v.node.Self(), got)
		}
	}
}

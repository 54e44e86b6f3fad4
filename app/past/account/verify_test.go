package account_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// limited lets each member use so many bytes, and what it offers.
func limited(bytes int64) func(*account.Config) {
	return func(c *account.Config) { c.Gift, c.Copies = bytes, 1 }
}

// verify is what a node finds of slips.
func (m *member) verify(slips ...*voucher.Slip) (got []voucher.Verdict) {
	m.w.t.Helper()
	if err := m.node.Call(patience, func(t *task.T) (err error) {
		got, err = m.accounts.Verify(t, slips, 5*time.Second)
		return err
	}); err != nil {
		m.w.t.Fatal(err)
	}
	if len(got) != len(slips) {
		m.w.t.Fatalf("%d verdicts on %d slips", len(got), len(slips))
	}
	return got
}

// mustBe fails unless a node finds this of a slip.
func (m *member) mustBe(what string, s *voucher.Slip, want voucher.Verdict) {
	m.w.t.Helper()
	if got := m.verify(s)[0]; got != want {
		m.w.t.Errorf("%s: %d, want %d", what, got, want)
	}
}

// mustNotPay fails if a node finds that a slip is paid for.
func (m *member) mustNotPay(what string, s *voucher.Slip) {
	m.w.t.Helper()
	if m.verify(s)[0] == voucher.Paid {
		m.w.t.Errorf("%s is paid for", what)
	}
}

// slipOf is for the first charge of a debit.
func slipOf(d *voucher.Debit, cs []voucher.Charge) *voucher.Slip {
	return (&voucher.Payment{Voucher: &voucher.Voucher{Debit: d}, Path: voucher.Paths(cs)[0]}).Slip(ring)
}

// buy pays for a file and lets its holders keep it.
func (w *world) buy(m *member, n, size, copies int) (*certificate.Certificate, *voucher.Slip) {
	w.t.Helper()
	c := file(n, size, copies)
	p, err := m.pay(c, time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.put(c, n, p)
	return c, p.Slip(ring)
}

// TestSlips: a slip is good for as long as the account is charged, for just what it says.
func TestSlips(t *testing.T) {
	simtest.WithoutRace(t)
	for _, n := range []int{1, 2, 3, 12, 40} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(t, n, kbrtest.Config{Seed: 90}, limited(10_000))
			m, far := w.members[0], w.members[n-1]
			c, s := w.buy(m, 1, 100, 3)
			w.net.Run(3 * time.Hour)
			far.mustBe("what was paid", s, voucher.Paid)
			for what, change := range map[string]func(*voucher.Slip){
				"a larger one":       func(s *voucher.Slip) { s.Charge.Size++ },
				"more copies":        func(s *voucher.Slip) { s.Charge.Copies++ },
				"another object":     func(s *voucher.Slip) { s.Charge.Object[0]++ },
				"another charge":     func(s *voucher.Slip) { s.Index++ },
				"another debit":      func(s *voucher.Slip) { s.Debit[0]++ },
				"another date":       func(s *voucher.Slip) { s.Date++ },
				"another life":       func(s *voucher.Slip) { s.Until = s.Date + 1 },
				"of another account": func(s *voucher.Slip) { s.Account.Lo++ },
			} {
				other := *s
				change(&other)
				far.mustBe(what, &other, voucher.Unpaid)
			}
			w.take(c)
			if err := m.refund(c.ID()); err != nil {
				t.Fatal(err)
			}
			w.net.Run(3 * time.Hour)
			far.mustBe("what was given back", s, voucher.Unpaid)
		})
	}
}

// TestSlipsOfMany: slips of many accounts are verified at once, each for itself, and those who
// cannot be asked leave them open.
func TestSlipsOfMany(t *testing.T) {
	w := newWorld(t, 12, kbrtest.Config{Seed: 91}, limited(100_000))
	var slips []*voucher.Slip
	var want []voucher.Verdict
	for i := range 100 {
		m := w.members[i%3]
		if i%5 == 0 {
			slips, want = append(slips, slipOf(m.debitOf(uint64(i), file(i, 10, 1)))), append(want, voucher.Unpaid)
			continue
		}
		_, s := w.buy(m, i, 10, 1)
		slips, want = append(slips, s), append(want, voucher.Paid)
	}
	asker := w.members[7]
	if got := asker.verify(slips...); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, m := range w.members {
		if m != asker {
			m.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool { return account.KindOf(d.Payload) == "verify" }
		}
	}
	if got := asker.verify(slips...); slices.Contains(got, voucher.Paid) || slices.Contains(got, voucher.Unpaid) {
		t.Errorf("%v when nobody answers", got)
	}
}

// TestBeyondTheLimit: a member and up to two of its five keepers charge a debit beyond the limit
// to the others, who have to note it, at any moment while keepers come and go. It pays for
// nothing until the account is within its limit with it.
func TestBeyondTheLimit(t *testing.T) {
	simtest.Seeds(t, 6, func(t *testing.T, seed uint64) {
		w := newWorld(t, 12, kbrtest.Config{Seed: seed}, limited(1000))
		w.net.Run(time.Minute)
		thief := w.members[0]
		liars := w.voters(thief)[:1+seed%2]
		c := file(1, 5000, 1)
		d, cs := thief.debitOf(1, c)
		s := slipOf(d, cs)
		w.put(c, 1, &voucher.Payment{Voucher: &voucher.Voucher{Debit: d}, Path: voucher.Paths(cs)[0]})
		for _, l := range liars {
			for _, v := range w.voters(thief) {
				if _, err := ask(l, v, account.AskNote(d, cs)); err != nil && v != l {
					t.Error(err)
				}
			}
			l.says(thief, d, cs)
		}
		asker := w.members[9]
		for range 4 {
			if voters := w.voters(thief); seed%3 == 0 { // another keeper
				voters[len(voters)-1].node.Kill()
				w.join()
				w.move()
			}
			w.net.Run(30 * time.Minute)
			if slices.Contains(liars, asker) {
				break
			}
			asker.mustNotPay("what is beyond the limit", s)
		}
		for _, v := range w.voters(thief) {
			if got, _ := v.accounts.Used(thief.cert.Node); !slices.Contains(liars, v) && got != 5000 {
				t.Errorf("%s says that %d bytes are used", v.node.Self(), got)
			}
		}
	})
}

// TestSunkLimit: what was paid for within the limit stays paid for when the limit has sunk,
// though all who kept the account then are gone; also when most of them go at once.
func TestSunkLimit(t *testing.T) {
	for what, x := range map[string]struct{ atOnce, times int }{"one after another": {1, 6}, "four of five at once": {4, 2}} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, 14, kbrtest.Config{Seed: 92}, limited(1000))
			m := w.members[0]
			m.offers = 120_000
			w.net.Run(30 * time.Minute)
			_, s := w.buy(m, 1, 5000, 3)
			m.offers = 0
			w.net.Run(2 * time.Hour)
			for range x.times {
				for _, v := range w.voters(m)[:x.atOnce] {
					v.node.Kill()
					w.join()
				}
				w.move()
				w.net.Run(time.Hour)
				w.live()[3].mustBe("paid for long ago", s, voucher.Paid)
			}
			w.mustUse(m, 15_000)
		})
	}
}

// TestFirstOfAll: who was alone, and stored more than the others would have allowed, has paid
// for it; they have to keep it too. Who says so later has not.
func TestFirstOfAll(t *testing.T) {
	w := newWorld(t, 1, kbrtest.Config{Seed: 93}, limited(1000))
	first := w.members[0]
	first.offers = 1 << 40
	_, s := w.buy(first, 1, 50_000, 1)
	first.offers = 0
	w.net.Run(3 * time.Hour)
	for range 7 {
		w.join()
		w.move()
		w.net.Run(20 * time.Minute)
	}
	w.members[5].mustBe("what was paid for alone", s, voucher.Paid)

	late := w.join()
	d, cs := late.debitOf(1, file(2, 50_000, 1))
	late.says(late, d, cs)
	for range 4 {
		w.join()
		w.move()
		w.net.Run(time.Hour)
		w.members[5].mustNotPay("what one who came later says that it has paid", slipOf(d, cs))
	}
	w.members[5].mustBe("what was paid for alone", s, voucher.Paid)
}

// says lets a node say about an account that it has one debit, which stands well, and that all
// is paid for.
func (m *member) says(of *member, d *voucher.Debit, cs []voucher.Charge) {
	m.node.OnDeliver = func(_ wire.AppID, q *kbr.Delivery) bool {
		switch account.KindOf(q.Payload) {
		case "list":
			q.Reply(account.SaysListed(of.cert.Node))
		case "open":
			q.Reply(account.SaysPage(d, cs))
		case "verify":
			q.Reply(account.SaysVerified())
		default:
			return false
		}
		return true
	}
}

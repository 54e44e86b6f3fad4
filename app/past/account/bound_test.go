package account_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// TestManyReclaims: who stores and reclaims without end, which costs him nothing, is told when he
// may go on; by then what he reclaimed first is forgotten, and nobody has remembered more. So it is where
// other objects, which stay, were paid for by the same vouchers.
func TestManyReclaims(t *testing.T) {
	for _, stay := range []int{0, 2} { // of each that is reclaimed
		t.Run(fmt.Sprint(stay), func(t *testing.T) { manyReclaims(t, stay) })
	}
}

func manyReclaims(t *testing.T, stay int) {
	const most = 12
	w := newWorld(t, 7, kbrtest.Config{Seed: 21}, func(c *account.Config) { c.MaxCharges, c.Forget = most, 2*time.Hour })
	m := w.members[0]
	for i := 0; i < most; i += 1 + stay {
		m.node.Do(func() { // the first goes alone, and the others together under the next voucher
			for j := i; j <= i+stay; j++ {
				c := file(j, 100, 3)
				m.node.Endpoint(number).Go(func(t *task.T) error {
					p, err := m.accounts.Pay(t, chargeOf(c), time.Time{})
					if err == nil {
						w.put(c, j, p)
					}
					return err
				}, func(err error) {
					if err != nil {
						t.Errorf("object %d: %v", j, err)
					}
				})
			}
		})
		w.net.Run(30 * time.Second)
		c := file(i+stay, 100, 3)
		w.take(c)
		if err := m.refund(c.ID()); err != nil {
			t.Fatal(err)
		}
		w.net.Run(time.Minute)
	}
	w.mustUse(m, int64(stay*most/(1+stay)*300))
	_, err := m.pay(file(most, 100, 3), time.Time{})
	var q *account.QuotaError
	if !errors.As(err, &q) || q.Objects != most || !q.Again.After(w.now()) || !strings.Contains(q.Error(), "try again after") {
		t.Fatalf("one more: %v", err)
	}
	for _, v := range w.voters(m) {
		if debits, n := v.accounts.Named(m.cert.Node); n != most || debits != most*(1+min(1, stay))/(1+stay) {
			t.Errorf("%s remembers %d objects in %d debits, want %d", v.node.Self(), n, debits, most)
		}
	}
	w.net.Run(q.Again.Sub(w.now()) + 20*time.Minute)
	if _, err := m.pay(file(most, 100, 3), time.Time{}); err != nil {
		t.Errorf("after %s: %v", q.Again, err)
	}
}

// TestManyEnd: what ends by itself counts until its holders have erased it.
func TestManyEnd(t *testing.T) {
	const most = 3
	w := newWorld(t, 3, kbrtest.Config{Seed: 24}, func(c *account.Config) { c.MaxCharges, c.Sync = most, time.Hour })
	m := w.members[0]
	pay := func(n int) error {
		_, err := m.pay(file(n, 0, 3), w.now().Add(time.Hour))
		return err
	}
	for i := range most {
		if err := pay(i); err != nil {
			t.Fatal(err)
		}
	}
	w.net.Run(48 * time.Hour)
	err := pay(most)
	var q *account.QuotaError
	if !errors.As(err, &q) || !q.Again.After(w.now()) {
		t.Fatalf("while holders may have them: %v", err)
	}
	w.net.Run(q.Again.Sub(w.now()) + time.Second) // keepers have not looked through the account yet
	if err := pay(most); !errors.As(err, &q) || !q.Again.After(w.now()) {
		t.Errorf("a moment later: %v", err)
	}
	w.net.Run(q.Again.Sub(w.now()) + 2*time.Hour)
	if err := pay(most); err != nil {
		t.Errorf("after %s: %v", q.Again, err)
	}
}

// TestMoreThanAnybodyMay: what a member and one who keeps his account show to the others beyond
// twice of what an account may name is not taken over, and keeps nobody from going on.
func TestMoreThanAnybodyMay(t *testing.T) {
	const most = 4
	w := newWorld(t, 7, kbrtest.Config{Seed: 22}, func(c *account.Config) { c.MaxDebits = most })
	thief, other := w.members[0], w.members[1]
	voters := w.voters(thief)
	liar := voters[0]
	if liar == other {
		liar = voters[1]
	}
	told, of := thief.debitOf(0, file(0, 1, 1))
	for i := range 3 * most {
		d, cs := told, of
		if i > 0 {
			d, cs = thief.debitOf(uint64(i), file(i, 1, 1))
		}
		for _, v := range voters {
			if _, err := ask(liar, v, account.AskNote(d, cs)); v != liar && refused(err) != (i >= 2*most) {
				t.Errorf("debit %d: %v", i, err)
			}
		}
	}
	// What they have heard of they do not vote for either, if it is more than the account may name.
	for _, v := range voters {
		if b, err := ask(thief, v, account.AskDebit(told, of)); v != liar && (err != nil || account.VoteOf(b) != nil) {
			t.Errorf("%s votes for one of %d debits: %v", v.node.Self(), 2*most, err)
		}
	}
	d, cs := thief.debitOf(99, file(99, 1, 1))
	liar.node.OnDeliver = func(_ wire.AppID, x *kbr.Delivery) bool {
		switch account.KindOf(x.Payload) {
		case "list":
			x.Reply(account.SaysListed(thief.cert.Node))
		case "open":
			x.Reply(account.SaysPage(d, cs))
		default:
			return false
		}
		return true
	}
	if _, err := other.pay(file(100, 1000, 3), time.Time{}); err != nil {
		t.Fatal(err)
	}
	w.net.Run(3 * time.Hour)
	w.mustUse(other, 0) // it was never stored, which is seen by those alone who have heard all
	for _, v := range voters {
		if n, _ := v.accounts.Named(thief.cert.Node); v != liar && n != 2*most {
			t.Errorf("%s has %d debits, want %d", v.node.Self(), n, 2*most)
		}
	}
}

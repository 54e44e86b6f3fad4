package account_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/wire"
)

// TestManyReclaims: who stores and reclaims without end, which costs him nothing, is told when he
// may go on; by then what he reclaimed first is forgotten, and nobody has remembered more.
func TestManyReclaims(t *testing.T) {
	const most = 12
	w := newWorld(t, 7, kbrtest.Config{Seed: 21}, func(c *account.Config) { c.MaxCharges, c.Forget = most, 2*time.Hour })
	m := w.members[0]
	for i := range most {
		c := file(i, 100, 3)
		p, err := m.pay(c, time.Time{})
		if err != nil {
			t.Fatalf("object %d: %v", i, err)
		}
		w.put(c, i, p)
		w.take(c)
		if err := m.refund(c.ID()); err != nil {
			t.Fatal(err)
		}
		w.net.Run(time.Minute)
	}
	w.mustUse(m, 0)
	_, err := m.pay(file(most, 100, 3), time.Time{})
	var q *account.QuotaError
	if !errors.As(err, &q) || q.Objects != most || !q.Again.After(w.now()) || !strings.Contains(q.Error(), "try again after") {
		t.Fatalf("one more: %v", err)
	}
	for _, v := range w.voters(m) {
		if _, n := v.accounts.Named(m.cert.Node); n != most {
			t.Errorf("%s remembers %d objects, want %d", v.node.Self(), n, most)
		}
	}
	w.net.Run(q.Again.Sub(w.now()) + 20*time.Minute)
	if _, err := m.pay(file(most, 100, 3), time.Time{}); err != nil {
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
	for i := range 3 * most {
		d, cs := thief.debitOf(uint64(i), file(i, 1, 1))
		for _, v := range voters {
			if _, err := ask(liar, v, account.AskNote(d, cs)); v != liar && refused(err) != (i >= 2*most) {
				t.Errorf("debit %d: %v", i, err)
			}
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

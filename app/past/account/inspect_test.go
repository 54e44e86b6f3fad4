package account_test

import (
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/wire"
)

// swears lets a keeper say of all slips that they were paid, or that none was, beside what it does.
func (m *member) swears(paid bool) {
	before := m.node.OnDeliver
	m.node.OnDeliver = func(app wire.AppID, d *kbr.Delivery) bool {
		if b := account.SaysOf(d.Payload, paid); b != nil {
			d.Reply(b)
			return true
		}
		return before != nil && before(app, d)
	}
}

// finders are how many of some nodes have found that the keepers of a member's account do not agree.
func finders(ms []*member, of *member) (n int) {
	for _, m := range ms {
		if slices.Contains(m.accounts.Disputed(), of.cert.Node) {
			n++
		}
	}
	return n
}

// TestLyingKeepers: a majority of an account's keepers votes for far more than it may use, and tells
// the others nothing: the holders of what was stored for that find it, though nobody else can. So it
// is found that one keeper denies what was paid, for as long as it does, which costs nobody anything. Of honest ones
// nothing is found, whatever was lost or late.
func TestLyingKeepers(t *testing.T) {
	simtest.WithoutRace(t)
	for _, x := range []struct {
		what  string
		liars int
		paid  bool // what they say of slips
		found bool
		among int  // others that were paid for
		mute  bool // one who has nothing to do with it says nothing at all
	}{
		{"all honest", 0, false, false, 0, false},
		{"a majority lies", 3, true, true, 0, false},
		{"a majority lies, and another is silent", 3, true, true, 0, true},
		{"a majority lies about one of many", 3, true, true, 120, false},
		{"one denies", 1, false, true, 0, false},
	} {
		t.Run(x.what, func(t *testing.T) {
			w := newWorld(t, 12, kbrtest.Config{Seed: 31, Loss: 0.1}, func(c *account.Config) { c.Gift, c.Copies = 1000, 1 })
			thief := w.members[0]
			voters := w.voters(thief)
			size := 100
			for _, v := range voters[:x.liars] {
				if v.swears(x.paid); x.paid {
					v.votesForAll()
					v.swears(x.paid)
					size = 5000
				}
			}
			obtain := func(number uint64, fs ...*certificate.Certificate) (ps []*voucher.Payment) {
				d, cs := thief.debitOf(number, fs...)
				vote := &voucher.Voucher{Debit: d}
				for _, v := range voters {
					if a, err := ask(thief, v, account.AskDebit(d, cs)); err == nil && account.VoteOf(a) != nil && len(vote.Votes) < 3 {
						vote.Votes = append(vote.Votes, account.VoteOf(a))
					}
				}
				for _, path := range voucher.Paths(cs) {
					ps = append(ps, &voucher.Payment{Voucher: vote, Path: path})
				}
				return ps
			}
			if x.among > 0 {
				var fs []*certificate.Certificate
				for i := range x.among {
					fs = append(fs, file(100+i, 0, 12))
				}
				for i, pay := range obtain(2, fs...) {
					w.put(fs[i], 100+i, pay)
				}
			}
			c := file(1, size, 3)
			pay := obtain(1, c)[0]
			if x.mute {
				busy := slices.Concat(voters, w.holders(c), w.members[:2])
				i := slices.IndexFunc(w.members, func(m *member) bool { return !slices.Contains(busy, m) })
				w.members[i].node.OnDeliver = func(wire.AppID, *kbr.Delivery) bool { return true }
			}
			for _, h := range w.holders(c) {
				if err := h.admit(pay, c); err != nil {
					t.Fatalf("the attack is none: %v", err)
				}
			}
			w.put(c, 1, pay)
			w.net.Run(6 * time.Hour)
			if n := finders(w.holders(c), thief); x.found != (n > 0) {
				t.Errorf("%d holders have found it", n)
			}
			if n := finders(w.members, w.members[1]); n > 0 {
				t.Errorf("%d nodes suspect another's keepers", n)
			}
			if b, err := thief.balance(); !x.paid && (err != nil || b.Used != 300) {
				t.Errorf("balance %+v, %v", b, err)
			}
			if x.liars == 1 { // and then it says nothing of slips any more
				voters[0].node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool { return account.SaysOf(d.Payload, false) != nil }
				w.net.Run(30 * time.Minute)
				others := slices.DeleteFunc(slices.Clone(w.members), func(m *member) bool { return m == voters[0] })
				if n := finders(others, thief); n > 0 {
					t.Errorf("%d still suspect them when a majority says so, and nobody denies it", n)
				}
			}
			w.take(c)
			w.net.Run(30 * time.Minute)
			if n := finders(w.members, thief); n > 0 {
				t.Errorf("%d still suspect them when nothing is kept", n)
			}
		})
	}
}

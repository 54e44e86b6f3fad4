package account_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// ask sends bytes from one node to another.
func ask(from, to *member, payload []byte) (answer []byte, err error) {
	err = from.node.Call(time.Minute, func(t *task.T) error {
		a, err := kbr.CallPeer(t, from.node.Endpoint(number), to.node.Self(), payload, kbr.Options{Timeout: 5 * time.Second})
		answer = a.Payload
		return err
	})
	return answer, err
}

func refused(err error) bool {
	var r *kbr.RefusedError
	return errors.As(err, &r)
}

// showing lets a member answer what is asked about its offer.
func (m *member) showing(answer func(proofs int) []byte) func(wire.AppID, *kbr.Delivery) bool {
	return func(_ wire.AppID, d *kbr.Delivery) bool {
		kind, _, _, n := account.Heard(d.Payload)
		if kind != "show" {
			return false
		}
		d.Reply(answer(n))
		return true
	}
}

// votesForAll lets a keeper vote for everything, charge nothing, and release everything.
func (m *member) votesForAll() {
	m.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
		switch kind, x, o, _ := account.Heard(d.Payload); kind {
		case "debit":
			d.Reply(account.SaysVoted(voucher.NewVote(ring, x.Hash(ring), m.cert, m.signer)))
		case "note":
			d.Reply(account.SaysNoted())
		case "letGo":
			d.Reply(account.SaysReleased(voucher.NewRelease(ring, o, x.Hash(ring), m.cert, m.signer, m.w.now())))
		default:
			return false
		}
		return true
	}
}

// debitOf is a member's debit, signed.
func (m *member) debitOf(number uint64, cs ...*certificate.Certificate) (*voucher.Debit, []voucher.Charge) {
	var list []voucher.Charge
	for _, c := range cs {
		list = append(list, chargeOf(c))
	}
	return voucher.NewDebit(ring, number, list, time.Time{}, m.cert, m.signer, m.w.now(), time.Hour), list
}

// TestDoubleSpending: a member asks its keepers at once for two vouchers, one through each of
// two access points and in opposite order, of which its account allows one; with up to two
// liars of five who vote for everything. It never gets both.
func TestDoubleSpending(t *testing.T) {
	simtest.Seeds(t, 8, func(t *testing.T, seed uint64) {
		w := newWorld(t, 12, kbrtest.Config{Seed: seed, Loss: float64(seed%4) / 20}, func(c *account.Config) { c.Gift, c.Copies = 1000, 1 })
		thief, liars := w.members[0], int(seed%3)
		voters := w.voters(thief)
		for _, v := range voters[:liars] {
			v.votesForAll()
		}
		if w.spendTwice(thief, voters) == 2 {
			t.Errorf("both were voted for, with %d liars", liars)
		}
		w.net.Run(3 * time.Hour)
		for _, v := range voters[liars:] {
			if got, _ := v.accounts.Used(thief.cert.Node); got > 1000 {
				t.Errorf("%d bytes are used of 1000", got)
			}
		}
	})
}

// spendTwice returns how many of two debits, of 600 bytes each, get a majority.
func (w *world) spendTwice(thief *member, voters []*member) (won int) {
	var votes [2]int
	for i := range votes {
		d, cs := thief.debitOf(uint64(i), file(i, 600, 1))
		for j := range voters {
			v := voters[j]
			if i == 1 {
				v = voters[len(voters)-1-j]
			}
			thief.node.Do(func() {
				thief.node.Endpoint(number).After(time.Duration(j)*time.Millisecond, func() {
					thief.node.Endpoint(number).Ask(v.node.Self(), account.AskDebit(d, cs), kbr.Options{Timeout: 10 * time.Second}, func(r kbr.Answer, err error) {
						if x := account.VoteOf(r.Payload); err == nil && x != nil && x.Verify(ring, d.Hash(ring), w.now(), verifier) == nil {
							votes[i]++
						}
					})
				})
			})
		}
	}
	w.net.Run(time.Minute)
	for _, n := range votes {
		if n > len(voters)/2 {
			won++
		}
	}
	return won
}

// TestOverdraft: honest keepers that cannot reach each other, with a liar among them, vote for
// both of two debits. When they meet both are charged, at all of them; the account is seen
// to be overdrawn, and gets no more.
func TestOverdraft(t *testing.T) {
	w := newWorld(t, 12, kbrtest.Config{Seed: 3}, func(c *account.Config) { c.Gift, c.Copies = 1000, 1 })
	thief := w.members[0]
	voters := w.voters(thief)
	voters[2].votesForAll()
	var pairs [][2]*kbrtest.Node
	for _, a := range voters[:2] {
		for _, b := range voters[3:] {
			pairs = append(pairs, [2]*kbrtest.Node{a.node, b.node})
		}
	}
	for _, p := range pairs {
		w.net.Cut(p[0], p[1])
	}
	liar := voters[2]
	noting := liar.node.OnDeliver
	liar.node.OnDeliver = func(app wire.AppID, d *kbr.Delivery) bool {
		if kind, x, _, _ := account.Heard(d.Payload); kind == "note" {
			d.Reply(account.SaysSum(x.Hash(ring)))
			return true
		}
		return noting(app, d)
	}
	if won := w.spendTwice(thief, voters); won != 2 {
		t.Fatalf("%d debits were voted for: the attack is none", won)
	}
	for _, p := range pairs {
		w.net.Mend(p[0], p[1])
	}
	w.net.Run(20 * time.Minute)
	for i, v := range voters {
		if i == 2 {
			continue
		}
		if got, _ := v.accounts.Used(thief.cert.Node); got != 1200 {
			t.Errorf("%s says %d are used, want 1200", v.node.Self(), got)
		}
		want := []account.Overdraft{{Member: thief.cert.Node, Used: 1200, Limit: 1000}}
		if got := v.accounts.Overdrawn(); !slices.Equal(got, want) {
			t.Errorf("%s sees overdrawn %v, want %v", v.node.Self(), got, want)
		}
	}
	_, err := thief.pay(file(3, 1, 1), time.Time{})
	wantErr(t, "one byte more", err, account.ErrQuota)
}

// TestBothParts: while the ring is parted a member spends the same twice, in its own part and, through
// somebody who has its key, in the other one. When the parts meet each debit is charged once, the account is
// seen to be overdrawn, and gets nothing; when what came to nothing is given back all is as before.
func TestBothParts(t *testing.T) {
	w := newWorld(t, 12, kbrtest.Config{Seed: 23}, func(c *account.Config) { c.Gift, c.Copies = 1000, 1 })
	thief := w.members[0]
	near := w.nearest(thief.cert.Node, 12)
	var parts [2][]*member
	var nodes [2][]*kbrtest.Node
	for i, m := range near { // thief is the first
		parts[i%2], nodes[i%2] = append(parts[i%2], m), append(nodes[i%2], m.node)
	}
	w.net.Partition(nodes[0], nodes[1])
	w.net.Run(10 * time.Minute)
	for i, part := range parts {
		d, cs := thief.debitOf(uint64(i), file(i, 600, 1))
		votes := 0
		for _, v := range part[1:6:6] {
			if b, err := ask(part[0], v, account.AskDebit(d, cs)); err == nil && account.VoteOf(b) != nil {
				votes++
			}
		}
		if votes < 3 {
			t.Fatalf("%d votes in part %d: the attack is none", votes, i)
		}
	}
	w.net.Heal()
	w.net.Run(20 * time.Minute)
	w.mustUse(thief, 1200)
	for _, v := range w.voters(thief) {
		if got := v.accounts.Overdrawn(); len(got) != 1 || got[0].Member != thief.cert.Node {
			t.Errorf("%s sees overdrawn %v", v.node.Self(), got)
		}
	}
	_, err := thief.pay(file(3, 1, 1), time.Time{})
	wantErr(t, "one byte more", err, account.ErrQuota)
	w.net.Run(3 * time.Hour)
	w.mustUse(thief, 0)
	if _, err := thief.pay(file(3, 1000, 1), time.Time{}); err != nil {
		t.Errorf("when all was given back: %v", err)
	}
}

// TestForgedVouchers: none of these pays for an object.
func TestForgedVouchers(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, 60, kbrtest.Config{Seed: 7}, nil)
	m, c := w.members[0], file(1, 100, 3)
	good, err := m.pay(c, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	far := w.nearest(m.cert.Node, 60)[40:]
	by := func(voters []*member) *voucher.Payment {
		d, cs := m.debitOf(9, c)
		v := &voucher.Voucher{Debit: d}
		for _, x := range voters {
			v.Votes = append(v.Votes, voucher.NewVote(ring, d.Hash(ring), x.cert, x.signer))
		}
		return &voucher.Payment{Voucher: v, Path: voucher.Paths(cs)[0]}
	}
	voters := w.voters(m)
	for what, x := range map[string]struct {
		pay  *voucher.Payment
		cert *certificate.Certificate
		want error
	}{
		"good":                       {good, c, nil},
		"another object":             {good, file(2, 100, 3), voucher.ErrVoucher},
		"a larger one":               {good, file(1, 101, 3), voucher.ErrVoucher},
		"none":                       {nil, c, voucher.ErrVoucher},
		"of three far accomplices":   {by(far[:3]), c, account.ErrVoters},
		"of sixteen of them":         {by(far[:16]), c, account.ErrVoters},
		"of a minority":              {by(voters[:2]), c, account.ErrVoters},
		"of a minority and far ones": {by(append(append([]*member{}, voters[:2]...), far[:4]...)), c, account.ErrVoters},
		"of the member itself":       {by([]*member{m}), c, account.ErrVoters},
	} {
		for _, h := range []*member{w.holders(c)[0], far[0], m} {
			if err := h.admit(x.pay, x.cert); !errors.Is(err, x.want) {
				t.Errorf("%s, at %s: %v, want %v", what, h.node.Self(), err, x.want)
			}
		}
	}
	w.put(c, 1, good)
	w.net.Run(time.Second)
	wantErr(t, "what is kept", w.holders(c)[0].admit(good, c), nil)
	w.take(c)
	wantErr(t, "what was reclaimed", w.holders(c)[0].admit(good, c), account.ErrUsed)
	wantErr(t, "a forged voucher for it, about which nobody is asked", w.holders(c)[0].admit(by(voters[:2]), c), account.ErrVoters)
	lost, another := w.holders(c)[1], file(2, 100, 3)
	lost.node.Kill()
	lost.shelf, lost.blank, lost.disk = nil, true, mem.New()
	lost.restart()
	if err := m.refund(c.ID()); err != nil {
		t.Fatal(err)
	}
	w.net.Run(10 * time.Second)
	w.mustUse(m, 0)
	wantErr(t, "what was reclaimed, where the disk was lost", lost.admit(good, c), account.ErrUsed)
	unused, err := m.pay(another, time.Time{})
	wantErr(t, "what was not", errors.Join(err, lost.admit(unused, another)), nil)
	w.net.Run(2 * time.Hour)
	wantErr(t, "a voucher that is over", far[0].admit(good, c), voucher.ErrVoucher)
}

// TestLyingHolders: releases of fewer than a majority of an object's holders, or of others,
// give nothing back.
func TestLyingHolders(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, 40, kbrtest.Config{Seed: 8}, nil)
	m, c := w.members[0], file(1, 100, 5)
	p, err := m.pay(c, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	d := p.Voucher.Debit
	w.put(c, 1, p)
	release := func(by ...*member) (rs []*voucher.Release) {
		for _, x := range by {
			rs = append(rs, voucher.NewRelease(ring, c.ID(), d.Hash(ring), x.cert, x.signer, w.now()))
		}
		return rs
	}
	holders, far := w.holders(c), w.nearest(c.ID().Place(), 40)[20:]
	forged := release(holders...)
	for _, r := range forged {
		r.Sig = make([]byte, 64)
	}
	v := w.voters(m)[0]
	for what, rs := range map[string][]*voucher.Release{
		"two of five":        release(holders[:2]...),
		"one, five times":    release(holders[0], holders[0], holders[0], holders[0], holders[0]),
		"five others":        release(far[:5]...),
		"two and ten others": release(append(append([]*member{}, holders[:2]...), far[:10]...)...),
		"forged ones":        forged,
		"of the keepers":     release(w.voters(m)...),
	} {
		if _, err := ask(m, v, account.AskCredit(d, ring, 0, rs...)); !refused(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	holders[0].votesForAll()
	holders[1].votesForAll()
	if err := m.refund(c.ID()); err != nil {
		t.Fatal(err)
	}
	w.net.Run(3 * time.Hour)
	w.mustUse(m, 500)
}

// TestHostileMessages: what no honest node sends is refused, and changes nothing.
func TestHostileMessages(t *testing.T) {
	w := newWorld(t, 30, kbrtest.Config{Seed: 9}, nil)
	m := w.members[0]
	v, far := w.voters(m)[0], w.nearest(m.cert.Node, 30)[25]
	if _, err := m.pay(file(1, 100, 3), time.Time{}); err != nil {
		t.Fatal(err)
	}
	d, cs := m.debitOf(1, file(2, 100, 3))
	forged := *d
	forged.Sig = standin.NewSigner(9, 9).Sign([]byte("x"))
	_, lateCs := m.debitOf(2, file(3, 100, 3))
	late := voucher.NewDebit(ring, 2, lateCs, time.Time{}, m.cert, m.signer, w.now().Add(time.Hour), time.Hour)
	old := voucher.NewDebit(ring, 3, lateCs, time.Time{}, m.cert, m.signer, w.now().Add(-2*time.Hour), time.Hour)
	good := account.AskDebit(d, cs)
	for _, x := range []struct {
		what    string
		from    *member
		to      *member
		payload []byte
	}{
		{"nothing", m, v, nil},
		{"an unknown kind", m, v, []byte{99, 0xa0}},
		{"a cut message", m, v, good[:len(good)-3]},
		{"a message with a tail", m, v, append(append([]byte{}, good...), 0)},
		{"a forged debit", m, v, account.AskDebit(&forged, cs)},
		{"a forged note", w.voters(m)[1], v, account.AskNote(&forged, cs)},
		{"a debit with other charges", m, v, account.AskDebit(d, lateCs)},
		{"a debit of tomorrow", m, v, account.AskDebit(late, lateCs)},
		{"a debit of yesterday", m, v, account.AskDebit(old, lateCs)},
		{"a debit for one who does not vote", m, far, good},
		{"the account, for one who keeps it not", far, v, account.AskOpen(m.cert.Node)},
		{"proofs, for one who keeps the account not", far, m, account.AskShow(id.Hash{1})},
		{"an answer that nobody asked for", m, v, account.SaysNoted()},
	} {
		if _, err := ask(x.from, x.to, x.payload); !refused(err) {
			t.Errorf("%s: %v", x.what, err)
		}
	}
	w.mustUse(m, 300)
}

// FuzzMessage feeds bytes to a keeper, as a message of a neighbour: whatever they are, it
// answers or refuses, and stays as it should be.
func FuzzMessage(f *testing.F) {
	w := newWorld(f, 3, kbrtest.Config{Seed: 10}, nil)
	m := w.members[0]
	d, cs := m.debitOf(1, file(1, 100, 3), file(2, 100, 3))
	r := voucher.NewRelease(ring, cs[0].Object, d.Hash(ring), m.cert, m.signer, w.now())
	for _, b := range [][]byte{
		account.AskDebit(d, cs), account.AskNote(d, cs), account.AskList(), account.AskOpen(m.cert.Node), account.AskCredit(d, ring, 0, r),
		account.AskLetGo(cs[0].Object, d), account.AskShow(cs[0].Object), account.AskBalance(m.cert.Node), account.SaysNoted(), account.SaysShown(1, 3),
		account.AskVerify(slipOf(d, cs)), account.SaysVerified(), account.SaysPage(d, cs), account.AskRecall(d, ring),
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { account.Decode(b) })
		if m, err := account.Decode(b); err == nil {
			if _, err := account.Encode(m); err != nil {
				t.Fatalf("%T was read and is not written: %v", m, err)
			}
		}
		if _, err := ask(w.members[0], w.members[1], b); err != nil && !refused(err) {
			t.Fatal(err)
		}
		if err := w.members[1].accounts.Check(); err != nil {
			t.Fatal(fmt.Errorf("after %x: %w", b, err))
		}
	})
}

package past_test

import (
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/past/voucher"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

// near signs a file that a member is one of the holders of.
func (w *world) near(m *member, copies uint8) *certificate.Certificate {
	w.t.Helper()
	for salt := range byte(250) {
		if c := sign(w, salt, "content", copies); slices.Contains(w.nearest(c.ID(), int(copies)), m) {
			return c
		}
	}
	w.t.Fatalf("no file is near %s", m.node.Self())
	return nil
}

// pay pays for an object from a member's account.
func (m *member) pay(c *certificate.Certificate) *voucher.Payment {
	m.w.t.Helper()
	var pay *voucher.Payment
	if err := m.node.Call(patience, func(t *task.T) (err error) {
		pay, err = m.past.Accounts().Pay(t, voucher.Charge{Object: c.ID(), Size: c.Size, Copies: c.Copies}, time.Time{})
		return err
	}); err != nil {
		m.w.t.Fatal(err)
	}
	return pay
}

// owns lets a member store files, and returns them, and what they take of its account once
// nothing is paid ahead any more.
func (m *member) owns(files, copies int) (os []id.Hash, used int64) {
	m.w.t.Helper()
	for i := range files {
		os = append(os, m.w.mustInsert(m, file(name(i), copies)))
		used += int64(copies * len(name(i)))
	}
	m.w.net.Run(2 * time.Hour)
	return os, used
}

// plant puts an object on a member's disk, past all checks, and starts the member again.
func (m *member) plant(c *certificate.Certificate, slip *voucher.Slip) {
	m.w.t.Helper()
	m.node.Kill()
	m.w.net.Run(time.Second)
	m.restart()
	if err := past.Plant(m.disk, c, []byte("content"), slip); err != nil {
		m.w.t.Fatal(err)
	}
	m.node.Kill()
	m.w.net.Run(time.Second)
	m.restart()
}

// slip names a debit of the member's, for which nobody has voted.
func (m *member) slip(c *certificate.Certificate) *voucher.Slip {
	cs := []voucher.Charge{{Object: c.ID(), Size: c.Size, Copies: c.Copies}}
	d := voucher.NewDebit(ring, 1, cs, time.Time{}, m.cert, m.signer, m.w.now(), time.Hour)
	return (&voucher.Payment{Voucher: &voucher.Voucher{Debit: d}, Path: voucher.Paths(cs)[0]}).Slip(ring)
}

// unpaid is how many objects live members refused, as nobody had paid for them.
func (w *world) unpaid() (n uint64) {
	for _, p := range w.pasts() {
		n += p.Stats().Unpaid
	}
	return n
}

// TestLyingFellow: a holder has an object for which nobody paid, and shows nothing for it, or
// what is worth nothing. No other holder takes it, and they count that. What was paid for they
// take.
func TestLyingFellow(t *testing.T) {
	simtest.WithoutRace(t)
	for what, x := range map[string]struct {
		slip func(w *world, payer *member, c *certificate.Certificate) *voucher.Slip
		paid bool
	}{
		"nothing": {func(*world, *member, *certificate.Certificate) *voucher.Slip { return nil }, false},
		"what was paid": {func(_ *world, payer *member, c *certificate.Certificate) *voucher.Slip {
			return payer.pay(c).Slip(ring)
		}, true},
		"a debit that is not charged": {func(_ *world, payer *member, c *certificate.Certificate) *voucher.Slip {
			return payer.slip(c)
		}, false},
		"what was paid for another": {func(w *world, payer *member, c *certificate.Certificate) *voucher.Slip {
			s := payer.pay(sign(w, 251, "another", c.Copies)).Slip(ring)
			s.Charge.Object = c.ID()
			return s
		}, false},
		"what was paid for less": {func(_ *world, payer *member, c *certificate.Certificate) *voucher.Slip {
			less := *c
			less.Size = 1
			s := payer.pay(&less).Slip(ring)
			s.Charge.Size = c.Size
			return s
		}, false},
		"what was paid for less, and says so": {func(_ *world, payer *member, c *certificate.Certificate) *voucher.Slip {
			less := *c
			less.Size = 1
			return payer.pay(&less).Slip(ring)
		}, false},
		"what was given back": {func(w *world, payer *member, c *certificate.Certificate) *voucher.Slip {
			s := payer.pay(c).Slip(ring)
			w.net.Run(4 * time.Hour)
			w.mustUse(payer, 0)
			return s
		}, false},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, 12, kbrtest.Config{Seed: 78}, paying(10_000))
			w.net.Run(time.Minute)
			liar := w.members[3]
			c := w.near(liar, 3)
			liar.plant(c, x.slip(w, w.members[0], c))
			w.net.Run(40 * time.Minute)
			want := 1
			if x.paid {
				want = 3
			}
			if got := len(w.having(c.ID())); got != want {
				t.Errorf("%d nodes keep it, want %d", got, want)
			}
			// Each of the two others refuses it once an hour.
			if n := w.unpaid(); n == 0 && !x.paid || n > 0 && x.paid || n > 4 {
				t.Errorf("it was refused %d times", n)
			}
			if x.paid {
				w.whole(true)
				w.net.Run(4 * time.Hour)
				w.mustUse(w.members[0], 3*c.Size)
			}
		})
	}
}

// TestPaidForGood: what was paid for is copied when holders die, though all have died since
// who kept the account, one after another, the member too.
func TestPaidForGood(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, 16, kbrtest.Config{Seed: 79}, paying(1_000_000))
	payer := w.members[0]
	os, used := payer.owns(20, 3)
	for _, node := range w.net.Nearest(payer.cert.Node, 6) {
		w.join()
		w.net.Run(time.Minute)
		node.Kill()
		w.net.Run(30 * time.Minute)
	}
	w.net.Run(time.Hour)
	w.whole(true)
	for i, o := range os {
		w.mustFind(w.live()[0], o, name(i))
	}
	for _, m := range w.live() {
		if s := m.past.Stats(); s.Unpaid > 0 {
			t.Errorf("%s refused %d objects", m.node.Self(), s.Unpaid)
		}
	}
	w.mustUse(payer, used)
}

// TestOwedMutable: a mutable object that a node makes for itself, as its root, is kept by nobody
// else if it was not paid for; one that was paid for moves to other holders, with what pays.
func TestOwedMutable(t *testing.T) {
	simtest.WithoutRace(t)
	t.Run("a root's own", func(t *testing.T) {
		w := newWorld(t, 12, kbrtest.Config{Seed: 81}, paying(100_000))
		c := annsVersion(w, 1, "for nothing")
		near := w.nearest(c.ID(), 5)
		accept := past.AskAccept(c, []byte("for nothing"), near[0].rules(c, 1, near...))
		for _, m := range near[1:] {
			if _, err := ask(near[0], m, accept); !refused(err) {
				t.Errorf("%s: %v", m.node.Self(), err)
			}
		}
		if n := len(w.having(c.ID())); n != 0 || w.unpaid() != 4 {
			t.Errorf("%d nodes keep it, and %d times it was refused", n, w.unpaid())
		}
	})
	t.Run("one that moves", func(t *testing.T) {
		w := newWorld(t, 12, kbrtest.Config{Seed: 80}, paying(100_000))
		m := w.members[0]
		if err := m.change(0, "first"); err != nil {
			t.Fatal(err)
		}
		w.net.Run(2 * time.Hour)
		o := annsName.ID()
		for range 5 {
			w.nearest(o, 1)[0].node.Kill()
			w.net.Run(20 * time.Minute)
			w.join()
			w.net.Run(20 * time.Minute)
		}
		w.mustUse(m, 256*5)
		w.whole(false)
		for _, x := range w.having(o) {
			var uses []past.Use
			if err := x.node.Call(patience, func(t *task.T) (err error) {
				uses, err = x.past.UsedBy(t)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if len(uses) != 1 || uses[0].Member != m.cert.Node {
				t.Errorf("%s keeps it for %+v", x.node.Self(), uses)
			}
		}
	})
}

// TestAccountLost: all who keep an account are lost at once, and its member. What it paid for,
// and is there, is copied all the same, on the word of those who have it.
func TestAccountLost(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, 24, kbrtest.Config{Seed: 82}, paying(1_000_000))
	payer := w.members[0]
	os, _ := payer.owns(60, 5)
	for _, node := range w.net.Nearest(payer.cert.Node, 6) {
		node.Kill()
	}
	left := slices.DeleteFunc(os, func(o id.Hash) bool { return len(w.having(o)) < 3 })
	if 3*len(left) < len(os) {
		t.Fatalf("only %d objects have three replicas", len(left))
	}
	w.net.Run(2 * time.Hour)
	w.nearest(left[0], 1)[0].node.Kill()
	w.net.Run(2 * time.Hour)
	for i, o := range left {
		if n := len(w.having(o)); n < 5 {
			t.Errorf("object %d has %d replicas", i, n)
		}
	}
}

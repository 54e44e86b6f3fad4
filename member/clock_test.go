package member_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// ownClock gives a box a clock that is off by what is stored.
func (w *world) ownClock(off *atomic.Int64) func(*member.Config) {
	return func(c *member.Config) {
		c.Now = func() time.Time { return w.time().Add(time.Duration(off.Load())) }
	}
}

// lone is a ring of one admitter, whose clock is off, and two members.
func (w *world) lone(off *atomic.Int64) (f, a, b *box) {
	w.t.Helper()
	f = w.box("founder", w.ownClock(off))
	if err := f.Found("Family"); err != nil {
		w.t.Fatal(err)
	}
	a, b = w.box("a"), w.box("b")
	a.joinBy(f)
	b.joinBy(f)
	return f, a, b
}

// believes wants a's certificate to be good at b.
func (b *box) believes(a *box) {
	b.w.t.Helper()
	if err := b.Check(a.Certificate()); err != nil {
		b.w.t.Errorf("%s refuses %s: %v", b.name, a.name, err)
	}
}

// TestAdmitterAhead: an admitter whose clock is ten years ahead signs nothing that
// nobody would take: not beside other admitters, and not alone beside members.
// RELIABILITY.md section 5, row 57.
func TestAdmitterAhead(t *testing.T) {
	for _, others := range []string{"admitters", "members"} {
		t.Run(others, func(t *testing.T) {
			w := newWorld(t)
			var off atomic.Int64
			f, a, b := w.lone(&off)
			if others == "admitters" {
				for _, m := range []*box{a, b} {
					if err := f.Promote(ctx(t), m.Certificate().Node); err != nil {
						t.Fatal(err)
					}
				}
			}
			old := f.Certificate()
			off.Store(int64(3650 * day))
			fails(t, f.upkeep(), member.ErrClock)
			if f.Certificate() != old {
				t.Errorf("signed from %v", time.Unix(f.Certificate().NotBefore, 0))
			}
			// When it is due by the others' clocks it is renewed by theirs, once.
			w.pass(60 * day)
			if err := f.upkeep(); err != nil {
				t.Fatal(err)
			}
			renewed := f.Certificate()
			if renewed.NotBefore != w.time().Unix() {
				t.Errorf("renewed from %v, and it is %v", time.Unix(renewed.NotBefore, 0), w.time())
			}
			fails(t, f.upkeep(), member.ErrClock)
			off.Store(0)
			if err := f.upkeep(); err != nil || f.Certificate() != renewed {
				t.Errorf("with a right clock: %v, %v", err, f.Certificate())
			}
			a.believes(f)
			b.believes(f)
		})
	}
}

// TestAdmitterALittleAhead: clocks that are some hours apart, as with a time zone that
// was set wrong, keep nobody out: certificates begin when it is time for all.
func TestAdmitterALittleAhead(t *testing.T) {
	w := newWorld(t)
	var off atomic.Int64
	off.Store(int64(5 * time.Hour))
	f := w.box("founder", w.ownClock(&off))
	if err := f.Found("Family"); err != nil {
		t.Fatal(err)
	}
	v := f.invite(invite.Options{})
	// Its own is from a time that has not come.
	late := w.box("late")
	if _, err := late.Redeem(ctx(t), v); err == nil {
		t.Error("a certificate that begins in five hours was believed")
	}
	w.pass(5 * time.Hour)
	if _, err := late.Redeem(ctx(t), v); err != nil {
		t.Fatal(err)
	}
	if c := late.Certificate(); c.NotBefore != w.time().Unix() {
		t.Errorf("it begins at %v, and it is %v", time.Unix(c.NotBefore, 0), w.time())
	}
	w.pass(60 * day)
	for _, m := range []*box{f, late} {
		if err := m.upkeep(); err != nil {
			t.Fatal(err)
		}
		if c := m.Certificate(); c.NotBefore != w.time().Unix() {
			t.Errorf("%s: renewed from %v, and it is %v", m.name, time.Unix(c.NotBefore, 0), w.time())
		}
	}
	late.believes(f)
	f.believes(late)
}

// TestAdmitterWasAhead: what an admitter signed for itself with a wrong clock, as
// nobody could be asked, it signs anew when its clock is right: it is in the ring
// again, by itself.
func TestAdmitterWasAhead(t *testing.T) {
	w := newWorld(t)
	var off atomic.Int64
	f, a, b := w.lone(&off)
	a.stop()
	b.stop()
	w.pass(60 * day)
	old := f.Certificate()
	fails(t, f.upkeep(), member.ErrNoWitness) // it still holds: there is time
	if f.Certificate() != old {
		t.Error("signed without a witness")
	}
	off.Store(int64(3650 * day))
	if err := f.upkeep(); err != nil {
		t.Fatal(err)
	}
	a.restart()
	fails(t, a.Check(f.Certificate()), peer.ErrExpired)
	off.Store(0)
	if err := f.upkeep(); err != nil {
		t.Fatal(err)
	}
	if c := f.Certificate(); c.NotBefore != w.time().Unix() {
		t.Errorf("signed from %v, and it is %v", time.Unix(c.NotBefore, 0), w.time())
	}
	a.believes(f)
	list, err := f.List()
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, r := range list {
		if r.Self && r.Ends.Unix() != f.Certificate().NotAfter {
			t.Errorf("its list says that it ends %v", r.Ends)
		}
	}
}

// TestAdmitterBehind: a clock that is behind makes a good certificate seem to be from
// a time that has not come; it is left alone.
func TestAdmitterBehind(t *testing.T) {
	w := newWorld(t)
	var off atomic.Int64
	f, a, b := w.lone(&off)
	old := f.Certificate()
	off.Store(int64(-30 * day))
	fails(t, f.upkeep(), member.ErrClock)
	a.stop()
	b.stop()
	fails(t, f.upkeep(), member.ErrNoWitness)
	if f.Certificate() != old {
		t.Errorf("signed from %v", time.Unix(f.Certificate().NotBefore, 0))
	}
}

// TestWitnesses: whose own certificate does not hold by his clock is no witness, and
// of several the one in the middle counts.
func TestWitnesses(t *testing.T) {
	w := newWorld(t)
	f := w.founder()
	var offs [3]atomic.Int64
	for i := range offs {
		w.box(string(rune('a'+i)), w.ownClock(&offs[i])).joinBy(f)
	}
	w.pass(60 * day)
	for _, c := range []struct {
		name  string
		offs  [3]time.Duration
		ahead time.Duration
		told  int
	}{
		{"two computers without a battery", [3]time.Duration{-3650 * day, -3650 * day, 0}, 0, 1},
		{"all are years ahead", [3]time.Duration{3650 * day, 3650 * day, 3650 * day}, 0, 0},
		{"one of three is behind", [3]time.Duration{-40 * day, 0, 0}, 0, 3},
		{"two of three are behind", [3]time.Duration{-40 * day, -40 * day, 0}, 40 * day, 3},
		{"one of two is behind", [3]time.Duration{-40 * day, -3650 * day, 0}, 0, 2},
	} {
		for i, d := range c.offs {
			offs[i].Store(int64(d))
		}
		ahead, told, err := f.CompareClocks(ctx(t))
		if err != nil || ahead != c.ahead || told != c.told {
			t.Errorf("%s: %v ahead of %d, %v; want %v of %d", c.name, ahead, told, err, c.ahead, c.told)
		}
	}
}

// TestImpossibleTimes: nobody says that it is a time that cannot be.
func TestImpossibleTimes(t *testing.T) {
	w := newWorld(t)
	cert := w.founder().Certificate()
	for _, at := range []int64{-1, 1<<40 + 1, -1 << 62} {
		for _, m := range []wire.Message{
			&member.Hello{Version: 1, Name: "Family", Certificate: cert, Time: at},
			&member.Redeem{Secret: make([]byte, 16), Time: at},
			&member.Renew{Certificate: cert, Time: at},
			&member.LanYes{Time: at},
		} {
			b, err := member.Messages.Encode(m)
			if err != nil {
				continue // it is not even said
			}
			if got, err := member.Messages.Decode(b); err == nil {
				t.Errorf("%T: %+v", got, got)
			}
		}
	}
}

package pastry_test

import (
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
)

// Whom others name right after it was found dead is not asked, as they may not know yet. Whom
// they name when they must know is, so that two who hold each other dead meet again.
func TestNamesAfterAVerdict(t *testing.T) {
	s := soloAt(t, 0x10)
	c, other := stranger(0x20), stranger(0x30)
	for _, x := range []uint8{0x20, 0x30, 0xf0} {
		s.Learn(stranger(x), pastry.Place{Leaf: true})
	}
	s.SetActive(true)
	asked := func() (k int) {
		for _, e := range s.sent {
			if m, ok := e.msg.(*msg.LeafProbe); ok && !m.Reply && e.to.ID == id.Tiny(0x20) {
				k++
			}
		}
		s.sent = nil
		return k
	}
	name := func() { s.hear(other, &msg.LeafProbe{Active: true, Quiet: true, Leaf: []*peer.Handle{c}}) }
	s.hear(other, &msg.LeafProbe{Active: true, Quiet: true, Failed: []msg.Failure{{Node: c.ID, Incarnation: 1}}})
	s.run(4 * time.Second)
	if k := asked(); k < 2 {
		t.Fatalf("asked %d times before the verdict", k)
	}
	name()
	if k := asked(); k != 0 {
		t.Errorf("asked %d times though those who named it may not know", k)
	}
	s.run(8 * time.Second)
	asked()
	name()
	if k := asked(); k != 1 {
		t.Errorf("asked %d times when others named it later", k)
	}
}

// Members that a ring neighbour does not have, where it should, are asked: news of their
// deaths may have been lost.
func TestMembersThatTheNeighbourLacks(t *testing.T) {
	handles := func(xs ...uint8) (hs []*peer.Handle) {
		for _, x := range xs {
			hs = append(hs, stranger(x))
		}
		return hs
	}
	for _, c := range []struct {
		what  string
		from  uint8
		leaf  []uint8
		quiet bool
		asked []uint8
	}{
		{"it has them all", 0x20, []uint8{0xf0, 0x10, 0x30, 0x40}, false, nil},
		{"it lacks one", 0x20, []uint8{0xf0, 0x10, 0x40, 0x50}, false, []uint8{0x30}},
		{"it knows few, so it should know all", 0x20, []uint8{0x10, 0x40}, false, []uint8{0x30, 0xe0, 0xf0}},
		{"it names nobody because it only tells", 0x20, nil, true, nil},
		{"it does not stand next", 0x30, []uint8{0xf0, 0x10, 0x40, 0x50}, false, nil},
	} {
		s := soloAt(t, 0x10)
		for _, x := range []uint8{0x20, 0x30, 0xe0, 0xf0} {
			s.Learn(stranger(x), pastry.Place{Leaf: true})
		}
		s.SetActive(true)
		s.sent = nil
		for range 2 { // an echo changes nothing
			s.hear(stranger(c.from), &msg.LeafProbe{Active: true, Quiet: c.quiet, Leaf: handles(c.leaf...)})
		}
		var asked []uint8
		for _, e := range s.sent {
			if m, ok := e.msg.(*msg.LeafProbe); ok && !m.Reply {
				asked = append(asked, uint8(e.to.ID.Hi>>56))
			}
		}
		if slices.Sort(asked); !slices.Equal(asked, c.asked) {
			t.Errorf("%s: %x were asked, want %x", c.what, asked, c.asked)
		}
	}
}

// Whom its ring neighbour, which it served every second, found dead is asked as briskly as that
// one did, but all the same: one answer and it is there. One who lives far away, or of whom
// a quiet neighbour tells, is given more time, and all of it if nobody is there who could hand a question on.
func TestNewsOfOneThatServed(t *testing.T) {
	for _, c := range []struct {
		what           string
		by             uint8
		served, answer bool
		rtt, after     time.Duration
	}{
		{"it served", 0x30, true, false, 40 * time.Millisecond, 1100 * time.Millisecond},
		{"one who is not its neighbour says that it served", 0xf0, true, false, 40 * time.Millisecond, 3700 * time.Millisecond},
		{"it was quiet", 0x30, false, false, 40 * time.Millisecond, 2100 * time.Millisecond},
		{"it served far away", 0x30, true, false, 300 * time.Millisecond, 2000 * time.Millisecond},
		{"it served, and is there", 0x30, true, true, 40 * time.Millisecond, time.Hour},
	} {
		s := soloAt(t, 0x10)
		for _, x := range []uint8{0x20, 0x30, 0xf0} {
			s.Learn(stranger(x), pastry.Place{Leaf: true, RTT: c.rtt})
		}
		s.SetActive(true)
		s.sent = nil
		dead := stranger(0x20)
		s.hear(stranger(c.by), &msg.LeafProbe{Active: true, Quiet: true, Failed: []msg.Failure{{Node: dead.ID, Incarnation: 1, Served: c.served}}})
		holds := func() bool { return !slices.Contains(s.app.updates, update{dead.ID, false}) }
		if c.answer {
			s.run(700 * time.Millisecond)
			for _, e := range s.sent {
				if m, ok := e.msg.(*msg.LeafProbe); ok && e.to.ID == dead.ID {
					s.hear(dead, &msg.LeafProbe{Reply: true, Active: true, Num: m.Num})
				}
			}
		}
		s.run(min(c.after, 5*time.Second) - 100*time.Millisecond)
		if !holds() {
			t.Errorf("%s: it is held to be dead too soon", c.what)
		}
		s.run(200 * time.Millisecond)
		if holds() != c.answer {
			t.Errorf("%s: it is held to be there: %v, after %v", c.what, holds(), c.after)
		}
	}
}

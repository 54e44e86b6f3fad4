package pastry_test

import (
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
)

// probed returns whom the node asked by an LS-PROBE since it was last asked for anything.
func (s *solo) probed() (xs []uint8) {
	for _, e := range s.sent {
		if m, ok := e.msg.(*msg.LeafProbe); ok && !m.Reply && !m.Quiet && !slices.Contains(xs, uint8(e.to.ID.Hi>>56)) {
			xs = append(xs, uint8(e.to.ID.Hi>>56))
		}
	}
	s.sent = nil
	slices.Sort(xs)
	return xs
}

func (s *solo) wantProbed(what string, want ...uint8) {
	s.t.Helper()
	if got := s.probed(); !slices.Equal(got, want) {
		s.t.Errorf("%s: %x were asked, want %x", what, got, want)
	}
}

// Who stood beside one that does not answer may be gone, too, and is asked before the verdict.
func TestWhoStandsBesideASilentOneIsAsked(t *testing.T) {
	s := members(t)
	s.step(machine.Input{Kind: machine.InPeerDown, From: stranger(0x20), Why: machine.DownLost})
	s.run(800 * time.Millisecond)
	s.wantProbed("in the time of the first try", 0x20)
	s.run(200 * time.Millisecond)
	s.wantProbed("after it", 0x20, 0x30)
}

// A member of whom another says that it is dead is asked together with the neighbour that
// stands before it; and when many are silent at once all are asked, also who spoke just before.
func TestManySilentOnes(t *testing.T) {
	for _, c := range []struct {
		what         string
		dead         []uint8
		first, later []uint8
	}{
		{"three, none of them next to a neighbour", []uint8{0x40, 0x50, 0xb0}, []uint8{0x40, 0x50, 0xb0}, []uint8{0x40, 0x50, 0xb0}},
		{"one with a neighbour before it", []uint8{0x30}, []uint8{0x20, 0x30}, []uint8{0x20, 0x30, 0x40}},
		{"one with a neighbour before it who spoke just now", []uint8{0xe0}, []uint8{0xe0}, []uint8{0xe0}},
		{"five", []uint8{0x40, 0x50, 0x60, 0xb0, 0xc0}, []uint8{0x40, 0x50, 0x60, 0xb0, 0xc0},
			[]uint8{0x20, 0x30, 0x40, 0x50, 0x60, 0xb0, 0xc0, 0xd0, 0xe0, 0xf0}},
	} {
		s := soloOf(t, 0x10, 16)
		for _, x := range []uint8{0x20, 0x30, 0x40, 0x50, 0x60, 0xb0, 0xc0, 0xd0, 0xe0, 0xf0} {
			s.Learn(stranger(x), pastry.Place{Leaf: true})
		}
		s.SetActive(true)
		m := &msg.LeafProbe{Active: true, Quiet: true}
		for _, x := range c.dead {
			m.Failed = append(m.Failed, msg.Failure{Node: stranger(x).ID, Incarnation: 1})
		}
		s.hear(stranger(0xf0), m)
		s.wantProbed(c.what+", at once", c.first...)
		s.run(time.Second)
		s.wantProbed(c.what+", after the first try", c.later...)
	}
}

// Who told of itself, or was asked, while there was no place for it, takes one that falls free, and is
// asked after that unless it spoke just now; it is asked before if it has been silent for a while or
// another found it dead, and not at all if that is long ago.
func TestWhoFoundNoPlaceIsAskedLater(t *testing.T) {
	for _, c := range []struct {
		ago    time.Duration
		rumour bool
		want   []uint8
		in     bool
	}{
		{3 * time.Second, false, nil, true},
		{9 * time.Second, false, []uint8{0x40}, true},
		{9 * time.Second, true, []uint8{0x40}, false},
		{10 * time.Second, false, []uint8{0x40}, false},
		{time.Minute, false, nil, false},
	} {
		s := members(t)
		s.Learn(stranger(0x48), pastry.Place{Table: true, RTT: time.Millisecond}) // there is no place in the table, either
		s.hear(stranger(0x40), &msg.LeafProbe{Active: true, Num: 1})
		for began := s.now; s.now < began+c.ago; s.run(500 * time.Millisecond) {
			for _, x := range []uint8{0x20, 0x30, 0xe0, 0xf0} {
				s.hear(stranger(x), &msg.Ping{Seq: 1})
			}
		}
		if c.rumour {
			s.hear(stranger(0x20), &msg.LeafProbe{Active: true, Quiet: true, Failed: []msg.Failure{{Node: stranger(0x40).ID, Incarnation: 1}}})
		}
		s.sent = nil
		s.hear(stranger(0x30), &msg.Leave{Incarnation: 1})
		in := slices.ContainsFunc(s.View(clockAt(s.now)).Leaf, func(h *peer.Handle) bool { return h.ID == stranger(0x40).ID })
		got := slices.DeleteFunc(s.probed(), func(x uint8) bool { return x != 0x40 })
		if !slices.Equal(got, c.want) || in != c.in {
			t.Errorf("%v ago, said to be dead %v: %x were asked, want %x; a member %v, want %v", c.ago, c.rumour, got, c.want, in, c.in)
		}
	}
}

// Who lost its whole leaf set asks all whom it knows. One that joins yet answers, and takes no place by
// that: it is asked again, but not as fast as answers come.
func TestWhoJoinsYetIsNotAskedAllTheTime(t *testing.T) {
	s := soloAt(t, 0x10)
	other := stranger(0x20)
	s.Learn(other, pastry.Place{Table: true, RTT: time.Millisecond})
	s.SetActive(true)
	again := *other
	again.Incarnation = 2 // it has a place in the table, and joins again
	other = &again
	s.sent = nil
	asked := 0
	s.hear(other, &msg.LeafProbe{Num: 1})
	for s.now < 10*time.Second {
		for _, p := range took[*msg.LeafProbe](s) {
			if !p.Reply {
				asked++
			}
			if !p.Reply && asked < 100 {
				s.hear(other, &msg.LeafProbe{Reply: true, Num: p.Num, Leaf: []*peer.Handle{stranger(0x10)}})
				s.hear(other, &msg.LeafProbe{Num: 1})
			}
		}
		s.run(20 * time.Millisecond)
		s.hear(other, &msg.LeafProbe{Num: 1})
	}
	if asked < 5 || asked > 11 {
		t.Errorf("it was asked %d times in 10 s, want once in a second or so", asked)
	}
}

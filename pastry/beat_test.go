package pastry_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/pastry/msg"
)

// The promises of one side end at instants that lie a heartbeat apart, however often and when
// they are asked for; none ends within the reserve in which it is renewed, and none is longer
// than what was asked for.
func TestPromisesEndAtBeats(t *testing.T) {
	s := members(t)
	c := stranger(0x20)
	for i, p := range []struct {
		at, asked, want time.Duration
	}{
		{0, 35 * time.Second, 35 * time.Second},
		{10 * time.Second, 35 * time.Second, 25 * time.Second},
		{11 * time.Second, 2500 * time.Millisecond, 2500 * time.Millisecond},
		{29900 * time.Millisecond, 35 * time.Second, 5100 * time.Millisecond},
		{30 * time.Second, 35 * time.Second, 35 * time.Second},
		{31 * time.Second, time.Hour, 34 * time.Second},
		{95 * time.Second, 35 * time.Second, 30 * time.Second},
	} {
		for s.now < p.at {
			for _, x := range []uint8{0x20, 0x30, 0xe0, 0xf0} {
				s.hear(stranger(x), &msg.Ping{Seq: 1}) // all are there
			}
			s.run(min(500*time.Millisecond, p.at-s.now))
		}
		s.sent = nil
		s.hear(c, &msg.Lease{Ask: uint32(i + 1), For: uint32(p.asked / time.Millisecond), Active: true})
		granted := time.Duration(0)
		for _, m := range s.leasesTo(0x20) {
			if m.Grant == uint32(i+1) {
				granted = time.Duration(m.Length) * time.Millisecond
			}
		}
		if granted != p.want {
			t.Errorf("asked for %v at %v: granted for %v, want %v", p.asked, p.at, granted, p.want)
		}
	}
}

// A node tells its neighbour on one side when promises on the other one end.
func TestBeatsAreTold(t *testing.T) {
	s := members(t)
	ask := func(x uint8, num uint32) *msg.Lease {
		s.hear(stranger(x), &msg.Lease{Right: x > 0x80, Ask: num, For: 35_000, Active: true})
		for _, m := range s.leasesTo(x) {
			if m.Grant == num {
				return m
			}
		}
		t.Fatalf("%x was granted nothing", x)
		return nil
	}
	if m := ask(0x20, 1); m.Beat != 0 {
		t.Errorf("nothing was promised on the other side, and its next beat is in %d ms", m.Beat)
	}
	s.run(500 * time.Millisecond)
	if m := ask(0xf0, 1); m.Beat != 4500 {
		t.Errorf("half a second after a promise of 35 s on the other side its next beat is in %d ms, want 4500", m.Beat)
	}
}

// Who stood beside a row of nodes that fell silent is bound by what the nearest of them may
// have promised to the next one: until the last beat of which it was told, or, if it was told of
// none, for LeaseLong from the first question that was not answered.
func TestBeatsOfTheSilent(t *testing.T) {
	for _, c := range []struct {
		beat        uint32 // milliseconds
		least, most time.Duration
	}{
		{0, 36800 * time.Millisecond, 37 * time.Second},
		{1 << 31, 36800 * time.Millisecond, 37 * time.Second},
		{8_000, 13 * time.Second, 13500 * time.Millisecond}, // LeaseQuiet from the verdict
		{20_000, 20 * time.Second, 20300 * time.Millisecond},
		{3_000, 33 * time.Second, 33300 * time.Millisecond}, // it may have promised more
	} {
		s := members(t)
		s.hear(stranger(0x20), &msg.Lease{Ask: 1, For: 100, Active: true})
		for _, m := range s.leasesTo(0x20) {
			if m.Ask != 0 {
				s.hear(stranger(0x20), &msg.Lease{Grant: m.Ask, Length: 35_000, Active: true, Ready: true, Beat: c.beat})
			}
		}
		s.run(time.Second)
		s.hear(stranger(0xf0), &msg.LeafProbe{Active: true, Quiet: true, Failed: []msg.Failure{
			{Node: stranger(0x20).ID, Incarnation: 1}, {Node: stranger(0x30).ID, Incarnation: 1}}})
		for s.now < 5*time.Second {
			s.run(500 * time.Millisecond)
			for _, x := range []uint8{0xe0, 0xf0} {
				s.hear(stranger(x), &msg.Ping{Seq: 1})
			}
		}
		s.hear(stranger(0x40), &msg.LeafProbe{Active: true, Num: 1}) // who stood there before is not known
		s.sent = nil
		s.hear(stranger(0x40), &msg.Lease{Ask: 1, For: 35_000, Active: true})
		ms := s.leasesTo(0x40)
		if len(ms) != 1 || ms[0].Deny != 1 {
			t.Errorf("beat in %d ms: the answer is %+v, want a denial", c.beat, ms)
			continue
		}
		if until := s.now + time.Duration(ms[0].Length)*time.Millisecond; until < c.least || until > c.most {
			t.Errorf("beat in %d ms: bound until %v, want from %v to %v", c.beat, until, c.least, c.most)
		}
	}
}

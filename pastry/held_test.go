package pastry_test

import (
	"errors"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
)

// waiting starts a node at which each message waits until it goes on.
func waiting(t *testing.T, tune func(*pastry.Config)) *solo {
	s := soloTuned(t, 0x10, tune)
	s.SetActive(false)
	return s
}

// goOn lets it claim all keys, and so take what waits.
func (s *solo) goOn() {
	s.SetActive(true)
	s.step(machine.Input{Kind: machine.InWake})
	s.run(time.Millisecond)
}

// handOver lets a neighbour hand over as many messages, each once.
func (s *solo) handOver(from uint8, count, size int, want bool) {
	for i := range count {
		s.hear(stranger(from), passing(uint32(i+1), 0x10, func(m *msg.Hop) {
			m.Route.Want, m.Route.Num, m.Route.Env.Payload = want, uint64(from)<<32|uint64(i), make([]byte, size)
		}))
	}
}

// route lets the node send as many messages of its own.
func (s *solo) route(count, size int) {
	for range count {
		s.call(func() { s.app.ep.Route(id.Tiny(0x12), make([]byte, size), nil) })
	}
}

// call runs f on the node's loop.
func (s *solo) call(f func()) { s.step(machine.Input{Kind: machine.InCall, Call: f}) }

// busy counts what the origins of messages were told.
func (s *solo) busy() (n int) {
	for _, r := range took[*msg.Reply](s) {
		if r.Code == msg.ReplyBusy {
			n++
		}
	}
	return n
}

// What waits for a lease is bounded in number and in bytes, and of both one neighbour takes a
// quarter at most, so that there is room for others. The origin of what exceeds that is told, if
// it waits for an outcome; all is counted. What found room is delivered once.
func TestHeldBounds(t *testing.T) {
	count := func(c *pastry.Config) { c.Held = 8 }
	bytes := func(c *pastry.Config) { c.HeldBytes = 256 << 10 }
	for _, c := range []struct {
		name        string
		tune        func(*pastry.Config)
		size        int
		one, others int // of one neighbour's messages, and of all
	}{
		{"number", count, 1, 2, 8},
		{"bytes", bytes, 48 << 10, 1, 5},
		{"number of the default", func(*pastry.Config) {}, 1, 1024, 4096},
		{"bytes of the default", func(*pastry.Config) {}, 48 << 10, 84, 337},
	} {
		for _, want := range []bool{false, true} {
			s := waiting(t, c.tune)
			s.handOver(0x20, c.one+3, c.size, want)
			if v := s.View(clockAt(s.now)); v.Held != c.one || v.GivenUp != 3 {
				t.Errorf("%s: of %d messages of one neighbour %d wait, and %d were given up, want %d and 3", c.name, c.one+3, v.Held, v.GivenUp, c.one)
			}
			told := 0
			if want {
				told = 3
			}
			if n := s.busy(); n != told {
				t.Errorf("%s: %d origins are told that there is no room, want %d", c.name, n, told)
			}
			s.route(c.others-c.one+2, c.size)
			if v := s.View(clockAt(s.now)); v.Held != c.others || v.GivenUp != 5 || len(s.gave) != 5 || !errors.Is(s.gave[4], kbr.ErrBusy) {
				t.Errorf("%s: %d wait, %d were given up (%v), want %d and 5", c.name, v.Held, v.GivenUp, s.gave, c.others)
			}
			s.goOn()
			if v := s.View(clockAt(s.now)); len(s.app.got) != c.others || v.Held != 0 || v.GivenUp != 5 {
				t.Errorf("%s: %d are delivered, %d wait, %d were given up, want %d, 0 and 5", c.name, len(s.app.got), v.Held, v.GivenUp, c.others)
			}
			s.SetActive(false)
			s.handOver(0x30, c.one, c.size, want)
			if v := s.View(clockAt(s.now)); v.Held != c.one || v.GivenUp != 5 {
				t.Errorf("%s: of another's %d messages %d wait afterwards", c.name, c.one, v.Held)
			}
		}
	}
}

// A lease that ends while what waited is delivered makes the rest wait again: it keeps its room,
// whatever else comes meanwhile.
func TestHeldAgain(t *testing.T) {
	s := waiting(t, func(c *pastry.Config) { c.Held = 8 })
	s.handOver(0x20, 2, 1, false)
	s.route(6, 1)
	s.app.deliver = func(*kbr.Delivery) {
		s.SetActive(false)
		for range 3 {
			s.app.ep.Route(id.Tiny(0x12), []byte("late"), nil)
		}
	}
	s.goOn()
	if v := s.View(clockAt(s.now)); len(s.app.got) != 1 || v.Held != 8 || v.GivenUp != 2 {
		t.Errorf("%d delivered, %d wait and %d were given up, want 1, 7 of the first with one of three that came, and 2", len(s.app.got), v.Held, v.GivenUp)
	}
	late := 0
	s.app.deliver = func(d *kbr.Delivery) {
		if string(d.Payload) == "late" {
			late++
		}
	}
	s.goOn()
	if v := s.View(clockAt(s.now)); len(s.app.got) != 9 || late != 1 || v.Held != 0 || v.GivenUp != 2 {
		t.Errorf("%d delivered, %d of them came late, %d wait and %d were given up, want 9, 1, 0 and 2", len(s.app.got), late, v.Held, v.GivenUp)
	}
}

// What waits for longer than a lease takes is given up, and counted, and makes room.
func TestHeldTooLong(t *testing.T) {
	for _, late := range []bool{false, true} { // another one comes, or the lease
		s := waiting(t, func(c *pastry.Config) { c.Held = 8 })
		s.handOver(0x20, 2, 1, true)
		s.route(6, 1)
		s.now += 2 * time.Minute // no timer rings, as of a process that was stopped
		if late {
			s.goOn()
		} else {
			s.route(1, 1)
		}
		want := 1
		if late {
			want = 0
		}
		if v := s.View(clockAt(s.now)); v.Held != want || v.GivenUp != 8 || len(s.gave) != 8 || !errors.Is(s.gave[0], kbr.ErrTimeout) || len(s.app.got) != 0 {
			t.Errorf("a lease came %v: %d wait, %d were given up (%v), %d delivered, want %d, 8 and 0", late, v.Held, v.GivenUp, s.gave, len(s.app.got), want)
		}
		if n := s.busy(); n != 0 {
			t.Errorf("%d origins are told that there is no room", n)
		}
	}
}

package pastry_test

import (
	"errors"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
)

// between starts a node at 0x10 that has two ring neighbours, 0x30 and 0xe0.
func between(t *testing.T, tune func(*pastry.Config)) *solo {
	s := soloTuned(t, 0x10, tune)
	for _, x := range []uint8{0x30, 0xe0} {
		s.hear(stranger(x), &msg.LeafProbe{Active: true})
	}
	took[*msg.Hop](s)
	return s
}

// pass lets a neighbour hand over as many messages for others, the numbers of which begin with first.
func (s *solo) pass(from, key uint8, first, count, size int) {
	for i := first; i < first+count; i++ {
		s.hear(stranger(from), passing(uint32(i+1), key, func(m *msg.Hop) {
			m.Route.Num, m.Route.Env.Payload = uint64(i), make([]byte, size)
		}))
	}
}

// A peer that takes everything and acknowledges nothing does not fill the room of what is on its way:
// what others handed over for it takes a quarter of it, in number and in bytes, so that messages for
// others, and of this node, go on. The origins of the rest are told, if they wait for an outcome; all is
// counted. What is acknowledged makes room.
func TestSwallowedBounds(t *testing.T) {
	for _, c := range []struct {
		name string
		tune func(*pastry.Config)
		size int
		one  int // of the messages of others for one next hop
	}{
		{"number", func(c *pastry.Config) { c.OnWay = 16 }, 1, 4},
		{"bytes", func(c *pastry.Config) { c.OnWayBytes = 1 << 20 }, 40 << 10, 6},
		{"number of the default", func(*pastry.Config) {}, 1, 4096},
		{"bytes of the default", func(*pastry.Config) {}, 48 << 10, 334},
	} {
		s := between(t, c.tune)
		pass := func(from, key uint8, first, count int) { s.pass(from, key, first, count, c.size) }
		check := func(when string, onWay, gaveUp int) {
			t.Helper()
			if v := s.View(clockAt(s.now)); v.OnWay != onWay || v.GivenUp != uint64(gaveUp) || len(s.gave) != gaveUp || gaveUp > 0 && !errors.Is(s.gave[gaveUp-1], kbr.ErrBusy) {
				t.Fatalf("%s: %s: %d are on their way, %d were given up (%d told), want %d and %d", c.name, when, v.OnWay, v.GivenUp, len(s.gave), onWay, gaveUp)
			}
		}
		pass(0x50, 0x31, 0, c.one+3)
		check("one peer swallows", c.one, 3)
		if told := s.busy(); told != 3 {
			t.Errorf("%s: %d origins are told that there is no room, want 3", c.name, told)
		}
		pass(0x50, 0xe1, c.one+3, c.one)
		check("another one is next", 2*c.one, 3)
		own := 0
		for ; s.View(clockAt(s.now)).GivenUp == 3 && own < 1<<16; own++ {
			s.call(func() { s.app.ep.Route(id.Tiny(0x31), make([]byte, c.size), nil) })
		}
		check("this node sends", 2*c.one+own-1, 4)
		if own-1 < c.one-1 || own-1 > c.one+3 {
			t.Errorf("%s: of this node's own %d are on their way, want about %d: a quarter is left for what others send", c.name, own-1, c.one)
		}
		pass(0x50, 0xe1, 2*c.one+3, 1)
		check("its share is full", 2*c.one+own-1, 5)
		var seqs []uint32
		for _, e := range s.sent {
			if h, ok := e.msg.(*msg.Hop); ok && e.to.ID == id.Tiny(0xe0) {
				seqs = append(seqs, h.Seq)
			}
		}
		for len(seqs) > 0 {
			k := min(len(seqs), msg.MaxAcks)
			s.hear(stranger(0xe0), &msg.Ack{Seqs: seqs[:k]})
			seqs = seqs[k:]
		}
		check("one acknowledges", c.one+own-1, 5)
		pass(0x50, 0xe1, 2*c.one+4, 1)
		check("there is room again", c.one+own, 5)
	}
}

// Whatever is swallowed of what this node sends, and of what others hand over, the other finds a quarter of the
// room: this node's own messages take nothing of a next hop's share, and many next hops that swallow not all.
func TestSwallowedByMany(t *testing.T) {
	for _, c := range []struct {
		name  string
		tune  func(*pastry.Config)
		size  int
		share int
	}{
		{"number", func(c *pastry.Config) { c.OnWay = 16 }, 1, 4},
		{"bytes", func(c *pastry.Config) { c.OnWayBytes = 1 << 20 }, 40 << 10, 6},
	} {
		start := func() *solo {
			s := between(t, c.tune)
			for _, x := range []uint8{0x70, 0xb0} {
				s.hear(stranger(x), &msg.LeafProbe{Active: true})
			}
			took[*msg.Hop](s)
			return s
		}
		own := func(s *solo, key uint8, count int) {
			for range count {
				s.call(func() { s.app.ep.Route(id.Tiny(key), make([]byte, c.size), nil) })
			}
		}
		check := func(s *solo, when string, onWay, gaveUp int) {
			t.Helper()
			if v := s.View(clockAt(s.now)); v.OnWay != onWay || v.GivenUp != uint64(gaveUp) {
				t.Errorf("%s: %s: %d are on their way, %d were given up, want %d and %d", c.name, when, v.OnWay, v.GivenUp, onWay, gaveUp)
			}
		}

		s := start()
		own(s, 0x31, 3*c.share+1)
		check(s, "this node's own are swallowed", 3*c.share, 1)
		s.pass(0x50, 0x31, 0, c.share+1, c.size)
		check(s, "others send to the same next hop", 4*c.share, 2)

		s = start()
		for i, key := range []uint8{0x31, 0x71, 0xe1} {
			s.pass(0x50, key, i*c.share, c.share, c.size)
		}
		check(s, "three next hops swallow", 3*c.share, 0)
		s.pass(0x50, 0xb1, 3*c.share, 1, c.size)
		check(s, "a fourth one is next", 3*c.share, 1)
		own(s, 0xb1, c.share+1)
		check(s, "this node sends", 4*c.share, 2)
		to := make(map[id.ID]int)
		for _, m := range s.sent {
			if _, ok := m.msg.(*msg.Hop); ok {
				to[m.to.ID]++
			}
		}
		if len(to) != 4 || to[id.Tiny(0xb0)] != c.share {
			t.Errorf("%s: to each next hop goes %v, want %d to each of four", c.name, to, c.share)
		}
	}
}

// What a next hop swallowed goes elsewhere when that one is found dead, as that of the neighbour who
// handed it over: if it has to wait here it takes that one's share.
func TestSwallowedGoesOn(t *testing.T) {
	s := between(t, func(c *pastry.Config) { c.Held = 8 })
	s.pass(0x50, 0x31, 0, 5, 1)
	s.run(20 * time.Second) // both are silent, and hold what this node promised
	v := s.View(clockAt(s.now))
	if v.OnWay != 0 || v.Held != 2 || v.GivenUp != 3 || s.busy() != 3 {
		t.Errorf("%d are on their way, %d wait and %d were given up, want 0, 2 and 3 of five that one neighbour handed over", v.OnWay, v.Held, v.GivenUp)
	}
}

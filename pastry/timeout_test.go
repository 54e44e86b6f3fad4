package pastry_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
)

// A hop that is not acknowledged takes another way after twice the round trip and the time
// that acknowledgements wait, where the round trip is known, but not sooner than a loaded
// machine may need.
func TestHopsThatAreLost(t *testing.T) {
	for _, c := range []struct {
		rtt, late time.Duration
	}{
		{0, 500 * time.Millisecond},
		{10 * time.Millisecond, 200 * time.Millisecond},
		{150 * time.Millisecond, 350 * time.Millisecond},
	} {
		s := soloAt(t, 0x10)
		s.Learn(stranger(0x90), pastry.Place{Table: true, RTT: c.rtt})
		s.Learn(stranger(0xa0), pastry.Place{Table: true, RTT: c.rtt})
		for _, x := range []uint8{0x08, 0x0c, 0x18, 0x1c} {
			s.Learn(stranger(x), pastry.Place{Leaf: true})
		}
		s.SetActive(true)
		began := s.now
		s.step(machine.Input{Kind: machine.InCall, Call: func() { s.app.ep.Route(id.Tiny(0x91), []byte{1}, nil) }})
		s.run(c.late - time.Millisecond)
		if hops := took[*msg.Hop](s); len(hops) != 1 {
			t.Fatalf("a round trip of %v: %d hops before its time", c.rtt, len(hops))
		}
		s.run(2 * time.Millisecond)
		if hops := took[*msg.Hop](s); len(hops) != 1 {
			t.Errorf("a round trip of %v: %d hops after %v", c.rtt, len(hops), s.now-began)
		}
	}
}

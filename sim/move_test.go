package sim_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/sim"
)

// Whoever moves is not found at its old address, be that silent or another machine's;
// its links break, it is known anew by what it shows when it makes others, and those
// who have its new handle find it.
func TestMove(t *testing.T) {
	for _, c := range []struct {
		taken bool
		first string // what C, who has only the old handle, learns
	}{{false, "5200 down A1 unreachable"}, {true, "220 down A1 refused"}} {
		w := linked(t, sim.Config{}, 3)
		old := w.Handle(0)
		w.say(0, 1, "x")
		w.Run(200 * ms)
		w.expect(0, "20 up B1", `40 echo "x" from B1`)
		w.expect(1, "30 up A1", `30 say "x" from A1`)
		w.Move(0, []string{"elsewhere"}, c.taken)
		w.say(2, 0, "to the old place")
		w.say(1, 0, "over the old link")
		w.Call(0, func() { w.toys[0].env.Self = old.MovedTo([]string{"elsewhere"}) })
		w.Run(6 * time.Second)
		w.expect(0, "200 down B1 lost")
		w.expect(2, c.first)
		if h := w.Handle(0); h.Addrs[0] != "elsewhere" || h.Incarnation != 1 {
			t.Errorf("the node that moved is known as %v at %v", h, h.Addrs)
		}
		w.say(0, 1, "y")
		w.say(2, 0, "to the new place")
		w.Run(30 * time.Second)
		w.expect(0, "6020 up B1", "6030 up C1", `6030 say "to the new place" from C1`, `6040 echo "y" from B1`)
		w.expect(1, "6010 down A1 lost", "6030 up A1", `6030 say "y" from A1`)
		w.expect(2, "6020 up A1", `6040 echo "to the new place" from A1`)
	}
}

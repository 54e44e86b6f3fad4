package pastry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/sim/simtest"
)

// Whoever joins behind a router can call, and be called by nobody: he is taken in all
// the same, at the first try, whoever the root of his id is and how far away. Here a
// router is an address of the node's own that leads nowhere.
func TestJoinFromBehindARouter(t *testing.T) {
	t.Parallel()
	sizes := []int{1, 2, 3, 60}
	if simtest.Race {
		sizes[3] = 20
	}
	for _, n := range sizes {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := grow(t, n, coded(uint64(n)+90))
			for k := range 5 {
				hidden := w.Add()
				w.Sim.Move(hidden, []string{fmt.Sprintf("inside/%d", k)}, false)
				w.Sim.RunFor(4 * time.Second)
				if !w.Ready(hidden) {
					t.Fatalf("number %d behind a router is not ready after 4 s", k)
				}
				w.Sim.Move(hidden, w.Sim.Handle(hidden).Addrs, false) // somebody relays for him
				w.Sim.RunFor(10 * time.Second)
			}
			w.Sim.RunFor(time.Minute)
			w.check(32)
		})
	}
}

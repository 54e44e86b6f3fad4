package pastry_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/sim"
)

// Common API, neighborSet and update: what applications are told of neighbours is what
// they can ask for, while nodes join, leave, die, start again, sleep and are cut off.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	told := make(map[sim.NodeRef]*kbrtest.Witness) // of each node's present life
	c := linked(7)
	c.Apps = func(i int, _ sim.NodeEnv) []kbr.Mount {
		told[sim.NodeRef(i)] = new(kbrtest.Witness)
		return mounts(told[sim.NodeRef(i)], appNumber)
	}
	r := lab.New(c)
	defer r.Close()
	calm := func(what string) {
		t.Helper()
		r.Sim.RunFor(20 * time.Second)
		for _, n := range r.Live() {
			r.Sim.Call(n, func() {
				for _, err := range told[n].Errors() {
					t.Errorf("%s: %v", what, err)
				}
			})
		}
		r.Sim.RunFor(time.Microsecond)
		if t.Failed() {
			t.FailNow()
		}
	}
	if !r.Grow(40, 100*time.Millisecond, time.Minute) {
		t.Fatal("no ring")
	}
	r.Sim.Inject(sim.Faults{Drop: 0.05})
	calm("nodes join")
	one := func() sim.NodeRef {
		live := r.Live()
		return live[r.Rand().IntN(len(live))]
	}
	for range 3 {
		r.Sim.Crash(one())
		r.Sim.Die(one())
		r.Sim.Stop(one())
	}
	calm("nodes end")
	n := one()
	r.Sim.Crash(n)
	r.Sim.Restart(n)
	r.Add()
	calm("a node starts again at once")
	n = one()
	r.Sim.Pause(n)
	r.Sim.RunFor(time.Minute)
	r.Sim.Wake(n)
	calm("a node sleeps")
}

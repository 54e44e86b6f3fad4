package pastry_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

// MSPastry 4.1: nodes go by the median of the periods of table probes that their neighbours
// name. Who joined just now has seen nothing yet and names none, or all would probe their
// tables every few seconds wherever many join; and in calm a node names what it has seen by
// now, not what it feared in its first seconds.
func TestNamedPeriods(t *testing.T) {
	t.Parallel()
	var w *world
	born := make(map[sim.NodeRef]time.Duration)
	none, some := 0, 0
	check := func(from sim.NodeRef, period uint32) {
		age, named := w.Sim.Now()-born[from], time.Duration(period)*time.Second
		switch {
		case age < 20*time.Second:
			if none++; period != 0 {
				t.Errorf("node %d, %v old, names %v", from, age, named)
			}
		case age > time.Minute:
			if some++; named < 2*age {
				t.Errorf("node %d, %v old, names %v although it saw no failure", from, age, named)
			}
		}
	}
	observe := sim.Observe{
		Life: func(n sim.NodeRef, _ sim.LifeEvent) {
			if w != nil {
				born[n] = w.Sim.Now()
			}
		},
		Send: func(from, _ sim.NodeRef, _ machine.Class, m wire.Message, _ int) {
			switch m := m.(type) {
			case *msg.Lease:
				check(from, m.Period)
			case *msg.LeafProbe:
				if len(m.Failed) == 0 {
					check(from, m.Period)
				}
			}
		},
	}
	w = newWorld(t, lab.Config{Seed: 3, Sim: sim.Config{Observe: observe}})
	if !w.Grow(60, time.Second, time.Minute) {
		t.Fatal("not all joined")
	}
	w.Sim.RunFor(5 * time.Minute)
	if none < 1000 || some < 1000 {
		t.Errorf("only %d and %d messages were seen", none, some)
	}
}

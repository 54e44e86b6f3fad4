package lab_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/sim/simtest"
)

// kills is how many deaths of each kind are measured; PHYLLO_KILLS sets it.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("PHYLLO_KILLS")); err == nil && n > 0 {
		return n
	}
	return 10
}

// TestDeaths ends nodes of a ring of 50, in each way, and holds what that costs against
// the goals: how long their keys are not served, and that no request is answered by a
// wrong node, or never, also when a process that was stopped goes on.
func TestDeaths(t *testing.T) {
	simtest.WithoutRace(t)
	for _, c := range []struct {
		name        string
		plan        lab.DeathPlan
		median, max time.Duration
	}{
		{"killed", lab.DeathPlan{How: lab.Killed}, 1500 * time.Millisecond, 3 * time.Second},
		{"killed, busy", lab.DeathPlan{How: lab.Killed, Busy: true}, 1500 * time.Millisecond, 3 * time.Second},
		{"stopped, busy", lab.DeathPlan{How: lab.Halted, Busy: true}, 3 * time.Second, 3 * time.Second},
		{"unplugged, busy", lab.DeathPlan{How: lab.Unplugged, Busy: true}, 3 * time.Second, 3 * time.Second},
		{"stopped, quiet", lab.DeathPlan{How: lab.Halted}, 40 * time.Second, 40 * time.Second},
		{"unplugged, quiet", lab.DeathPlan{How: lab.Unplugged}, 40 * time.Second, 40 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.plan.Seed, c.plan.Nodes, c.plan.Kills = 5, 50, kills()
			d, err := lab.MeasureDeaths(c.plan)
			if err != nil {
				t.Fatal(err)
			}
			if len(d.Claimed) != c.plan.Kills || len(d.Answered) == 0 {
				t.Fatalf("%d deaths and %d requests were measured", len(d.Claimed), len(d.Answered))
			}
			for what, took := range map[string][]time.Duration{"keys were served again": d.Claimed, "requests were answered": d.Answered} {
				median, last := took[len(took)/2], took[len(took)-1]
				t.Logf("%s after %v (median), %v (last)", what, median, last)
				if median > c.median || last > c.max {
					t.Errorf("%s after %v (median) and %v (last), want %v and %v", what, median, last, c.median, c.max)
				}
			}
			if d.Wrong+d.Silent+d.Failed > 0 {
				t.Errorf("%d wrong answers, %d requests without an outcome, %d errors", d.Wrong, d.Silent, d.Failed)
			}
			for _, p := range d.Problems[:min(5, len(d.Problems))] {
				t.Error(p)
			}
		})
	}
}

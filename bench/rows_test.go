package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/bench/row"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRows holds the table of rows together: what -run and the JSON call a row is
// unique, and each goal can be met by its row's transports.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		if seen[r.Name] || strings.ContainsAny(r.Name, " /") {
			t.Errorf("the name %q is taken, or no name", r.Name)
		}
		seen[r.Name] = true
		if r.What == "" || r.Counted == "" || r.Rounds < 1 || r.Measure == nil {
			t.Errorf("row %q does not say all that a row must say", r.Name)
		}
		for _, g := range r.Goals {
			if g.Transport != "" && !slices.Contains(r.Transports, g.Transport) {
				t.Errorf("row %q has a goal for %q over %s, over which it is not measured", r.Name, g.Metric, g.Transport)
			}
		}
		if found, ok := find(r.Name); !ok || found.What != r.What {
			t.Errorf("row %q is not found by its name", r.Name)
		}
	}
}

func TestFlags(t *testing.T) {
	f, err := parse([]string{"-quick", "-run", "^route/tcp$"})
	if err != nil {
		t.Fatal(err)
	}
	if jobs := choose(f); len(jobs) != 1 || jobs[0].row.Name != "route" || jobs[0].transport != row.TCP || !f.quick {
		t.Errorf("%d rows are chosen", len(jobs))
	}
	for _, args := range [][]string{{"-run", "("}, {"route"}, {"-none"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q gives no error", args)
		}
	}
}

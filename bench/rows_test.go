package main

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRows holds the table of rows together: what -run and the JSON call a row is
// unique, and each goal can be met by its row's transports.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		if seen[r.name] || strings.ContainsAny(r.name, " /") {
			t.Errorf("the name %q is taken, or no name", r.name)
		}
		seen[r.name] = true
		if r.what == "" || r.counted == "" || r.rounds < 1 || r.measure == nil {
			t.Errorf("row %q does not say all that a row must say", r.name)
		}
		if found, ok := find(r.name); !ok || found.what != r.what {
			t.Errorf("row %q is not found by its name", r.name)
		}
	}
}

func TestFlags(t *testing.T) {
	f, err := parse([]string{"-quick", "-run", "^route/tcp$"})
	if err != nil {
		t.Fatal(err)
	}
	if jobs := choose(f); len(jobs) != 1 || jobs[0].row.name != "route" || jobs[0].transport != tcp || !f.quick {
		t.Errorf("%d rows are chosen", len(jobs))
	}
	for _, args := range [][]string{{"-run", "("}, {"route"}, {"-none"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q gives no error", args)
		}
	}
}

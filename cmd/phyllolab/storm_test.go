package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
)

// TestStormPasses: seeds that pass are counted; one can be replayed with kinds left out.
func TestStormPasses(t *testing.T) {
	got := command(t, []string{"storm", "--seeds", "1..2", "--nodes", "4", "--rage", "10s", "--without", "drop,crash"})
	if !strings.Contains(got, "2 seeds passed: rings of 4 nodes, faults for 10s\n") || !strings.Contains(got, "2> 100 %  seeds\n") {
		t.Errorf("it printed:\n%s", got)
	}
}

// struck runs storms in which strike decides what is wrong.
func struck(ctx context.Context, quick bool, strike func(lab.Tempest) []string) (out string, err error) {
	f := &stormFlags{Tempest: lab.Tempest{Nodes: 12, Rage: 20 * time.Second}, from: 1, to: 9, quick: quick, lines: 5,
		strike: func(s lab.Tempest) (lab.Toll, []string) { return lab.Toll{}, strike(s) }}
	var b bytes.Buffer
	w := &world{out: &b, say: &b}
	err = w.storm(ctx, f)
	return b.String(), err
}

// TestStormFails: a seed that fails is made smaller and told, with the command that
// replays it.
func TestStormFails(t *testing.T) {
	out, err := struck(t.Context(), false, func(s lab.Tempest) []string {
		if s.Seed == 5 && s.Nodes > 3 {
			return []string{"O1: two claim a key"}
		}
		return nil
	})
	if err == nil || err.Error() != "1 of 9 seeds failed" {
		t.Errorf("error: %v", err)
	}
	for _, want := range []string{"seed 5 failed: O1: two claim a key\n", "found: O1",
		"\nto run it again: phyllolab storm --seeds 5 --nodes 4 --rage 5s --without drop,"} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing of %q in:\n%s", want, out)
		}
	}
	out, err = struck(t.Context(), true, func(s lab.Tempest) []string { return []string{"broken"} })
	if err == nil || strings.Count(out, "failed: broken") != 1 || strings.Contains(out, "again") {
		t.Errorf("quick: %v:\n%s", err, out)
	}
}

// TestStormInterrupted: an interrupted storm has not passed.
func TestStormInterrupted(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	_, err := struck(ctx, false, func(lab.Tempest) []string { end(); return nil })
	if err == nil {
		t.Error("an interrupted storm passed")
	}
}

// TestExcerpt: what leads to the first thing that is wrong is shown.
func TestExcerpt(t *testing.T) {
	lines := []string{"a", "b", "c", "WRONG: d", "e"}
	for most, want := range map[int]string{0: "WRONG: d", 2: "b c WRONG: d", 9: "a b c WRONG: d"} {
		if got := strings.Join(excerpt(lines, most), " "); got != want {
			t.Errorf("%d lines: %q, want %q", most, got, want)
		}
	}
}

package lab_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
)

// TestShrink: a storm that fails for a reason is shrunk to the reason.
func TestShrink(t *testing.T) {
	runs := 0
	fails := func(t lab.Tempest) []string { // a crash among three nodes, after 20 s
		runs++
		if t.Nodes >= 3 && t.Rage >= 20*time.Second && !slices.Contains(t.Calm, "crash") {
			return []string{"O1"}
		}
		return nil
	}
	begun := lab.Tempest{Seed: 7, Nodes: 50, Rage: 2 * time.Minute}
	got, wrong := lab.Shrink(t.Context(), begun, fails)
	if got.Nodes != 3 || got.Rage < 20*time.Second || got.Rage >= 40*time.Second || got.Seed != 7 || len(wrong) == 0 {
		t.Errorf("shrunk to %v with %v", got, wrong)
	}
	if slices.Contains(got.Calm, "crash") || len(got.Calm) != len(lab.FaultKinds())-1 {
		t.Errorf("left out: %v", got.Calm)
	}
	if runs > 200 {
		t.Errorf("it took %d runs", runs)
	}
	ctx, end := context.WithCancel(t.Context())
	end()
	if got, wrong := lab.Shrink(ctx, begun, fails); got.Nodes != 50 || len(wrong) == 0 {
		t.Errorf("interrupted, it gives %v with %v", got, wrong)
	}
	begun.Calm = []string{"crash"}
	if _, wrong := lab.Shrink(t.Context(), begun, fails); wrong != nil {
		t.Errorf("what passes fails with %v", wrong)
	}
}

// TestTempest: a storm of which a kind of fault is left out has none of it, its
// transcript tells what struck, and reading it changes nothing.
func TestTempest(t *testing.T) {
	storm := lab.Tempest{Seed: 9, Nodes: 6, Rage: time.Minute}
	lines := storm.Transcribe()
	text := strings.Join(lines, "\n")
	for _, want := range []string{"faults begin: drop", "faults end", "claims its keys", "started", "is clogged until"} {
		if !strings.Contains(text, want) {
			t.Errorf("the transcript says nothing of %q:\n%s", want, text)
		}
	}
	if wrong := storm.Wrong(); len(wrong) > 0 != strings.Contains(text, "WRONG: ") {
		t.Errorf("the storm alone finds %v, its transcript is\n%s", wrong, text)
	}
	storm.Calm = lab.FaultKinds()
	if calm := strings.Join(storm.Transcribe(), "\n"); strings.Contains(calm, "crashed") || !strings.Contains(calm, "drop 0.00 late 0s") {
		t.Errorf("without faults:\n%s", calm)
	}
}

// TestWrongTempests are refused.
func TestWrongTempests(t *testing.T) {
	good := lab.Tempest{Nodes: 20, Rage: time.Minute, Calm: []string{"drop", "clock"}}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*lab.Tempest){
		"1 nodes":      func(t *lab.Tempest) { t.Nodes = 1 },
		"1001 nodes":   func(t *lab.Tempest) { t.Nodes = lab.MaxStorm + 1 },
		"0s: a storm":  func(t *lab.Tempest) { t.Rage = 0 },
		`called "rain`: func(t *lab.Tempest) { t.Calm = []string{"rain"} },
	} {
		bad := good
		change(&bad)
		if err := bad.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMutantsAreCaught: five of the mutants, one for each kind of promise, are found out
// by storms; `make mutants` runs all.
func TestMutantsAreCaught(t *testing.T) {
	l := &laboratory{root: "../..", seeds: 100, nodes: 12}
	for _, name := range []string{"skip-the-lease", "half-a-promise", "serve-unready", "answer-twice", "wrong-column"} {
		t.Run(name, func(t *testing.T) {
			c, err := l.run(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("seed %s: %s", c.seed, c.wrong)
		})
	}
}

// TestEscape: a mutant that no storm finds out is an error, and so is one whose storms
// end without a verdict.
func TestEscape(t *testing.T) {
	l := &laboratory{seeds: 3, nodes: 12}
	for script, escaped := range map[string]bool{"echo 3 seeds passed": true, "exit 1": false} {
		program := filepath.Join(t.TempDir(), "phyllolab")
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := l.strike(t.Context(), program, &patch{what: "nothing"})
		if err == nil || errors.Is(err, errEscaped) != escaped {
			t.Errorf("%s: %v", script, err)
		}
		if exit := new(exec.ExitError); !escaped && !errors.As(err, &exit) {
			t.Errorf("%s: %v", script, err)
		}
	}
}

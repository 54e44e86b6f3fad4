package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab"
)

// noted runs seeds of which each stores ten files, seed 5 fails and seed 7 loses one, and
// returns which were run, what was printed and the ledger.
func noted(t *testing.T, file string, from, to uint64, stopAfter int) (seeds map[uint64]bool, out, page string, err error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ran := make(chan uint64, to-from+1)
	f := &stormFlags{Tempest: lab.Tempest{Nodes: 12, Rage: 20 * time.Second, Storage: true}, from: from, to: to, ledger: file,
		strike: func(s lab.Tempest) (lab.Toll, []string) {
			if ran <- s.Seed; stopAfter > 0 && len(ran) >= stopAfter {
				stop()
			}
			toll := lab.Toll{Stored: 10, Spared: 1, Read: 4, Changed: 2}
			switch s.Seed {
			case 5:
				return toll, []string{"O1: two claim a key"}
			case 7:
				toll.Lost = 1
				return toll, []string{"S2: a file is lost"}
			}
			return toll, nil
		}}
	var b bytes.Buffer
	err = (&world{out: &b, say: &b}).record(ctx, f)
	close(ran)
	seeds = make(map[uint64]bool)
	for s := range ran {
		seeds[s] = true
	}
	text, bad := os.ReadFile(file)
	if bad != nil {
		t.Fatal(bad)
	}
	return seeds, b.String(), string(text), err
}

// TestLedgerGoesOn: a run that is stopped goes on where it was, and ranges of seeds add up.
func TestLedgerGoesOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ledger.md")
	first, _, _, err := noted(t, file, 1, 40, 3)
	if err == nil || len(first) < 3 || len(first) == 40 {
		t.Fatalf("stopped after %d seeds: %v", len(first), err)
	}
	rest, out, page, err := noted(t, file, 1, 40, 0)
	if len(first)+len(rest) != 40 {
		t.Errorf("%d and %d seeds ran, of 40", len(first), len(rest))
	}
	for s := range rest {
		if first[s] {
			t.Errorf("seed %d ran twice", s)
		}
	}
	const row = "| --nodes 12 --rage 20s --storage | 1..40 | 400 | 40 | 1 | 160 | 80 | 5 7 |\n"
	const sum = "40 storms, 2 failed; 1 of 360 files that were acknowledged lost (below 0.01311 with 95 %)"
	if !strings.Contains(page, row) || !strings.Contains(page, sum) || !strings.Contains(out, sum) {
		t.Errorf("printed:\n%s\nledger:\n%s", out, page)
	}
	if err == nil || !strings.Contains(err.Error(), "phyllolab storm --nodes 12 --rage 20s --storage --seeds N") {
		t.Errorf("error: %v", err)
	}
	if again, _, same, _ := noted(t, file, 3, 38, 0); len(again) != 0 || same != page {
		t.Errorf("%d seeds ran again:\n%s", len(again), same)
	}
	if _, _, page, _ = noted(t, file, 43, 44, 0); !strings.Contains(page, "| 43..44 | 20 | 2 | 0 |") || !strings.Contains(page, row) {
		t.Errorf("a second range:\n%s", page)
	}
	if _, _, page, _ = noted(t, file, 41, 42, 0); !strings.Contains(page, "| 1..44 | 440 | 44 | 1 | 176 | 88 | 5 7 |\n") {
		t.Errorf("the gap is closed:\n%s", page)
	}
}

// TestWrongLedgers: what is no ledger is neither believed nor overwritten.
func TestWrongLedgers(t *testing.T) {
	for _, c := range []struct{ name, page, want string }{
		{"another file", "# A letter\n\nhello\n", "is no ledger"},
		{"empty", "", "is no ledger"},
		{"a cell too few", ledgerHead + "| x | 1..2 | 1 | 0 | 0 | 0 | 0 |\n", ":3: this is no row"},
		{"a word for a number", ledgerHead + "| x | 1..2 | many | 0 | 0 | 0 | 0 |  |\n", ":3: this is no row"},
		{"a range turned round", ledgerHead + "| x | 2..1 | 1 | 0 | 0 | 0 | 0 |  |\n", ":3: this is no row"},
		{"a failed seed that is none", ledgerHead + "| x | 1..2 | 1 | 0 | 0 | 0 | 0 | five |\n", ":3: this is no row"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "ledger.md")
			if err := os.WriteFile(file, []byte(c.page), 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, page, err := noted(t, file, 1, 2, 0)
			if err == nil || !strings.Contains(err.Error(), c.want) || page != c.page {
				t.Errorf("%v, want %q; the file:\n%s", err, c.want, page)
			}
		})
	}
}

// TestLedgerCannotBeWritten: no storm is run that could not be noted.
func TestLedgerCannotBeWritten(t *testing.T) {
	f := &stormFlags{Tempest: lab.Tempest{Nodes: 12}, from: 1, to: 2, ledger: filepath.Join(t.TempDir(), "none", "ledger.md"),
		strike: func(s lab.Tempest) (lab.Toll, []string) {
			t.Errorf("seed %d is run", s.Seed)
			return lab.Toll{}, nil
		}}
	var b bytes.Buffer
	if err := (&world{out: &b, say: &b}).record(t.Context(), f); err == nil || !strings.Contains(err.Error(), "name another file with --ledger") {
		t.Error(err)
	}
}

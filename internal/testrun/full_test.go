package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestFullRuns: a package whose tests are smaller under the race detector, as sim/simtest
// makes them, is among those that "make test" runs without it too.
func TestFullRuns(t *testing.T) {
	const root = "../.."
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^FULL = (.*)$`).FindSubmatch(makefile)
	if line == nil {
		t.Fatal("the Makefile has no line FULL")
	}
	smaller := smallerUnderRace(t, root)
	if len(smaller) < 5 {
		t.Errorf("only %q are smaller", smaller)
	}
	patterns := strings.Fields(string(line[1]))
	for _, pkg := range smaller {
		if !slices.ContainsFunc(patterns, func(p string) bool { return covers(p, pkg) }) {
			t.Errorf("%s is not among FULL in the Makefile", pkg)
		}
	}
}

func covers(pattern, pkg string) bool {
	folder, below := strings.CutSuffix(pattern, "/...")
	return pkg == folder || below && strings.HasPrefix(pkg, folder+"/")
}

// smallerUnderRace are the folders, as "./lab", whose tests import sim/simtest.
func smallerUnderRace(t *testing.T, root string) (folders []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if bytes.Contains(text, []byte("\t\"github.com/phyllo-net/phyllo/sim/simtest\"\n")) {
			folders = append(folders, "./"+filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

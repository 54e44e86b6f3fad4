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

// TestOneVersion: what this module and that of the rivals both need is of one version, so that it is
// compiled once; else all that stands on it, as libp2p and a node do, is compiled again for the rivals.
func TestOneVersion(t *testing.T) {
	ours, theirs := needs(t, "../../go.mod"), needs(t, "../../bench/rivals/go.mod")
	both := 0
	for module, version := range theirs {
		if ours[module] == "" {
			continue
		}
		if both++; ours[module] != version {
			t.Errorf("%s is %s in go.mod, %s in bench/rivals/go.mod: go get the later one", module, ours[module], version)
		}
	}
	if both < 50 {
		t.Errorf("only %d modules are needed by both", both)
	}
}

// needs are the versions of the modules that a go.mod names.
func needs(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) (v\S+)`).FindAllSubmatch(text, -1) {
		out[string(m[1])] = string(m[2])
	}
	return out
}

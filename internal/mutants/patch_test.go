package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPatchesApply: each mutant is of the code that there is; one that no longer
// applies proves nothing.
func TestPatchesApply(t *testing.T) {
	l := &laboratory{root: "../.."}
	all, err := l.all()
	if err != nil || len(all) < 20 {
		t.Fatalf("%d mutants: %v", len(all), err)
	}
	for _, name := range all {
		dir := t.TempDir()
		p, err := l.mutate(name, dir)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		was, err := os.ReadFile(filepath.Join(l.root, p.file))
		if err != nil {
			t.Fatal(err)
		}
		is, err := os.ReadFile(filepath.Join(dir, "mutant.go"))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(was, is) {
			t.Errorf("%s changes nothing", name)
		}
	}
}

// TestWrongPatches are refused: those that are none, and those of other code.
func TestWrongPatches(t *testing.T) {
	const head = "# breaks it\n# storm: --leaf 8\n--- a/x.go\n+++ b/x.go\n@@ -1 +1 @@\n"
	for text, want := range map[string]string{
		"":                            "a patch needs",
		"# breaks it\n+++ b/x.go\n":   "a patch needs",
		"+++ b/x.go\n@@\n-a\n+b\n":    "a patch needs",
		"# breaks it\nabc\n":          "line 2 is no part",
		head + "-a\n+b\n+++ b/y.go\n": "a second file",
	} {
		if _, err := parsePatch(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	p, err := parsePatch(head + " one\n-two\n+2\n")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(p.storm, " ") != "--leaf 8" {
		t.Errorf("flags of its storms: %q", p.storm)
	}
	if got, err := p.apply("zero\none\ntwo\nthree\n"); err != nil || got != "zero\none\n2\nthree\n" {
		t.Errorf("applied: %q, %v", got, err)
	}
	for text, want := range map[string]string{"one\nthree\n": "not in x.go any more", "one\ntwo\none\ntwo\n": "more than once"} {
		if _, err := p.apply(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

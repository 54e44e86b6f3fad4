package layers_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phyllo-net/phyllo/internal/layers"
)

const fixture = "testdata/house"

// checkFixture holds the fixture, a small house in which each rule is broken, against its own table.
var checkFixture = sync.OnceValues(func() ([]layers.Finding, error) {
	text, err := os.ReadFile(filepath.Join(fixture, "layers.txt"))
	if err != nil {
		return nil, err
	}
	table, err := layers.ParseTable("fixture.test/house", string(text))
	if err != nil {
		return nil, err
	}
	pkgs, err := layers.Load(fixture, "./...")
	if err != nil {
		return nil, err
	}
	findings, count := layers.Check(table, pkgs)
	if count.Packages != 12 || count.PureRooms != 6 {
		return nil, fmt.Errorf("looked at %d packages, %d of them pure; want 12 and 6", count.Packages, count.PureRooms)
	}
	return findings, nil
})

// want finds what a line of the fixture says must be found in it.
var want = regexp.MustCompile(`// want: (.*)$`)

// wanted reads the fixture's own comments: "file:line rule" for each finding that is due.
func wanted(t *testing.T) []string {
	t.Helper()
	var out []string
	files, err := filepath.Glob(filepath.Join(fixture, "*", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		scan := bufio.NewScanner(f)
		for line := 1; scan.Scan(); line++ {
			if m := want.FindStringSubmatch(scan.Text()); m != nil {
				rel, _ := filepath.Rel(fixture, name)
				for rule := range strings.SplitSeq(m[1], ", ") {
					out = append(out, fmt.Sprintf("%s:%d %s", filepath.ToSlash(rel), line, rule))
				}
			}
		}
		if err := scan.Err(); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return out
}

// TestEachRuleIsBrokenOnce: the checker finds exactly what the fixture breaks,
// line for line, and nothing in what is allowed. So it cannot pass by doing nothing.
func TestEachRuleIsBrokenOnce(t *testing.T) {
	findings, err := checkFixture()
	if err != nil {
		t.Fatal(err)
	}
	due := wanted(t)
	if len(due) < 40 {
		t.Fatalf("the fixture asks for %d findings only: its comments were not read", len(due))
	}
	due = append(due,
		"builder/builder_test.go import",   // a test that imports what its row does not say
		"lost room",                        // a package in no row
		"the whole program long functions", // 1 of the few functions is too long
	)
	var got []string
	for _, f := range findings {
		pos := f.Pos
		if f.Rule == "compile" { // the compiler gives the whole path, and a column
			pos = regexp.MustCompile(`^.*/testdata/house/(.*:\d+):\d+$`).ReplaceAllString(pos, "$1")
		}
		got = append(got, pos+" "+f.Rule)
	}
	slices.Sort(due)
	slices.Sort(got)
	if diff := cmp.Diff(due, got); diff != "" {
		t.Errorf("findings in the fixture (-want +got):\n%s", diff)
	}
}

// TestMessagesExplain: whoever meets a finding is told why it is banned and what to do instead.
func TestMessagesExplain(t *testing.T) {
	findings, err := checkFixture()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.What == "" || f.Why == "" || f.Mend == "" {
			t.Errorf("%s does not explain itself", f)
		}
	}
	text := fmt.Sprint(findings)
	for _, part := range []string{
		"dirty is pure and reads or waits for the clock: it uses time.Now",
		"take the time that comes in with the input",
		"room arrows may import id: imports what it may not",
		"draws from the global source",
		"slices.Sorted(maps.Keys(m))",
		"HTTP belongs to the edge",
		"the tests of builder import arrows",
		"long/long.go:5: Long",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("no finding says %q", part)
		}
	}
}

// TestTableRefused: a table that says nothing, or nonsense, is refused with the line.
func TestTableRefused(t *testing.T) {
	const bands = "bands top bottom\n"
	for _, c := range []struct{ name, text, says string }{
		{"empty", "", "no room"},
		{"unknown word", bands + "house id", `line 2: unknown word "house"`},
		{"too few columns", bands + "room id | bottom | pure | -", "want 5 columns"},
		{"no reason", bands + "room id | bottom | pure | - |", "no reason"},
		{"unknown band", bands + "room id | cellar | pure | - | x", `band "cellar"`},
		{"unknown power", bands + "room id | bottom | magic | - | x", `unknown power "magic"`},
		{"pure with power", bands + "room id | bottom | pure go | - | x", "no other power"},
		{"twice", bands + "room id | bottom | pure | - | x\nroom id | bottom | pure | - | x", "also on line 2"},
		{"arrow up", bands + "room id | bottom | pure | im | x\nroom im | top | pure | - | x", "points up"},
		{"arrow to nowhere", bands + "room id | bottom | pure | im | x", "im, which stands in no row"},
		{"group", bands + "group words id", "want: group"},
		{"only", bands + "only net/http | id", "want 3 columns"},
		{"pure-may", bands + "pure-may x", "want 2 columns"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := layers.ParseTable("m", c.text)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
		})
	}
}

// TestFindRow: the most exact row counts.
func TestFindRow(t *testing.T) {
	table, err := layers.ParseTable("m", `
bands b
room app/* | b | pure | - | x
room app/im | b | pure | - | x
room app/im/* | b | pure | - | x
room id | b | pure | - | x`)
	if err != nil {
		t.Fatal(err)
	}
	for rel, pattern := range map[string]string{"id": "id", "app/im": "app/im", "app/past": "app/*", "app/im/x": "app/im/*", "app": "", "identity": "", "id/x": ""} {
		got := ""
		if r := table.Find(rel); r != nil {
			got = r.Pattern
		}
		if got != pattern {
			t.Errorf("row of %s: %q, want %q", rel, got, pattern)
		}
	}
}

// TestLinks: a link to a file or test that does not exist is found, others are let through.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a_test.go", "package a\n\nfunc TestThere(t *testing.T) {}\nfunc FuzzThere(f *testing.F) {}\nfunc Helper() {}\n")
	write("README.md", `[a](a_test.go#TestThere) [b](a_test.go#FuzzThere) [c](a_test.go#TestGone) [d](gone_test.go#TestThere)
[e](a_test.go) [f](a_test.go#Helper) ![g](gone.svg) [h](https://example.org/x_test.go#T) [i](#section) [j](a_test.go#`+"\n")
	broken, tests, err := layers.Links(dir, "README.md")
	if err != nil {
		t.Fatal(err)
	}
	due := []string{
		"README.md: a_test.go#TestGone: there is no test TestGone in it",
		"README.md: gone_test.go#TestThere: there is no such file",
		"README.md: a_test.go: name the test: a_test.go#TestName",
		"README.md: a_test.go#Helper: there is no test Helper in it",
		"README.md: gone.svg: there is no such file",
	}
	if diff := cmp.Diff(due, broken); diff != "" {
		t.Errorf("broken links (-want +got):\n%s", diff)
	}
	if tests != 5 {
		t.Errorf("%d links to tests, want 5", tests)
	}
	if _, _, err := layers.Links(dir, "GONE.md"); err == nil {
		t.Error("a document that does not exist gives no error")
	}
}

// TestUnformatted: a file that gofmt would change is found, and one that is no Go is an error.
func TestUnformatted(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"good.go": "package a\n", "bad.go": "package  a\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := layers.Unformatted(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{filepath.Join(dir, "bad.go")}; !slices.Equal(got, want) {
		t.Errorf("unformatted files %v, want %v", got, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "worse.go"), []byte("no Go"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := layers.Unformatted(dir); err == nil {
		t.Error("a file that is no Go gives no error")
	}
}

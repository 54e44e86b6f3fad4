package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// runFixture runs the tests of some packages of the fixture module.
func runFixture(t *testing.T, strict bool, packages ...string) (string, bool) {
	t.Helper()
	return runPlain(t, strict, nil, packages...)
}

// runPlain does so after those of plain without the race detector.
func runPlain(t *testing.T, strict bool, plain []string, packages ...string) (string, bool) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Fatalf("these tests run go test: %v", err)
	}
	t.Chdir("testdata/mod")
	t.Setenv("GOFLAGS", "")
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	var out strings.Builder
	passed, err := run(&out, plain, packages, strict, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), passed
}

// ending gives the last n lines of a report.
func ending(out string, n int) string {
	lines := strings.Split(strings.TrimRight(out, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func TestGreenRun(t *testing.T) {
	out, passed := runFixture(t, false, "./good", "./none")
	if !passed || ending(out, 2) != "all client tests ran\n6 passed, 0 failed, 0 skipped" {
		t.Errorf("passed %v:\n%s", passed, out)
	}
	if !strings.Contains(out, "ok  \tfixture.test/run/good") || !strings.Contains(out, "?   \tfixture.test/run/none\t[no test files]") {
		t.Errorf("a package's line is missing:\n%s", out)
	}
}

func TestMissingClient(t *testing.T) {
	out, passed := runFixture(t, false, "./client", "./good")
	if !passed || ending(out, 2) != "7 passed, 0 failed, 2 skipped\n1 client tests not run: make deps" {
		t.Errorf("passed %v:\n%s", passed, out)
	}
	for _, line := range []string{
		"skipped: fixture.test/run/client TestBrowser: client_test.go:5: client missing: chromium",
		"skipped: fixture.test/run/client TestLazy: client_test.go:7: too slow for me",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("no line %q in:\n%s", line, out)
		}
	}
}

func TestFailures(t *testing.T) {
	out, passed := runFixture(t, false, "./good", "./bad", "./broken")
	if passed || ending(out, 1) != "7 passed, 3 failed, 0 skipped" {
		t.Errorf("passed %v:\n%s", passed, out)
	}
	for _, part := range []string{
		"this is wrong", "so is this", "--- FAIL: TestBad/wrong",
		"undefined: undefined", "FAIL\tfixture.test/run/broken [build failed]",
		"failed outside its tests: fixture.test/run/broken",
		"did not run: fixture.test/run/broken TestBroken",
	} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in:\n%s", part, out)
		}
	}
	if strings.Contains(out, "all client tests ran") {
		t.Errorf("a run with failures praises itself:\n%s", out)
	}
}

// TestStrict: what a run for people forgives, a strict one does not.
func TestStrict(t *testing.T) {
	for _, c := range []struct{ pkg, says string }{
		{"./client", "strict: 2 tests were skipped and 0 did not run"},
		{"./tagged", "did not run: fixture.test/run/tagged TestTagged"},
		{"./ends", "did not run: fixture.test/run/ends TestNever"},
	} {
		t.Run(c.pkg[2:], func(t *testing.T) {
			out, passed := runFixture(t, true, c.pkg, "./good")
			if passed || !strings.Contains(out, c.says) || !strings.HasSuffix(ending(out, 1), " skipped") {
				t.Errorf("passed %v, want %q in:\n%s", passed, c.says, out)
			}
		})
	}
}

func TestNoTestRan(t *testing.T) {
	for _, pkg := range []string{"./none", "./ends"} {
		t.Run(pkg[2:], func(t *testing.T) {
			out, passed := runFixture(t, false, pkg)
			if passed || !strings.Contains(out, "no test ran") || ending(out, 1) != "0 passed, 0 failed, 0 skipped" {
				t.Errorf("passed %v:\n%s", passed, out)
			}
		})
	}
}

// TestStrictNeedsRace: without the race detector a strict run fails.
func TestStrictNeedsRace(t *testing.T) {
	for _, c := range []struct{ strict, race, passes bool }{{true, false, false}, {true, true, true}, {false, false, true}} {
		var out strings.Builder
		r := newReport(&out)
		r.take(event{Action: "run", Package: "p", Test: "TestA"})
		r.take(event{Action: "pass", Package: "p", Test: "TestA"})
		if got := r.finish(nil, c.strict, c.race); got != c.passes {
			t.Errorf("strict %v, race %v: passed %v\n%s", c.strict, c.race, got, out.String())
		}
	}
}

// TestUnfinished: a test that a panic or the time limit cut off has failed, and its output is shown.
func TestUnfinished(t *testing.T) {
	const stream = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"panic: test timed out\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t600.0s\n"}
{"Action":"fail","Package":"p"}
`
	var out strings.Builder
	r := newReport(&out)
	if err := r.read(strings.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	if r.finish([]testName{{"p", "TestA"}, {"p", "TestB"}}, false, true) {
		t.Error("the run has passed")
	}
	want := `panic: test timed out
FAIL	p	600.0s

did not end: p TestA
did not run: p TestB
no test ran: that is a failure
0 passed, 1 failed, 0 skipped
`
	if out.String() != want {
		t.Errorf("report:\n%s\nwant:\n%s", out.String(), want)
	}
}

// TestBadStream: what is no report of go test is an error, not a pass.
func TestBadStream(t *testing.T) {
	if err := newReport(&strings.Builder{}).read(strings.NewReader("no JSON")); err == nil {
		t.Error("no error")
	}
}

// TestPasses: what one of the passes leaves out counts by the other, and what fails in one has failed.
func TestPasses(t *testing.T) {
	for _, c := range []struct {
		what   string
		strict bool
		plain  []string
		race   []string
		passed bool
		sum    string
	}{
		{"both", true, []string{"./passes"}, []string{"./passes"}, true, "4 passed, 0 failed, 0 skipped"},
		{"the plain one alone", true, []string{"./passes"}, []string{"./passes/..."}, true, "4 passed, 0 failed, 0 skipped"},
		{"without the plain one", true, nil, []string{"./passes"}, false, "2 passed, 0 failed, 1 skipped"},
		{"the plain one fails", false, []string{"./passes", "./worse"}, []string{"./passes", "./worse"}, false, "4 passed, 1 failed, 0 skipped"},
	} {
		t.Run(c.what, func(t *testing.T) {
			out, passed := runPlain(t, c.strict, c.plain, c.race...)
			if passed != c.passed || ending(out, 1) != c.sum {
				t.Errorf("passed %v:\n%s", passed, out)
			}
		})
	}
}

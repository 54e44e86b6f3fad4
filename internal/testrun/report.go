package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// clientMissing begins the reason of a skip when a test lacks the program of others that it drives.
const clientMissing = "client missing:"

// event is one line of go test -json.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of what was being built, in build-output and build-fail
	Test        string
	Output      string
	FailedBuild string
}

// testName names a test or subtest within the whole run.
type testName struct{ pkg, test string }

// String gives the name as a person would look for it.
func (n testName) String() string { return n.pkg + " " + n.test }

// outcome is what is known of one test or subtest.
type outcome struct {
	result string // pass, fail, skip, or empty while it runs
	before string // of the pass before
	pass   int    // the pass it last began in
	output strings.Builder
	parent bool // it has subtests, and counts by them
}

// whole is the result of all passes: what failed or did not end in one of them has, and what
// was left out in one has the other's.
func (o *outcome) whole() string {
	switch {
	case o.before == "" || o.before == o.result || o.before == "skip":
		return o.result
	case o.before == "fail" || o.result == "skip":
		return o.before
	}
	return o.result
}

// report gathers the events of a run and shows them as they come.
type report struct {
	w         io.Writer
	pass      int // how many runs of go test were read before this one
	order     []testName
	tests     map[testName]*outcome
	pkgOutput map[string]*strings.Builder // what a package prints outside its tests
	build     map[string]*strings.Builder // what the compiler says, by package
	broken    []string                    // packages that failed without a failing test
}

func newReport(w io.Writer) *report {
	return &report{w: w, tests: map[testName]*outcome{}, pkgOutput: map[string]*strings.Builder{}, build: map[string]*strings.Builder{}}
}

// take takes one event.
func (r *report) take(e event) {
	switch {
	case strings.HasPrefix(e.Action, "build-"):
		text(r.build, e.ImportPath).WriteString(e.Output)
	case e.Test == "":
		r.takePackage(e)
	default:
		r.takeTest(e)
	}
}

func text(m map[string]*strings.Builder, key string) *strings.Builder {
	if m[key] == nil {
		m[key] = &strings.Builder{}
	}
	return m[key]
}

func (r *report) takeTest(e event) {
	name := testName{e.Package, e.Test}
	t := r.tests[name]
	if t == nil {
		t = &outcome{pass: r.pass}
		r.tests[name] = t
		r.order = append(r.order, name)
		for i := range e.Test {
			if e.Test[i] == '/' {
				if up := r.tests[testName{e.Package, e.Test[:i]}]; up != nil {
					up.parent = true
				}
			}
		}
	}
	if t.pass != r.pass {
		t.before, t.result, t.pass = cmp.Or(t.whole(), "fail"), "", r.pass
		t.output.Reset()
	}
	switch e.Action {
	case "output":
		if !strings.HasPrefix(e.Output, "=== ") { // RUN, PAUSE, CONT, NAME: of use only while it runs
			t.output.WriteString(e.Output)
		}
	case "pass", "fail", "skip":
		t.result = e.Action
		if e.Action == "pass" {
			t.output.Reset()
		}
	}
}

func (r *report) takePackage(e event) {
	out := text(r.pkgOutput, e.Package)
	switch e.Action {
	case "output":
		out.WriteString(e.Output)
	case "pass", "skip":
		fmt.Fprintln(r.w, lastLine(out.String()))
		delete(r.pkgOutput, e.Package)
	case "fail":
		r.failPackage(e, out.String())
		delete(r.pkgOutput, e.Package)
	}
}

// failPackage shows all that belongs to the failure of a package.
func (r *report) failPackage(e event, output string) {
	failed := false
	for _, name := range r.order {
		if t := r.tests[name]; name.pkg == e.Package && t.pass == r.pass && t.result != "pass" && t.result != "skip" {
			failed = true
			fmt.Fprint(r.w, t.output.String())
		}
	}
	if e.FailedBuild != "" {
		fmt.Fprint(r.w, text(r.build, e.FailedBuild).String())
	}
	if !failed {
		r.broken = append(r.broken, e.Package)
	}
	fmt.Fprint(r.w, output)
}

// tally is the outcome of a run, each list in the order of the run.
type tally struct {
	passed, failed  int
	skipped         []testName
	clients         int        // of the skipped, those that lack their client
	unfinished      []testName // began, but have no result
	notRun          []testName // stand in a test file, but never began
	packagesFailed  []string   // failed without a failing test: did not build, or failed outside tests
	anyTestFinished bool
}

func (r *report) tally(declared []testName) tally {
	t := tally{packagesFailed: r.broken, failed: len(r.broken)}
	for _, name := range r.order {
		o := r.tests[name]
		result := o.whole()
		t.anyTestFinished = t.anyTestFinished || result == "pass" || result == "fail"
		switch {
		case result == "":
			t.unfinished = append(t.unfinished, name)
			t.failed++
		case result == "skip":
			t.skipped = append(t.skipped, name)
			if strings.Contains(o.output.String(), clientMissing) {
				t.clients++
			}
		case result == "fail" && !r.childFailed(name):
			t.failed++
		case result == "pass" && !o.parent:
			t.passed++
		}
	}
	for _, name := range declared {
		if r.tests[name] == nil {
			t.notRun = append(t.notRun, name)
		}
	}
	return t
}

// childFailed says whether a subtest of a test failed, so that one failure counts once.
func (r *report) childFailed(parent testName) bool {
	return r.tests[parent].parent && slices.ContainsFunc(r.order, func(n testName) bool {
		return n.pkg == parent.pkg && strings.HasPrefix(n.test, parent.test+"/") && r.tests[n].whole() != "pass" && r.tests[n].whole() != "skip"
	})
}

// finish prints the end of the report and says whether the run has passed.
func (r *report) finish(declared []testName, strict, race bool) bool {
	t := r.tally(declared)
	ok := t.failed == 0
	fmt.Fprintln(r.w)
	for _, name := range t.skipped {
		fmt.Fprintf(r.w, "skipped: %s: %s\n", name, reason(r.tests[name].output.String()))
	}
	for _, name := range t.unfinished {
		fmt.Fprintf(r.w, "did not end: %s\n", name)
	}
	for _, name := range t.notRun {
		fmt.Fprintf(r.w, "did not run: %s\n", name)
	}
	for _, pkg := range t.packagesFailed {
		fmt.Fprintf(r.w, "failed outside its tests: %s\n", pkg)
	}
	if !t.anyTestFinished {
		ok = false
		fmt.Fprintln(r.w, "no test ran: that is a failure")
	}
	if strict && len(t.skipped)+len(t.notRun) > 0 {
		ok = false
		fmt.Fprintf(r.w, "strict: %d tests were skipped and %d did not run: that is a failure\n", len(t.skipped), len(t.notRun))
	}
	if strict && !race {
		ok = false
		fmt.Fprintln(r.w, "strict: the race detector did not run: that is a failure (make deps)")
	}
	sum := fmt.Sprintf("%d passed, %d failed, %d skipped", t.passed, t.failed, len(t.skipped))
	if t.clients > 0 && !strict {
		fmt.Fprintf(r.w, "%s\n%d client tests not run: make deps\n", sum, t.clients)
		return ok
	}
	if t.clients == 0 && ok {
		fmt.Fprintln(r.w, "all client tests ran")
	}
	fmt.Fprintln(r.w, sum)
	return ok
}

// reason takes out of a skipped test's output what it said.
func reason(output string) string {
	var said []string
	for line := range strings.SplitSeq(output, "\n") {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "--- ") {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, "; ")
}

func lastLine(s string) string {
	s = strings.TrimRight(s, "\n")
	return s[strings.LastIndex(s, "\n")+1:]
}

func firstLine(b []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(b), []byte("\n"))
	return string(line)
}

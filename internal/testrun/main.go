package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	strict := flag.Bool("strict", false, "fail on any test that was skipped or did not run")
	plain := flag.String("plain", "", "packages that are tested without the race detector")
	timeout := flag.Duration("timeout", 10*time.Minute, "limit for the tests of one package")
	flag.Parse()
	packages := flag.Args()
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	// An interrupt reaches go test too, as it stands in the same group; what it has done by then is still reported.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	passed, err := run(os.Stdout, strings.Fields(*plain), packages, *strict, *timeout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testrun:", err)
	}
	if err != nil || !passed {
		os.Exit(1)
	}
}

// run runs the tests of the packages, those of plain without the race detector, and reports on
// w. It says whether the run has passed.
func run(w io.Writer, plain, packages []string, strict bool, timeout time.Duration) (bool, error) {
	race := raceWorks(w)
	declared, err := declaredTests(packages, race)
	if err != nil {
		return false, err
	}
	r, passed := newReport(w), true
	if race && len(plain) > 0 {
		if passed, err = r.test(plain, timeout, "-vet=off"); err != nil {
			return false, err
		}
		if packages, err = without(packages, plain); err != nil {
			return false, err
		}
		fmt.Fprintln(w, "with the race detector:")
		r.pass++
	}
	args := []string{"-vet=off"} // make lint has them all looked at
	if race {
		args = append(args, "-race")
	}
	again := true
	if len(packages) > 0 {
		if again, err = r.test(packages, timeout, args...); err != nil {
			return false, err
		}
	}
	return r.finish(declared, strict, race) && passed && again, nil
}

// without are the packages of patterns, but of those with dots not the ones that are plain.
func without(patterns, plain []string) ([]string, error) {
	list := func(patterns ...string) ([]string, error) {
		out, err := exec.Command("go", append([]string{"list"}, patterns...)...).Output()
		if err != nil {
			return nil, fmt.Errorf("go list %v: %w", patterns, err)
		}
		return strings.Fields(string(out)), nil
	}
	left, err := list(plain...)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range patterns {
		some := []string{p}
		if strings.Contains(p, "...") {
			if some, err = list(p); err != nil {
				return nil, err
			}
			some = slices.DeleteFunc(some, func(p string) bool { return slices.Contains(left, p) })
		}
		out = append(out, some...)
	}
	return out, nil
}

// test runs go test and reads what it says. It says whether all has passed.
func (r *report) test(packages []string, timeout time.Duration, args ...string) (bool, error) {
	// What a debugger needs is left out of the test programs: linking them takes half as long.
	// One package more than there are processors, as the tests of nodes mostly wait.
	many := strconv.Itoa(runtime.GOMAXPROCS(0) + 1)
	args = append([]string{"test", "-json", "-count=1", "-ldflags=-s -w", "-p", many, "-timeout", timeout.String()}, args...)
	cmd := exec.Command("go", append(args, packages...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("starting go test: %w", err)
	}
	if err := r.read(out); err != nil {
		_ = cmd.Process.Kill() // it would wait for us to read on
		_ = cmd.Wait()
		return false, fmt.Errorf("reading go test's report: %w", err)
	}
	return cmd.Wait() == nil, nil
}

// read takes the events of go test -json until the stream ends.
func (r *report) read(in io.Reader) error {
	dec := json.NewDecoder(in)
	for {
		var e event
		if err := dec.Decode(&e); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		r.take(e)
	}
}

// raceWorks says whether the race detector can be used here; if not, it says why in a line.
func raceWorks(w io.Writer) bool {
	out, err := exec.Command("go", "build", "-race", "runtime/race", "runtime/cgo").CombinedOutput()
	if err == nil {
		return true
	}
	fmt.Fprintln(w, "running without the race detector, which needs a C compiler that works here (make deps installs one):", firstLine(out))
	return false
}

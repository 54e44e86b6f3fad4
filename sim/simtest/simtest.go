// Package simtest runs tests over many seeds, and tells how to run a seed again
// that failed.
//
// How many seeds, and which, is set by the flag -seed=N or the environment:
// PHYLLO_SEED=N runs that one alone, PHYLLO_SEEDS=N runs the first N instead of
// the number that the test asks for. Under the race detector (see Race) a test
// gets a twentieth of what it asks for, at least one, or is left out (see WithoutRace).
package simtest

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// one is the flag -seed. An importing package that has such a flag of its own
// keeps it.
var one = seedFlag()

func seedFlag() *string {
	if flag.Lookup("seed") != nil {
		return new(string)
	}
	return flag.String("seed", "", "run simulated tests with this seed alone")
}

// Seeds runs f as a subtest for each of the seeds 1 to n, or to Some(n), in parallel,
// and returns when all have ended: what they share needs a lock. When a seed fails, the
// last line of its log is the command that runs it again.
func Seeds(t *testing.T, n int, f func(t *testing.T, seed uint64)) {
	t.Helper()
	seeds, err := chosen(Some(n), *one, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	run(t, caller(), seeds, f)
}

// WithoutRace leaves a long test out under the race detector, which finds nothing in a
// simulation that a short one does not show. "make test" runs it without it, and counts it.
func WithoutRace(t *testing.T) {
	t.Helper()
	if Race {
		t.Skip("runs without the race detector")
	}
}

// Some is n, or a twentieth of it under the race detector, but at least one.
func Some(n int) int {
	if Race {
		return (n + 19) / 20
	}
	return n
}

// Size is full, or small under the race detector: how large a ring is, or how often a thing
// is done, where a tenth would prove nothing.
func Size(full, small int) int {
	if Race {
		return small
	}
	return full
}

func run(t *testing.T, pkg string, seeds []uint64, f func(t *testing.T, seed uint64)) {
	t.Helper()
	name := t.Name()
	t.Run("seeds", func(t *testing.T) {
		for _, seed := range seeds {
			t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
				t.Parallel()
				defer func() {
					if t.Failed() {
						t.Log(replay(name, pkg, seed))
					}
				}()
				defer func() {
					if r := recover(); r != nil { // the panic ends the program: say it now
						fmt.Fprintln(os.Stderr, replay(name, pkg, seed))
						panic(r)
					}
				}()
				f(t, seed)
			})
		}
	})
}

// replay is the line that tells how to run a seed again.
func replay(test, pkg string, seed uint64) string {
	path := strings.Split(test, "/")
	for i, p := range path {
		path[i] = "^" + p + "$"
	}
	return fmt.Sprintf("seed %d failed; to run it again: go test -run '%s' %s -seed=%d", seed, strings.Join(path, "/"), pkg, seed)
}

// chosen returns the seeds to run.
func chosen(n int, flagged string, env func(string) string) ([]uint64, error) {
	if flagged == "" {
		flagged = env("PHYLLO_SEED")
	}
	if flagged != "" {
		seed, err := strconv.ParseUint(flagged, 0, 64)
		if err != nil {
			return nil, fmt.Errorf("seed %q is not a number: set -seed or PHYLLO_SEED to one from 0 to 2^64-1", flagged)
		}
		return []uint64{seed}, nil
	}
	if many := env("PHYLLO_SEEDS"); many != "" {
		m, err := strconv.Atoi(many)
		if err != nil || m < 1 {
			return nil, fmt.Errorf("PHYLLO_SEEDS is %q, want a number above 0", many)
		}
		n = m
	}
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = uint64(i + 1)
	}
	return seeds, nil
}

// caller is the package of the function that called Seeds.
func caller() string {
	pc, _, _, ok := runtime.Caller(2)
	if !ok {
		return "."
	}
	return packageOf(runtime.FuncForPC(pc).Name())
}

// packageOf takes the package out of a function's full name. Of an external test
// package it gives the package that is tested.
func packageOf(function string) string {
	slash := strings.LastIndex(function, "/") + 1
	name, _, _ := strings.Cut(function[slash:], ".")
	return function[:slash] + strings.TrimSuffix(name, "_test")
}

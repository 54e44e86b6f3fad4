package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == attackWord {
		if err := attack(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// TestShortSiege floods three real nodes for a moment, once without and once with
// certificates: nobody falls, every honest request has an outcome, and memory and
// descriptors stay within their bounds. How fast it was is for "make siege" to say.
func TestShortSiege(t *testing.T) {
	c := campaign{victims: 3, rate: 10, calm: time.Second, storm: 2 * time.Second, floods: []flood{*floodNamed("garbage"), *floodNamed("replays")}}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	results, err := c.run(ctx, func(*result) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if missed := r.failures(false); missed != nil {
			t.Errorf("%s: %s", r.flood.name, strings.Join(missed, "; "))
		}
		if r.storm.offered == 0 || r.storm.rss == 0 || r.storm.fds == 0 {
			t.Errorf("%s: nothing was measured: %+v", r.flood.name, r.storm)
		}
	}
	text := string(page(&c, results, time.Now()))
	for _, want := range []string{"| garbage | 150, ", "| replays | 5000, ", "**garbage**: 64 KiB", "serve 10 honest requests a second"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
}

func TestFailures(t *testing.T) {
	good := func() *result {
		w := window{offered: 100, good: 100, rss: 50 << 20, fds: 40}
		for i := range 100 {
			w.times = append(w.times, time.Duration(i)*time.Millisecond)
		}
		return &result{calm: w, storm: w, struck: struck{Done: 1}}
	}
	for _, c := range []struct {
		what  string
		spoil func(*result)
		says  string
		speed bool // it is a failure only where speeds count
	}{
		{"nothing", func(*result) {}, "", false},
		{"no attack", func(r *result) { r.struck.Done = 0 }, "did nothing", false},
		{"lost requests", func(r *result) { r.storm.lost = 2 }, "2 honest requests", false},
		{"memory", func(r *result) { r.storm.rss = mostRSS + 1 }, "256 MiB", false},
		{"descriptors", func(r *result) { r.storm.fds = mostFDs + 1 }, "513 descriptors", false},
		{"a fault", func(r *result) { r.faults = 1 }, "1 faults", false},
		{"goodput", func(r *result) { r.storm.good = 89 }, "goodput 89 %", true},
		{"slower", func(r *result) { r.storm.times = []time.Duration{time.Second} }, "p99 10.1 times", true},
		{"never as before", func(r *result) { r.restored = mostRestore + 1 }, "not restored", true},
	} {
		r := good()
		c.spoil(r)
		if got := strings.Join(r.failures(true), "; "); !strings.Contains(got, c.says) || (got == "") != (c.says == "") {
			t.Errorf("%s: %q, want %q", c.what, got, c.says)
		}
		if got := strings.Join(r.failures(false), "; "); (got == "") != (c.says == "" || c.speed) {
			t.Errorf("%s: without speeds %q", c.what, got)
		}
	}
}

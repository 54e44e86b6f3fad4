package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const output = `goos: linux
goarch: amd64
pkg: example.org/wire
cpu: A Processor @ 2.00GHz
BenchmarkDecode-2   	  500000	      2450.7 ns/op	     616 B/op	       9 allocs/op
BenchmarkStorm/nodes=100-2 	       2	1500000000 ns/op	        3.125 hops/msg	       123456 msgs	 1000000 B/op	   2000 allocs/op
PASS
ok  	example.org/wire	2.1s
?   	example.org/none	[no test files]
pkg: example.org/id
BenchmarkLess-2   	1000000000	         0.5 ns/op
PASS
`

const want = `# Figures

Written by ` + "`make figures`" + `, not by hand. Measured on a machine, on 2026-05-04.

## example.org/wire

| benchmark | time for one | memory for one | and |
|---|---|---|---|
| Decode | 2.45 µs | 616 B in 9 pieces |  |
| Storm/nodes=100 | 1.5 s | 1000000 B in 2000 pieces | 3.125 hops/msg, 123456 msgs |

## example.org/id

| benchmark | time for one | memory for one | and |
|---|---|---|---|
| Less | 0.5 ns |  |  |
`

func TestPage(t *testing.T) {
	results, cpu, err := parse(strings.NewReader(output))
	if err != nil {
		t.Fatal(err)
	}
	if cpu != "A Processor @ 2.00GHz" {
		t.Errorf("processor %q", cpu)
	}
	got := string(page(results, "a machine", time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

func TestBadLine(t *testing.T) {
	for _, line := range []string{"BenchmarkX-2 1 many ns/op", "BenchmarkX-2 1 12"} {
		if _, _, err := parse(strings.NewReader(line)); err == nil {
			t.Errorf("%q gives no error", line)
		}
	}
}

func TestSpell(t *testing.T) {
	for ns, want := range map[float64]string{0.123456: "0.123 ns", 999: "999 ns", 999.9: "1 µs", 1000: "1 µs", 12345: "12.3 µs", 5e6: "5 ms", 2.5e9: "2.5 s"} {
		if got := spell(ns); got != want {
			t.Errorf("%v ns is spelled %q, want %q", ns, got, want)
		}
	}
}

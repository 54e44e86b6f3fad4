package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCompare runs all of it small: both networks form, each operation gives what it
// must, and everything that the page tells was measured.
func TestCompare(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p := full(smallestNet, tcp)
	p.rounds, p.block, p.warmup, p.idle = 1, 5, 1, 100*time.Millisecond
	r, err := compare(ctx, p, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Ops) != 6 {
		t.Fatalf("%d operations were measured, want 6", len(r.Ops))
	}
	for _, o := range r.Ops {
		if o.Count != p.block || o.Median <= 0 || o.P99 < o.Median {
			t.Errorf("%s, %s: nothing was measured: %+v", o.Side, o.Name, o)
		}
	}
	for _, atOnce := range []int{p.nodes, width} {
		if f := r.formed(library, atOnce); f.Seconds <= 0 || f.GivenUp {
			t.Errorf("pairs were not connected, %d at a time: %+v", atOnce, f)
		}
	}
	for _, side := range []string{phyllo, kadDHT} {
		if r.Memory[side] <= 0 {
			t.Errorf("%s: a node holds %.0f bytes", side, r.Memory[side])
		}
		for _, atOnce := range []int{p.nodes, width} {
			if f := r.formed(side, atOnce); f.Seconds <= 0 || f.GivenUp {
				t.Errorf("%s did not form, %d at a time: %+v", side, atOnce, f)
			}
		}
	}
}

// TestIdleIsSubtracted: a second of idle nodes costs 1 ms, 100 bytes and 10 messages of
// each side here, and the operations took two.
func TestIdleIsSubtracted(t *testing.T) {
	both := func(n float64) map[string]float64 { return map[string]float64{phyllo: n, kadDHT: n} }
	o := operation{
		name: routedRequest, side: phyllo, elapsed: 2 * time.Second,
		took: []time.Duration{4 * time.Millisecond, time.Millisecond, 2 * time.Millisecond, 3 * time.Millisecond},
		cost: counts{cpu: 10_000, bytes: 1000, messages: both(40)},
	}
	want := Op{Name: routedRequest, Side: phyllo, Median: 3000, P99: 4000, Messages: 5, Bytes: 200, CPU: 2000, Count: 4}
	if got := o.result(counts{cpu: 1000, bytes: 100, messages: both(10)}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// sample is a run with round figures: phyllo ten times better in all.
func sample() *Run {
	return &Run{
		Nodes: 16, Transport: tcp, Apart: true, Memory: map[string]float64{phyllo: 1e6, kadDHT: 2e6},
		Formed: []Formed{
			{Side: kadDHT, AtOnce: 16, Seconds: 60, GivenUp: true}, {Side: phyllo, AtOnce: width, Invited: true, Seconds: 9},
			{Side: phyllo, AtOnce: 16, Seconds: 1}, {Side: kadDHT, AtOnce: width, Seconds: 3}, {Side: phyllo, AtOnce: width, Seconds: 2},
		},
		Ops: []Op{
			{Name: rawExchange, Side: library, Median: 40, P99: 100, Bytes: 400, CPU: 50},
			{Name: routedRequest, Side: phyllo, Median: 100, P99: 9000, Messages: 2.5, Bytes: 1100, CPU: 100},
			{Name: getOne, Side: kadDHT, Median: 1000, P99: 2000, Messages: 22, Bytes: 20000, CPU: 1000},
			{Name: directoryRead, Side: phyllo, Median: 200, P99: 300, Messages: 6, Bytes: 2000, CPU: 200},
			{Name: getDefault, Side: kadDHT, Median: 3000, P99: 4000, Messages: 40, Bytes: 40000, CPU: 3000},
		},
	}
}

func TestGoals(t *testing.T) {
	want := []struct {
		value   float64
		verdict string
	}{{10, met}, {15, met}, {2.5, met}, {1100, near}, {10, missed}, {2, met}, {60, met}, {1.5, missed}}
	for i, g := range sample().goals() {
		if g.Value != want[i].value || g.verdict() != want[i].verdict {
			t.Errorf("%s: %s, want %v: %s", g.What, g, want[i].value, want[i].verdict)
		}
	}
	worse, better := sample(), sample()
	worse.Ops[1].Bytes, better.Ops[1].Median = 5000, 10
	for i, g := range smallest([]*Run{better, worse}) {
		if w := worse.goals()[i]; g != w {
			t.Errorf("the worst of %q is %s, want %s", g.What, g, w)
		}
	}
}

func TestPage(t *testing.T) {
	r := &Report{Part: newPart([]string{"-nodes", "16"}), Runs: []*Run{sample()}}
	r.fail(&Run{Nodes: 100, Transport: quic}, errors.New("it broke"))
	text := page(r)
	for _, want := range []string{
		"## tcp, 16 nodes", "| bytes of a routed request, on the device | 1100 B | ≤ 1024 B | within 25 % |",
		"The floor: the library alone takes 40.0 µs, and 50.0 µs of CPU, for 100 bytes there and back; a routed request takes 2.50× and 2.00× that, GetValue with quorum 1 25.0× and 20.0×.\n",
		"kad-dht, 16 at a time: not in 60 s", "each with an invitation: 9.00 s", "`cd bench/rivals && go run . -nodes 16`",
		`- tcp, 16 nodes: p99 of "GetValue, quorum 1" is below that of "request to a key's root, and its answer": 2000 and 9000 µs`,
		"github.com/libp2p/go-libp2p-kad-dht v0.42.2", "\nNot measured: quic, 100 nodes: it broke.\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "gossipsub\n\n1") || strings.Contains(text, countedTopics) {
		t.Errorf("topics were not measured, and the page tells of them:\n%s", text)
	}
	var table, faults strings.Builder
	r.print(&table, &faults)
	if strings.Count(table.String(), "10.0× (goal ≥ 20.0×: missed)") != 2 || faults.String() != "rivals: not measured: quic, 100 nodes: it broke\n" {
		t.Errorf("the table:\n%s%s", table.String(), faults.String())
	}
}

func TestReportsAreJoined(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, change func(*Report)) string {
		r := &Report{Part: newPart(nil), Runs: []*Run{sample()}, Topics: &TopicReport{Part: newPart(nil), Runs: []*TopicRun{topicSample()}}}
		change(r)
		path := filepath.Join(dir, name)
		if err := r.write(path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one := write("one", func(*Report) {})
	two := write("two", func(r *Report) { r.Runs[0].Nodes = 50 })
	other := write("other", func(r *Report) { r.Machine, r.Topics.Machine = "another", "another" })
	only := write("only", func(r *Report) { r.Part, r.Runs, r.Topics.Runs[0].Members = Part{}, nil, 100 })
	r, err := readReports([]string{one, two})
	if err != nil || len(r.Runs) != 2 || r.Runs[1].Nodes != 50 || r.Runs[0].Ops[0] != sample().Ops[0] {
		got, _ := json.Marshal(r)
		t.Errorf("two reports joined: %s, %v", got, err)
	}
	// A part that was measured alone is joined with the other, whatever that is of.
	r, err = readReports([]string{one, only})
	if err != nil || len(r.Runs) != 1 || len(r.Topics.Runs) != 2 || r.Topics.Runs[1].Members != 100 {
		t.Errorf("a report of topics alone joined: %+v, %v", r, err)
	}
	if r, err = readReports([]string{only, other}); err == nil {
		t.Errorf("topics of two machines were joined: %+v", r)
	}
	if _, err := readReports([]string{one, other}); err == nil {
		t.Error("reports of two machines were joined")
	}
	if err := os.WriteFile(other, []byte("no report"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readReports([]string{other}); err == nil {
		t.Error("something that is no report was read")
	}
}

func TestFlags(t *testing.T) {
	a, err := parse([]string{"-nodes", "16,50", "-members", "20", "-only", "topics", "-transport", "quic", "-json", "x"})
	if err != nil || a.only != topicsPart || !slices.Equal(a.members, []int{20}) || len(a.nodes) != 2 || a.nodes[1] != 50 || len(a.transports) != 1 || a.transports[0] != quic || a.json != "x" {
		t.Errorf("flags read as %+v, %v", a, err)
	}
	for _, bad := range [][]string{{"-nodes", "5"}, {"-nodes", "many"}, {"-transport", "pigeon"}, {"-nonsense"}, {"-members", "3"}, {"-only", "this"}} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestApart makes a network as the program does for each run, where this system allows
// it, and looks at its loopback device from within.
func TestApart(t *testing.T) {
	if os.Getenv(apart) != "" {
		if err := raiseLoopback(); err != nil {
			t.Fatal(err)
		}
		before := deviceBytes()
		talk(t)
		if carried := deviceBytes() - before; carried < 1000 || carried > 10_000 {
			t.Errorf("the device carried %.0f bytes for 1,000", carried)
		}
		return
	}
	testApart(t)
}

package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/daemons"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// written is a book of what user 0 wrote to user 1, with these outcomes, and of one
// message back.
func written(outcomes ...outcome) *book {
	b := newBook()
	for _, o := range outcomes {
		b.write(pair{0, 1})
		b.note(pair{0, 1}, o)
	}
	b.write(pair{1, 0})
	b.note(pair{1, 0}, accepted)
	return b
}

// TestJudge: each kind of fault is found in what came, and nothing else.
func TestJudge(t *testing.T) {
	users := []string{"ann", "bob"}
	for _, c := range []struct {
		what string
		sent []outcome
		came []int // at bob, from ann
		says string
	}{
		{"all came", []outcome{accepted, accepted, accepted}, []int{0, 1, 2}, ""},
		{"one is lost", []outcome{accepted, accepted, accepted}, []int{0, 2}, "1 of 3 messages were accepted and did not come: 1"},
		{"none came", []outcome{accepted, accepted}, nil, "2 of 2 messages were accepted and did not come: 0, 1"},
		{"one came twice", []outcome{accepted, accepted}, []int{0, 1, 0}, "number 0 came 2 times"},
		{"one came late", []outcome{accepted, accepted, accepted}, []int{0, 2, 1}, "number 1 came after number 2"},
		{"unsure ones may come", []outcome{unsure, accepted, unsure}, []int{0, 1}, ""},
		{"but in order", []outcome{unsure, accepted}, []int{1, 0}, "number 0 came after number 1"},
		{"and once", []outcome{unsure, accepted}, []int{0, 0, 1}, "number 0 came 2 times"},
		{"refused ones must not", []outcome{accepted, refused}, []int{0, 1}, "number 1 came, though it was refused"},
		{"nor need they", []outcome{accepted, refused}, []int{0}, ""},
		{"one without an answer", []outcome{accepted, open}, []int{0}, ""},
	} {
		inboxes := [][]api.Message{{{From: "bob", Text: text(pair{1, 0}, 0)}}, nil}
		for _, n := range c.came {
			inboxes[1] = append(inboxes[1], api.Message{From: "ann", Text: text(pair{0, 1}, n)})
		}
		want := []string{"from ann to bob: " + c.says}
		if c.says == "" {
			want = nil
		}
		if got := written(c.sent...).judge(users, inboxes); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", c.what, got, want)
		}
	}
}

// TestJudgeOfStrangeMessages: what nobody wrote is a fault, whatever it says.
func TestJudgeOfStrangeMessages(t *testing.T) {
	for _, c := range []struct{ from, text, says string }{
		{"ann", "0 to 1, number 7", "nobody wrote"},
		{"ann", "1 to 0, number 0", "nobody wrote"},
		{"ann", "9 to 1, number 0", "nobody wrote"},
		{"ann", "-1 to 1, number 0", "nobody wrote"},
		{"ann", "0 to 1, number -1", "nobody wrote"},
		{"ann", "0 to 1, number 0 and more", "nobody wrote"},
		{"ann", "", "nobody wrote"},
		{"bob", "0 to 1, number 0", "under the name of bob"},
	} {
		inboxes := [][]api.Message{{{From: "bob", Text: text(pair{1, 0}, 0)}}, {{From: c.from, Text: c.text}}}
		got := written(unsure).judge([]string{"ann", "bob"}, inboxes)
		if len(got) != 1 || !strings.Contains(got[0], c.says) {
			t.Errorf("%q from %s: %q, want one that says %q", c.text, c.from, got, c.says)
		}
	}
}

// recorded is what a node held over half an hour, by a sample in each ten seconds:
// each quantity as its value after a share of the time, with the noise of a collector.
func recorded(rss, fds, goroutines func(share float64) float64) []sample {
	var out []sample
	const n = 180
	for i := range n {
		share := float64(i) / n
		noise := float64(i*7919%13-6) / 6 * (2 << 20)
		out = append(out, sample{at: time.Duration(i) * 10 * time.Second, rss: rss(share) + noise, fds: fds(share), goroutines: goroutines(share)})
	}
	return out
}

func level(v float64) func(float64) float64 { return func(float64) float64 { return v } }
func line(from, to float64) func(float64) float64 {
	return func(share float64) float64 { return from + (to-from)*share }
}

func TestGrowth(t *testing.T) {
	const mib = 1 << 20
	warm := func(share float64) float64 { return 30*mib + 20*mib*min(1, share*3.1) }
	for _, c := range []struct {
		what    string
		samples []sample
		says    string
	}{
		{"level", recorded(level(50*mib), level(60), level(300)), ""},
		{"it grows to its working size", recorded(warm, level(60), level(300)), ""},
		{"within the bound", recorded(line(50*mib, 54*mib), level(60), level(300)), ""},
		{"memory leaks", recorded(line(50*mib, 60*mib), level(60), level(300)), "its memory grows by 20.1 ± 1.2 MiB an hour"},
		{"descriptors leak", recorded(level(50*mib), line(60, 120), level(300)), "descriptors, and had"},
		{"goroutines leak", recorded(level(50*mib), level(60), line(300, 900)), "goroutines, and had"},
		{"connections come and go", recorded(level(50*mib), line(60, 66), line(300, 350)), ""},
		{"too short for memory", recorded(line(50*mib, 60*mib), level(60), level(300))[:100], ""},
		{"not measured", nil, "not measured"},
	} {
		got := strings.Join(growth(c.samples, true), "; ")
		if !strings.Contains(got, c.says) || (got == "") != (c.says == "") {
			t.Errorf("%s: %q, want %q", c.what, got, c.says)
		}
	}
	if got := growth(recorded(line(50*mib, 90*mib), level(60), level(300)), false); got != nil {
		t.Errorf("memory is not to be judged, and: %q", got)
	}
}

func TestSlope(t *testing.T) {
	per, deviation := slope(recorded(line(0, 5), level(0), line(10, 20)), goroutinesOf)
	if per < 19.99 || per > 20.01 || deviation > 0.01 {
		t.Errorf("ten more in half an hour are %.3f ± %.3f in an hour, want 20", per, deviation)
	}
	if per, deviation = slope(make([]sample, 5), rssOf); per != 0 || deviation != 0 {
		t.Errorf("samples of one moment have the slope %v ± %v", per, deviation)
	}
}

func TestCompare(t *testing.T) {
	list := func(ids ...uint64) (out []api.Message) {
		for _, n := range ids {
			out = append(out, api.Message{ID: id.ID{Lo: n}})
		}
		return out
	}
	for _, c := range []struct {
		shown, now []api.Message
		good       bool
	}{
		{list(), list(), true}, {list(1, 2), list(1, 2, 3), true},
		{list(1, 2), list(1), false}, {list(1, 2), list(2, 1), false},
	} {
		if got := compare(c.shown, c.now); (got == "") != c.good {
			t.Errorf("shown %v, now %v: %q", c.shown, c.now, got)
		}
	}
}

func TestLogFaults(t *testing.T) {
	lines := []daemons.Line{{Level: "INFO", Text: "up"}, {Level: "WARN", Text: "slow"}}
	if got := logFaults(lines); got != nil {
		t.Errorf("a good log: %q", got)
	}
	for range 7 {
		lines = append(lines, daemons.Line{Level: "ERROR", Text: "panic: x"})
	}
	if got := logFaults(lines); len(got) != 6 || got[0] != "panic: x" || got[5] != "and 2 lines more" {
		t.Errorf("a trace: %q", got)
	}
}

// TestPage: the page says what was found, and a soak with a fault is none that passed.
func TestPage(t *testing.T) {
	p := defaults()
	r := &report{
		plan: p, on: "2026-11-27 10:00:00", machine: "a machine", command: p.command(), accepted: 100, unsure: 3, came: 101, excused: 5,
		delays: []time.Duration{time.Millisecond, 2 * time.Millisecond, 30 * time.Second}, ours: 0.5, busy: 0.75,
		nodes: []nodeReport{
			{user: "user00", steady: true, samples: recorded(level(50<<20), level(60), level(300))},
			{user: "user01", strikes: map[string]int{killed: 2, left: 1}, slowest: 3 * time.Second, samples: recorded(level(40<<20), level(61), level(200))},
		},
	}
	holds := func(want ...string) {
		t.Helper()
		for _, w := range want {
			if page := string(r.page()); !strings.Contains(page, w) {
				t.Errorf("the page does not say %q:\n%s", w, page)
			}
		}
	}
	holds("All was as it must be", "took 0.50 processors, and whatever else ran on the machine 0.25", "`go run ./internal/soak -for 30m0s -nodes 20 ",
		"| killed, stopped, left | 2, 0, 1 |", "| user00 | 50, 50 MiB |", "| 60, 60 | 300, 300 |", "| the others, at most | 42 MiB | | | 61 | 200 |", "2ms, 30s, 30s", "| 2 |")
	r.faults = []string{"after 3s: number 1 came\n2 times"}
	holds("**1 faults:**", "- after 3s: number 1 came 2 times")
}

func TestPlans(t *testing.T) {
	for _, c := range []struct {
		spoil func(*plan)
		says  string
	}{
		{func(*plan) {}, ""},
		{func(p *plan) { p.nodes = 2 }, "-nodes 2"},
		{func(p *plan) { p.nodes = 101 }, "-nodes 101"},
		{func(p *plan) { p.length = time.Second }, "-for 1s"},
		{func(p *plan) { p.every = 0 }, "-every 0s"},
		{func(p *plan) { p.pace = 0 }, "-pace 0s"},
	} {
		p := defaults()
		c.spoil(&p)
		got := ""
		if err := p.validate(); err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.says) || (got == "") != (c.says == "") {
			t.Errorf("%q, want %q", got, c.says)
		}
	}
}

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/internal/daemons"
)

// report is what a soak found.
type report struct {
	plan
	on, machine, command string
	faults               []string
	accepted, unsure     int
	came                 int
	excused              int
	delays               []time.Duration // from writing to arrival, of all that came
	ours, busy           float64         // processors that the soak took, and the whole machine
	nodes                []nodeReport
}

// nodeReport is what it found at one node.
type nodeReport struct {
	user    string
	steady  bool
	strikes map[string]int
	slowest time.Duration
	samples []sample
}

func (f *field) report() *report {
	r := &report{
		plan: f.plan, on: f.begun.UTC().Format(time.DateTime), machine: daemons.Machine(), command: f.command(),
		faults: f.faults, accepted: f.book.count(accepted), unsure: f.book.count(unsure), excused: f.excused,
	}
	for i, n := range f.nodes {
		r.nodes = append(r.nodes, nodeReport{n.user, i < f.steady(), n.strikes, n.slowest, n.samples})
		for j := range n.inbox {
			r.came++
			r.delays = append(r.delays, n.inbox[j].ReceivedAt.Sub(n.inbox[j].SentAt))
		}
	}
	slices.Sort(r.delays)
	return r
}

// command is how to do the same again.
func (p *plan) command() string {
	s := fmt.Sprintf("go run ./internal/soak -for %v -nodes %d -every %v -pace %v -seed %d", p.length, p.nodes, p.every, p.pace, p.seed)
	if p.race {
		s += " -race"
	}
	return s
}

const intro = `# A long time with kills

Written by ` + "`make soak`" + `, not by hand: ` + "`%s`" + `, on %s UTC. %s.
The soak took %.2f processors, and whatever else ran on the machine %.2f.

%d nodes, each a process of its own on an address of loopback, form one ring, and the user of each writes to the others, a message in %v on
average, and reads and marks what comes. Every %v one node is struck, never one of the first %d and at most %d at a time: it is killed
(` + "`kill -9`" + `) and started again up to %v later, is stopped (SIGSTOP) for %v and goes on, or leaves in order and comes back.

What must be: a message that was accepted arrives once, and in the order in which its sender wrote it; what was shown stays; no call at
a node that is not struck fails; a node is ready within %v of its start, and of going on; in the end each node finds each name; no log has an error, a
panic or a data race; a node that is never struck has at the end not more than %.0f %% and %d descriptors, %.0f %% and %d goroutines more than at
first, and its memory does not grow by more than %d MiB an hour (a line fitted to what is resident after a third of the time, at most 10
minutes, less twice its standard error; judged if that is %v or more%s).

`

// page is docs/soak.md.
func (r *report) page() []byte {
	var b bytes.Buffer
	steady := r.steady()
	not := ""
	if r.race {
		not = ", and not here, as the nodes look for data races"
	}
	fmt.Fprintf(&b, intro, r.command, r.on, r.machine, r.ours, max(0, r.busy-r.ours), r.plan.nodes, r.pace, r.every, steady, r.mostAway(), r.away, r.freeze,
		readyTime, 100*mostRise, mostFDs, 100*mostRise, mostGos, mostMemory>>20, leastSpan, not)
	r.summary(&b)
	r.table(&b)
	return b.Bytes()
}

// summary says what was wrong, and counts.
func (r *report) summary(b *bytes.Buffer) {
	if len(r.faults) == 0 {
		b.WriteString("**All was as it must be.**\n\n")
	} else {
		fmt.Fprintf(b, "**%d faults:**\n\n", len(r.faults))
		const most = 100
		for i, f := range r.faults {
			if i == most {
				fmt.Fprintf(b, "- and %d more\n", len(r.faults)-most)
				break
			}
			fmt.Fprintf(b, "- %s\n", strings.ReplaceAll(f, "\n", " "))
		}
		b.WriteString("\n")
	}
	strikes := map[string]int{}
	var slowest time.Duration
	for _, n := range r.nodes {
		for way, k := range n.strikes {
			strikes[way] += k
		}
		slowest = max(slowest, n.slowest)
	}
	fmt.Fprintf(b, `| what | how many |
|---|---|
| messages accepted | %d |
| messages whose sender's node was struck before it answered: they may come, or not | %d |
| messages that came | %d |
| other calls that failed at nodes that were struck | %d |
| from writing to arrival: median, 99th percentile, longest | %s, %s, %s |
| killed, stopped, left | %d, %d, %d |
| slowest to be ready again | %s |

`, r.accepted, r.unsure, r.came, max(0, r.excused-r.unsure), round(r.delay(50)), round(r.delay(99)), round(r.delay(100)),
		strikes[killed], strikes[stopped], strikes[left], round(slowest))
}

// delay is a percentile of the times from writing to arrival.
func (r *report) delay(percent int) time.Duration {
	if len(r.delays) == 0 {
		return 0
	}
	return r.delays[min(len(r.delays)-1, len(r.delays)*percent/100)]
}

func round(d time.Duration) string {
	if d < time.Second {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// table has a line for each node that was never struck, which show growth, and one for
// the others.
func (r *report) table(b *bytes.Buffer) {
	b.WriteString(`| never struck | resident, first and last | growth an hour | heap, first and last | descriptors | goroutines | processor |
|---|---|---|---|---|---|---|
`)
	var others []sample
	for _, n := range r.nodes {
		list := settled(n.samples)
		if !n.steady {
			others = append(others, list...)
			continue
		}
		if len(list) == 0 {
			fmt.Fprintf(b, "| %s | not measured | | | | | |\n", n.user)
			continue
		}
		per, deviation := slope(list, rssOf)
		first, last := list[0], list[len(list)-1]
		cpu := 100 * (last.cpu - first.cpu).Seconds() / max(1, (last.at-first.at).Seconds())
		fmt.Fprintf(b, "| %s | %s MiB | %+.1f ± %.1f MiB | %s MiB | %s | %s | %.1f %% |\n", n.user, both(list, rssOf, 1<<20), per/(1<<20), deviation/(1<<20),
			both(list, heapOf, 1<<20), both(list, fdsOf, 1), both(list, goroutinesOf, 1), cpu)
	}
	if len(others) > 0 {
		most := slices.MaxFunc(others, func(a, b sample) int { return cmp.Compare(a.rss, b.rss) })
		fmt.Fprintf(b, "| the others, at most | %.0f MiB | | | %.0f | %.0f | |\n", most.rss/(1<<20), largest(others, fdsOf), largest(others, goroutinesOf))
	}
	b.WriteString("\n*First* and *last* are medians of the first and the last quarter of the time that was judged.\n")
}

// both is a quantity's medians of the first and the last quarter, in a unit.
func both(list []sample, of func(sample) float64, unit float64) string {
	first, last := ends(list, of)
	return fmt.Sprintf("%.0f, %.0f", first/unit, last/unit)
}

func largest(list []sample, of func(sample) float64) (most float64) {
	for _, s := range list {
		most = max(most, of(s))
	}
	return most
}

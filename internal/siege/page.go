package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/internal/daemons"
)

const intro = `# Under siege

Written by ` + "`make siege`" + `, not by hand. Measured on %s, %s.

%d nodes, each a process of its own on an address of loopback, form one ring and serve %d honest requests a second each: by
turns a message to the root of a key and back, a question to a neighbour, and a name read at the nodes that keep it. Requests
are due at fixed times, whether those before them were answered or not, and their time counts from then. One that is not answered
within %v does no good.

The attackers are one process: 50 hands without a key, ten strangers with keys, or four members with certificates of the ring, as the flood
wants. **Read the ratios with this in mind:** attackers, victims and those who ask share the processors of one machine. So that what is
measured is what the victims make of a flood, and not that somebody else works as well, the attackers get a processor only while nobody
else wants one (SCHED_IDLE), their rate is bounded (it stands in the table, with what was reached of it), and the calm is measured just
before each flood while the attackers stand ready and do nothing. The work that the kernel does for the attackers' connections is paid by the
victims all the same. With attackers on other machines the rate at which a victim is full is another one: the column of processors says
how far from it these are, and, by what all took, whether somebody else worked on the machine (those who ask need about 0.2).

Goals: at least %.0f %% of the honest requests answered that are answered in calm, 99th percentile at most %.0f times that in calm, at most %d MiB
resident and %d descriptors at any node, all as in calm at most %v after the end, and no fault of the program.

Resident memory rises from row to row because the same nodes go through all of them, under the same honest load, and not because of the
floods: a node keeps its answers for five minutes, so that a copy of a question gets the same one, 8,192 of them and 4 MiB at most. Under
one flood of 210 s the heap was level after one to three minutes, when that many had been given, and stayed so. Of a node's resident memory
34 MiB are the program itself.

| flood | strikes a second, reached | calm: answered, p50 / p99 | flood: answered, p50 / p99 | goodput | p99 ratio | most RSS | most FDs | processors busy: calm: nodes, all; flood: nodes, attackers, all | as in calm after | missed |
|---|---|---|---|---|---|---|---|---|---|---|
`

// page is docs/siege.md.
func page(c *campaign, results []*result, now time.Time) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, intro, daemons.Machine(), now.UTC().Format(time.DateOnly), c.victims, c.rate, answerTime,
		100*leastGood, mostSlower, mostRSS>>20, mostFDs, mostRestore)
	for _, r := range results {
		b.WriteString(r.row())
	}
	fmt.Fprintf(&b, "\nEach flood lasted %v, each calm %v (`go run ./internal/siege -calm %[2]v -for %[1]v -rate %[3]d`). One strike is:\n\n", c.storm, c.calm, c.rate)
	for _, r := range results {
		fmt.Fprintf(&b, "- **%s**: %s.\n", r.flood.name, r.flood.what)
	}
	return b.Bytes()
}

// row is one line of the table.
func (r *result) row() string {
	missed := strings.Join(r.failures(true), "; ")
	if missed == "" {
		missed = "nothing"
	}
	back := "at once"
	if r.restored > mostRestore {
		back = "not within " + mostRestore.String()
	} else if r.restored >= time.Second {
		back = r.restored.Round(time.Second).String()
	}
	secs := max(r.storm.length.Seconds(), 1)
	return fmt.Sprintf("| %s | %d, %.0f | %.1f %%, %s | %.1f %%, %s | %.0f %% | %.1f | %d MiB | %d | %.2f, %.2f; %.2f, %.2f, %.2f | %s | %s |\n",
		r.flood.name, r.flood.rate, float64(r.struck.Done)/secs, 100*r.calm.share(), r.calm.pair(), 100*r.storm.share(), r.storm.pair(),
		100*r.goodput(), r.slower(), r.storm.rss>>20, r.storm.fds, r.calm.cpu, r.calm.busy, r.storm.cpu, r.struck.CPU.Seconds()/secs, r.storm.busy, back, missed)
}

// pair is the median and the 99th percentile.
func (w *window) pair() string {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("%.1f / %.1f ms", ms(w.percentile(50)), ms(w.percentile(99)))
}

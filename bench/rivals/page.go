package main

import (
	_ "embed"
	"fmt"
	"os"
	"slices"
	"strings"
)

// counted and countedTopics tell how each thing is measured, on the page.
var (
	//go:embed counted.md
	counted string
	//go:embed countedtopics.md
	countedTopics string
)

// writePage writes a report as a page for people.
func writePage(path string, r *Report) error {
	return os.WriteFile(path, []byte(page(r)), 0o644)
}

func page(r *Report) string {
	var b strings.Builder
	b.WriteString("# phyllo beside go-libp2p-kad-dht and gossipsub\n\n")
	b.WriteString("Written by `make rivals`; do not edit. Such machines are shared and noisy: believe ratios of one run, not milliseconds.\n")
	if !r.When.IsZero() {
		b.WriteString("\n## The table: kad-dht\n\n")
		r.head(&b, libp2pModule, kadModule, quicModule)
		b.WriteString("\n### The worst of all runs\n\n")
		goalTable(&b, smallest(r.Runs))
		b.WriteString(rivalIsBetter(r.Runs))
		r.notMeasured(&b)
		for _, run := range r.Runs {
			fmt.Fprintf(&b, "\n### %s\n\n", run)
			runTable(&b, run)
		}
		b.WriteString("\n" + counted)
	}
	if t := r.Topics; t != nil {
		b.WriteString("\n## Topics: gossipsub\n\n")
		t.head(&b, libp2pModule, pubsubModule)
		b.WriteString("\n### The worst of all topics\n\n")
		goalTable(&b, smallest(t.Runs))
		t.notMeasured(&b)
		for _, run := range t.Runs {
			fmt.Fprintf(&b, "\n### %s\n\n", run)
			topicTable(&b, run)
		}
		b.WriteString("\n" + countedTopics)
	}
	return b.String()
}

// head tells when, where and of what a part was measured.
func (p *Part) head(b *strings.Builder, modules ...string) {
	fmt.Fprintf(b, "%s, commit %s.\n", p.When.Format("2 January 2006, 15:04 UTC"), p.Commit)
	fmt.Fprintf(b, "Machine: %s. Command: `%s`.\nVersions:", p.Machine, p.Command)
	for i, m := range append([]string{"go"}, modules...) {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(b, " %s %s", m, p.Versions[m])
	}
	b.WriteString(".\n")
}

// notMeasured tells of the runs that came to nothing.
func (p *Part) notMeasured(b *strings.Builder) {
	for _, f := range p.Failed {
		fmt.Fprintf(b, "\nNot measured: %s.\n", f)
	}
}

// table writes rows below their heads.
func table(b *strings.Builder, heads []string, rows [][]string) {
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
	for _, row := range rows {
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
	}
}

func topicTable(b *strings.Builder, r *TopicRun) {
	fmt.Fprintf(b, "At %.0f messages a second:\n\n", r.Sides[0].Rate)
	table(b, topicHeads, r.sideRows())
	fmt.Fprintf(b, "\nThe floors: %s.\n", r.bound())
	b.WriteString("\nRates, one after another:\n\n")
	table(b, rungHeads, r.rungRows())
	fmt.Fprintf(b, "\nFormed: %s.\n", r.formation())
	if !r.Apart {
		b.WriteString(notApart)
	}
	b.WriteString("\n")
	goalTable(b, r.goals())
}

// notApart is said of runs that had no network of their own.
const notApart = "Bytes are those of the machine's own loopback device, and may hold some of other programs.\n"

func goalTable(b *strings.Builder, goals []Goal) {
	b.WriteString("| what | figure | goal | |\n|---|---|---|---|\n")
	for _, g := range goals {
		sign := "≥"
		if g.AtMost {
			sign = "≤"
		}
		fmt.Fprintf(b, "| %s | %s%s | %s %s%s | %s |\n", g.What, short(g.Value), g.Unit, sign, short(g.Limit), g.Unit, g.verdict())
	}
}

func runTable(b *strings.Builder, r *Run) {
	table(b, heads, r.rows())
	fmt.Fprintf(b, "\nThe floor: %s.\nMemory of a node: %s.\n", r.bound(), r.memory())
	for _, f := range r.Formed {
		fmt.Fprintf(b, "Formed: %s.\n", f.formation())
	}
	if !r.Apart {
		b.WriteString(notApart)
	}
	b.WriteString("\n")
	goalTable(b, r.goals())
}

// rivalIsBetter says in which runs the rival won something.
func rivalIsBetter(runs []*Run) string {
	var lines []string
	for _, r := range runs {
		for _, g := range r.goals() {
			if !g.AtMost && g.Value < 1 {
				lines = append(lines, fmt.Sprintf("- %s: %s (%s%s)\n", r, g.What, short(g.Value), g.Unit))
			}
		}
		for _, pair := range [][2]string{{getOne, routedRequest}, {getDefault, directoryRead}} {
			rival, own := r.op(pair[0]), r.op(pair[1])
			if rival.P99 < own.P99 {
				lines = append(lines, fmt.Sprintf("- %s: p99 of %q is below that of %q: %s and %s µs\n", r, rival.Name, own.Name, short(rival.P99), short(own.P99)))
			}
		}
	}
	if len(lines) == 0 {
		return "\nThe rival was better in none of these figures.\n"
	}
	return "\nWhere the rival is better:\n\n" + strings.Join(slices.Compact(lines), "")
}

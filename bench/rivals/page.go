package main

import (
	_ "embed"
	"fmt"
	"os"
	"slices"
	"strings"
)

// counted tells how each thing is measured, on the page.
//
//go:embed counted.md
var counted string

// writePage writes a report as a page for people.
func writePage(path string, r *Report) error {
	return os.WriteFile(path, []byte(page(r)), 0o644)
}

func page(r *Report) string {
	var b strings.Builder
	b.WriteString("# phyllo beside go-libp2p-kad-dht\n\n")
	fmt.Fprintf(&b, "Written by `make rivals`; do not edit. %s, commit %s.\n", r.When.Format("2 January 2006, 15:04 UTC"), r.Commit)
	fmt.Fprintf(&b, "Machine: %s. Command: `%s`.\nVersions:", r.Machine, r.Command)
	for i, m := range append([]string{"go"}, compared...) {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, " %s %s", m, r.Versions[m])
	}
	b.WriteString(".\n\nSuch machines are shared and noisy: believe ratios of one run, not milliseconds.\n\n## The worst of all runs\n\n")
	goalTable(&b, smallest(r.Runs))
	b.WriteString(rivalIsBetter(r.Runs))
	for _, f := range r.Failed {
		fmt.Fprintf(&b, "\nNot measured: %s.\n", f)
	}
	for _, run := range r.Runs {
		fmt.Fprintf(&b, "\n## %s\n\n", run)
		runTable(&b, run)
	}
	b.WriteString("\n" + counted)
	return b.String()
}

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
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
	for _, o := range r.Ops {
		fmt.Fprintf(b, "| %s |\n", strings.Join(o.cells(), " | "))
	}
	fmt.Fprintf(b, "\nThe floor: %s.\nMemory of a node: %s.\n", r.bound(), r.memory())
	for _, f := range r.Formed {
		fmt.Fprintf(b, "Formed: %s.\n", f.formation())
	}
	if !r.Apart {
		b.WriteString("Bytes are those of the machine's own loopback device, and may hold some of other programs.\n")
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

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// short writes a number with two or three digits that say something.
func short(f float64) string {
	switch {
	case f >= 100 || f <= -100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10 || f <= -10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

// heads are those of the columns of operations.
var heads = []string{"operation", "side", "median µs", "p99 µs", "messages", "bytes", "CPU µs"}

func (o Op) cells() []string {
	return []string{o.Name, o.Side, short(o.Median), short(o.P99), short(o.Messages), short(o.Bytes), short(o.CPU)}
}

func (r *Run) rows() (rows [][]string) {
	for _, o := range r.Ops {
		rows = append(rows, o.cells())
	}
	return rows
}

// formation writes one line on how a network formed.
func (f Formed) formation() string {
	how := fmt.Sprintf("%s, %d at a time", f.Side, f.AtOnce)
	if f.Side == library {
		how += ", each pair connected and no more"
	}
	if f.Invited {
		how += ", each with an invitation"
	}
	if f.GivenUp {
		return fmt.Sprintf("%s: not in %.0f s", how, f.Seconds)
	}
	return fmt.Sprintf("%s: %.2f s", how, f.Seconds)
}

// memory writes one line on the memory of a node.
func (r *Run) memory() string {
	return fmt.Sprintf("phyllo %.2f MB, kad-dht %.2f MB", r.Memory[phyllo]/1e6, r.Memory[kadDHT]/1e6)
}

// bound writes one line on what bounds a request: the library below, in the same run.
func (r *Run) bound() string {
	floor, request, rival := r.op(rawExchange), r.op(routedRequest), r.op(getOne)
	if floor.Median <= 0 || floor.CPU <= 0 { // other work of the process was taken off it
		return "not measured"
	}
	return fmt.Sprintf("the library alone takes %s µs, and %s µs of CPU, for 100 bytes there and back; a routed request takes %s× and %s× that, GetValue with quorum 1 %s× and %s×",
		short(floor.Median), short(floor.CPU), short(request.Median/floor.Median), short(request.CPU/floor.CPU), short(rival.Median/floor.Median), short(rival.CPU/floor.CPU))
}

// columns writes rows below their heads, for a terminal.
func columns(w io.Writer, heads []string, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{heads}, rows...) {
		fmt.Fprintln(t, "  "+strings.Join(row, "\t"))
	}
	t.Flush()
}

// goalColumns writes goals for a terminal.
func goalColumns(w io.Writer, goals []Goal) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range goals {
		fmt.Fprintf(t, "  %s\t%s\n", g.What, g)
	}
	t.Flush()
}

// print writes what was measured, for a terminal, and to faults what was not.
func (r *Report) print(w, faults io.Writer) {
	for _, f := range r.failed() {
		fmt.Fprintln(faults, "rivals: not measured:", f)
	}
	for _, run := range r.Runs {
		printRun(w, run)
	}
	if len(r.Runs) > 0 {
		fmt.Fprintln(w, "\nthe worst of all")
		goalColumns(w, smallest(r.Runs))
	}
	if r.Topics == nil || len(r.Topics.Runs) == 0 {
		return
	}
	for _, run := range r.Topics.Runs {
		printTopics(w, run)
	}
	fmt.Fprintln(w, "\nthe worst of all topics")
	goalColumns(w, smallest(r.Topics.Runs))
}

// printRun writes what one run measured, for a terminal.
func printRun(w io.Writer, r *Run) {
	fmt.Fprintf(w, "\n%s\n", r)
	columns(w, heads, r.rows())
	fmt.Fprintf(w, "  the floor: %s\n", r.bound())
	fmt.Fprintf(w, "  a node's memory: %s\n", r.memory())
	for _, f := range r.Formed {
		fmt.Fprintf(w, "  formed: %s\n", f.formation())
	}
	goalColumns(w, r.goals())
}

// printTopics writes what one run measured of topics, for a terminal.
func printTopics(w io.Writer, r *TopicRun) {
	fmt.Fprintf(w, "\n%s\n", r)
	columns(w, topicHeads, r.sideRows())
	fmt.Fprintf(w, "  the floors: %s\n", r.bound())
	columns(w, rungHeads, r.rungRows())
	fmt.Fprintf(w, "  formed: %s\n", r.formation())
	goalColumns(w, r.goals())
}

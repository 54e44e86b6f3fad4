package experiment

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// line is a value as JSON.
type line struct {
	Name    string   `json:"name"`
	Nodes   int      `json:"nodes"`
	Seed    uint64   `json:"seed"`
	Variant string   `json:"variant,omitempty"`
	Metric  string   `json:"metric"`
	Value   float64  `json:"value"`
	Paper   *float64 `json:"paper"`
	Goal    *float64 `json:"goal"`
	Verdict Verdict  `json:"verdict,omitempty"`
	K       *int     `json:"k,omitempty"`
	N       *int     `json:"n,omitempty"`
	Upper   *float64 `json:"upper95,omitempty"`
}

// WriteJSON writes one object a line for each value.
func (r *Report) WriteJSON(w io.Writer) error {
	out := json.NewEncoder(w)
	for _, v := range r.Values {
		l := line{Name: v.Name, Nodes: v.Nodes, Seed: v.Seed, Variant: v.Variant, Metric: v.Metric,
			Value: v.Value, Paper: v.Paper, Verdict: v.Verdict()}
		if v.Goal != nil {
			l.Goal = &v.Goal.Limit
		}
		if v.Rate != nil {
			upper := v.Rate.Upper()
			l.K, l.N, l.Upper = &v.Rate.K, &v.Rate.N, &upper
		}
		if err := out.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

// Table gives the values as a table of Markdown, which is also for terminals.
func (r *Report) Table() string {
	rows := [][]string{{"metric", "nodes", "paper", "this run", "ratio", "goal", ""}}
	for _, v := range r.Values {
		rows = append(rows, r.row(&v))
	}
	var b strings.Builder
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	for i, row := range rows {
		for j, cell := range row {
			fmt.Fprintf(&b, "| %s%s ", cell, strings.Repeat(" ", width[j]-len([]rune(cell))))
		}
		b.WriteString("|\n")
		if i == 0 {
			for _, k := range width {
				fmt.Fprintf(&b, "|%s", strings.Repeat("-", k+2))
			}
			b.WriteString("|\n")
		}
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\n%s\n", n)
	}
	return b.String()
}

func (r *Report) row(v *Value) []string {
	name := v.Metric
	if v.Variant != "" {
		name += ", " + v.Variant
	}
	published, ratio, goal := "–", "–", "–"
	if v.Paper != nil {
		published = Number(*v.Paper)
		if v.Recalled {
			published += " (recalled)"
		}
	}
	if x := v.Ratio(); !math.IsNaN(x) {
		ratio = fmt.Sprintf("%.2f", x)
	}
	if v.Goal != nil {
		goal = v.Goal.String()
	}
	value := strings.TrimSpace(Number(v.Value) + " " + r.unit(v.Metric))
	if v.Rate != nil {
		bound := "at most " + Number(v.Rate.Upper())
		if v.Goal != nil && v.Goal.AtLeast {
			bound = "at least " + Number(v.Rate.Lower())
		}
		value += fmt.Sprintf(" (%v, %s)", v.Rate, bound)
	}
	return []string{name, Number(float64(v.Nodes)), published, value, ratio, goal, string(v.Verdict())}
}

func (r *Report) unit(metric string) string {
	for _, m := range r.Experiment.Metrics {
		if m.Name == metric {
			return m.Unit
		}
	}
	return ""
}

// Circumstances are what a page says of a run besides its figures.
type Circumstances struct {
	Command string // that repeats it
	Machine string
	Took    time.Duration
}

// Page gives the report as a page of Markdown, which shows its pictures from the files
// PlotName(name, i) beside it.
func (r *Report) Page(c Circumstances, name string) []byte {
	var b strings.Builder
	e := r.Experiment
	fmt.Fprintf(&b, "# %s: %s\n\nPublished: %s.\n\n", e.Name, e.What, e.Paper)
	fmt.Fprintf(&b, "Written by `phyllolab figures`, not by hand: `%s`, seed %d, on %s, in %.0f s. The paper's size is that of `--full`, %d nodes. "+
		"A rate is k of n, with its one-sided bound of 95 %%.\n\n", c.Command, r.Params.Seed, c.Machine, c.Took.Seconds(), e.Full)
	for i, p := range r.Plots {
		fmt.Fprintf(&b, "![%s](%s)\n\n", p.Title, PlotName(name, i))
	}
	b.WriteString(r.Table())
	b.WriteString("\n| metric | what it is |\n|---|---|\n")
	for _, m := range e.Metrics {
		fmt.Fprintf(&b, "| %s | %s |\n", m.Name, m.What)
	}
	return []byte(b.String())
}

// Summary counts the verdicts of a report, in words.
func (r *Report) Summary() string {
	count := make(map[Verdict]int)
	for _, v := range r.Values {
		count[v.Verdict()]++
	}
	var parts []string
	for _, v := range []Verdict{Met, Missed, NotShown, Smaller} {
		if k := count[v]; k > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", k, v))
		}
	}
	return strings.Join(parts, ", ")
}

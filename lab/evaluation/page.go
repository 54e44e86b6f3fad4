package evaluation

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
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
		value += fmt.Sprintf(" (%v, at most %s)", v.Rate, Number(v.Rate.Upper()))
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

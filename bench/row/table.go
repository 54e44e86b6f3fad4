package row

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/bench/computer"
)

// Table writes the results as a page of Markdown.
func Table(results []Result, a computer.About) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Figures\n\nWritten by `make bench`, not by hand: `%s`, on %s, in %.0f minutes, of commit %s.\n\n",
		a.Command, a.When.UTC().Format(time.DateOnly), a.Took.Minutes(), a.Commit)
	fmt.Fprintf(&b, "%s; %s.\n\n", a.Machine, a.Load)
	b.WriteString("Real links are sealed (Noise, or QUIC's TLS); the goal is that of TCP, and QUIC stands beside it. FreePastry 2.1, tuned, has\n" +
		"its links in clear. The best round counts. 50 real nodes in one process, on loopback, unless a row says otherwise.\n\n")
	b.WriteString("| what | way, outstanding, transport | counted | best of | figure | goal | | FreePastry |\n|---|---|---|---|---|---|---|---|\n")
	for _, x := range results {
		r := x.Row
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %s | %s | %s | %s |\n", r.What, x.circumstances(), r.Counted, x.Rounds,
			x.figures(), x.goals(), x.outcome(), orDash(r.FreePastry))
	}
	return b.Bytes()
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// circumstances are which way, how many outstanding, and over what.
func (x *Result) circumstances() string {
	var parts []string
	if x.Row.Way != "" {
		parts = append(parts, x.Row.Way)
	}
	if x.Row.Outstanding > 0 {
		parts = append(parts, fmt.Sprintf("%d outstanding", x.Row.Outstanding))
	}
	if t := x.carried(); t != "" {
		parts = append(parts, t)
	}
	return orDash(strings.Join(parts, ", "))
}

func (x *Result) figures() string {
	var parts []string
	for _, f := range x.Best.Figures {
		parts = append(parts, f.String())
	}
	return orDash(strings.Join(parts, "; "))
}

// String gives a figure to people.
func (f Figure) String() string {
	text := Number(f.Value)
	if f.Unit != "" {
		text += " " + f.Unit
	}
	return f.Metric + " " + text
}

func (x *Result) goals() string {
	var parts []string
	for _, f := range x.Best.Figures {
		if g := x.Row.goalOf(f.Metric, x.Transport); g != nil {
			parts = append(parts, strings.TrimSpace(g.String()+" "+f.Unit))
		}
	}
	return orDash(strings.Join(parts, "; "))
}

// outcome is the verdict, with the reason where the goal is not met.
func (x *Result) outcome() string {
	if x.Err != nil {
		return "not measured: " + strings.Join(strings.Fields(x.Err.Error()), " ")
	}
	v := x.verdict()
	text := string(v)
	if v == near || v == missed {
		if x.Best.Bound != "" {
			text += ": " + x.Best.Bound
		}
	}
	if x.Best.Note != "" {
		text = strings.TrimPrefix(text+"; "+x.Best.Note, "; ")
	}
	return orDash(text)
}

// line is one figure as JSON. Goal and Met are null where there is no goal.
type line struct {
	Name   string   `json:"name"`
	Metric string   `json:"metric"`
	Value  float64  `json:"value"`
	Unit   string   `json:"unit"`
	Goal   *float64 `json:"goal"`
	Met    *bool    `json:"met"`
}

// JSON writes each figure as a JSON object on a line of its own.
func JSON(results []Result) ([]byte, error) {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	for _, x := range results {
		for _, f := range x.Best.Figures {
			l := line{Name: Key(x.Row.Name, x.Transport), Metric: f.Metric, Value: f.Value, Unit: f.Unit}
			if g := x.Row.goalOf(f.Metric, x.Transport); g != nil {
				ok := g.judge(f.Value) == met
				l.Goal, l.Met = &g.Limit, &ok
			}
			if err := out.Encode(l); err != nil {
				return nil, err
			}
		}
	}
	return b.Bytes(), nil
}

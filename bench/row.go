package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

// row is one thing that is measured. Over two transports it is two lines of the table.
type row struct {
	name        string   // for -run and the JSON
	what        string   // for people
	way         string   // oneWay, thereAndBack, or empty where it has none
	outstanding int      // requests that are under way at once; 0: it has none
	transports  []string // real links: links; none: no links
	counted     string   // what exactly is counted
	rounds      int      // the best of so many counts
	freePastry  string   // its figure as text; empty: none was taken
	slow        bool     // takes minutes of waiting: runs beside other slow rows
	apart       bool     // in a network namespace of its own, so that the loopback device is its own
	goals       []goal
	// measure measures e.rounds rounds.
	measure func(ctx context.Context, e *env) ([]round, error)
}

// payload is the size of a message, in bytes.
const payload = 100

// Ways that messages go.
const (
	oneWay       = "one way"
	thereAndBack = "there and back"
)

// The transports of real links, the goal's first.
const (
	tcp  = "tcp"
	quic = "quic"
)

var links = []string{tcp, quic}

// goal is what a figure should be.
type goal struct {
	metric    string
	limit     float64
	atLeast   bool   // the figure should be limit or more; else limit or less
	transport string // whose goal it is; empty: of the goal's transport, TCP, and of rows without links
}

// env is what a measurement is told.
type env struct {
	transport string
	rounds    int
	quick     bool // as short as it goes; what is shortened says so in a note
}

// round is what was measured once.
type round struct {
	Figures []figure `json:"figures"`
	Bound   string   `json:"bound,omitempty"` // what bounds the figures, measured in the same round
	Note    string   `json:"note,omitempty"`  // what a reader must know, as "not at full length"
}

// figure is one number of a round.
type figure struct {
	Metric string  `json:"metric"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
}

// verdict says how a figure stands to its goal.
type verdict string

// Verdicts.
const (
	met    verdict = "met"
	near   verdict = "within 25 %"
	missed verdict = "missed"
	free   verdict = "" // no goal
)

// slack is how far from its goal a figure may be and count as near it.
const slack = 1.25

// goalOf returns the goal of a figure over a transport, or nil.
func (r *row) goalOf(metric, transport string) *goal {
	if transport == tcp {
		transport = ""
	}
	i := slices.IndexFunc(r.goals, func(g goal) bool { return g.metric == metric && g.transport == transport })
	if i < 0 {
		return nil
	}
	return &r.goals[i]
}

// excess is 1 where a figure is its goal, above where it misses it.
func (g *goal) excess(value float64) float64 {
	switch {
	case g.atLeast && value <= 0:
		return math.Inf(1)
	case g.atLeast:
		return g.limit / value
	case g.limit == 0:
		return 1 + value
	}
	return value / g.limit
}

func (g *goal) judge(value float64) verdict {
	switch x := g.excess(value); {
	case x <= 1:
		return met
	case x <= slack && g.limit != 0:
		return near
	}
	return missed
}

func (g *goal) String() string {
	sign := "≤"
	switch {
	case g.atLeast:
		sign = "≥"
	case g.limit == 0:
		return "0"
	}
	return sign + " " + number(g.limit)
}

// best returns the round that is nearest to all goals: its worst figure is the best
// among the worst. Without goals, figures are counts of which less is better.
func (r *row) best(rounds []round, transport string) round {
	worst := func(x round) float64 {
		w := 0.0
		for _, f := range x.Figures {
			if g := r.goalOf(f.Metric, transport); g != nil {
				w = max(w, g.excess(f.Value))
			} else if g := r.goalOf(f.Metric, ""); g != nil { // QUIC: measured against TCP's goal, not judged
				w = max(w, g.excess(f.Value))
			}
		}
		return w
	}
	return slices.MinFunc(rounds, func(a, b round) int {
		switch x, y := worst(a), worst(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}

// result is a row that was measured over one transport.
type result struct {
	row       *row
	transport string
	rounds    int
	best      round
	err       error
}

// key is the row's name in the JSON and for -run.
func key(name, transport string) string {
	if transport == "" {
		return name
	}
	return name + "/" + transport
}

// carried says what carries the row's messages, for people.
func (x *result) carried() string {
	switch x.transport {
	case tcp:
		return "TCP+Noise"
	case quic:
		return "QUIC"
	}
	return ""
}

// verdict is that of the worst figure that has a goal.
func (x *result) verdict() verdict {
	if x.err != nil {
		return missed
	}
	v := free
	for _, f := range x.best.Figures {
		if g := x.row.goalOf(f.Metric, x.transport); g != nil {
			if j := g.judge(f.Value); v == free || j == missed || j == near && v == met {
				v = j
			}
		}
	}
	return v
}

// number spells a figure to three digits, whole numbers in full.
func number(x float64) string {
	switch {
	case x == math.Trunc(x) && math.Abs(x) < 1e7:
		return grouped(fmt.Sprintf("%.0f", x))
	case math.Abs(x) >= 1000:
		return grouped(fmt.Sprintf("%.0f", x))
	case math.Abs(x) >= 100:
		return fmt.Sprintf("%.0f", x)
	case math.Abs(x) >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.3f", x), "0"), ".")
}

// grouped puts commas into the digits of a whole number.
func grouped(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

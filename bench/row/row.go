package row

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Row is one thing that is measured. Over two transports it is two lines of the table.
type Row struct {
	Name        string   // for -run and the JSON
	What        string   // for people
	Way         string   // OneWay, ThereAndBack, or empty where it has none
	Outstanding int      // requests that are under way at once; 0: it has none
	Transports  []string // real links: Links; none: no links
	Counted     string   // what exactly is counted
	Rounds      int      // the best of so many counts
	FreePastry  string   // its figure as text; empty: none was taken
	Slow        bool     // takes minutes of waiting: runs beside other slow rows
	Apart       bool     // in a network namespace of its own, so that the loopback device is its own
	Goals       []Goal
	// Measure measures e.rounds rounds.
	Measure func(ctx context.Context, e *Env) ([]Round, error)
}

// Payload is the size of a message, in bytes.
const Payload = 100

// Ways that messages go.
const (
	OneWay       = "one way"
	ThereAndBack = "there and back"
)

// The transports of real links, the goal's first.
const (
	TCP  = "tcp"
	QUIC = "quic"
)

// Links are the transports over which rows with links are measured.
var Links = []string{TCP, QUIC}

// Goal is what a figure should be.
type Goal struct {
	Metric    string
	Limit     float64
	AtLeast   bool   // the figure should be limit or more; else limit or less
	Transport string // whose goal it is; empty: of the goal's transport, TCP, and of rows without links
}

// Env is what a measurement is told.
type Env struct {
	Transport string
	Rounds    int
	Quick     bool // as short as it goes; what is shortened says so in a note
}

// Round is what was measured once.
type Round struct {
	Figures []Figure `json:"figures"`
	Bound   string   `json:"bound,omitempty"` // what bounds the figures, measured in the same round
	Note    string   `json:"note,omitempty"`  // what a reader must know, as "not at full length"
}

// Figure is one number of a round.
type Figure struct {
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
func (r *Row) goalOf(metric, transport string) *Goal {
	if transport == TCP {
		transport = ""
	}
	i := slices.IndexFunc(r.Goals, func(g Goal) bool { return g.Metric == metric && g.Transport == transport })
	if i < 0 {
		return nil
	}
	return &r.Goals[i]
}

// excess is 1 where a figure is its goal, above where it misses it.
func (g *Goal) excess(value float64) float64 {
	switch {
	case g.AtLeast && value <= 0:
		return math.Inf(1)
	case g.AtLeast:
		return g.Limit / value
	case g.Limit == 0:
		return 1 + value
	}
	return value / g.Limit
}

func (g *Goal) judge(value float64) verdict {
	switch x := g.excess(value); {
	case x <= 1:
		return met
	case x <= slack && g.Limit != 0:
		return near
	}
	return missed
}

// String gives a goal to people.
func (g *Goal) String() string {
	sign := "≤"
	switch {
	case g.AtLeast:
		sign = "≥"
	case g.Limit == 0:
		return "0"
	}
	return sign + " " + Number(g.Limit)
}

// Best returns the round that is nearest to all goals: its worst figure is the best
// among the worst. Without goals, figures are counts of which less is better.
func (r *Row) Best(rounds []Round, transport string) Round {
	worst := func(x Round) float64 {
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
	return slices.MinFunc(rounds, func(a, b Round) int {
		switch x, y := worst(a), worst(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}

// Result is a row that was measured over one transport.
type Result struct {
	Row       *Row
	Transport string
	Rounds    int
	Best      Round
	Err       error
}

// Key is the row's name in the JSON and for -run.
func Key(name, transport string) string {
	if transport == "" {
		return name
	}
	return name + "/" + transport
}

// carried says what carries the row's messages, for people.
func (x *Result) carried() string {
	switch x.Transport {
	case TCP:
		return "TCP+Noise"
	case QUIC:
		return "QUIC"
	}
	return ""
}

// verdict is that of the worst figure that has a goal.
func (x *Result) verdict() verdict {
	if x.Err != nil {
		return missed
	}
	v := free
	for _, f := range x.Best.Figures {
		if g := x.Row.goalOf(f.Metric, x.Transport); g != nil {
			if j := g.judge(f.Value); v == free || j == missed || j == near && v == met {
				v = j
			}
		}
	}
	return v
}

// Number spells a figure to three digits, whole numbers in full.
func Number(x float64) string {
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

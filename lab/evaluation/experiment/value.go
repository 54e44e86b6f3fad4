package experiment

import (
	"fmt"
	"math"
	"strconv"
)

// Goal is what a value should be.
type Goal struct {
	Limit float64
	// AtLeast: the value should be Limit or more; else Limit or less.
	AtLeast bool
	// Nodes is the size of the ring for which the goal stands; smaller ones do not
	// show it. 0 means any.
	Nodes int
	// Recalled: the goal rests on a figure that was recalled and not read.
	Recalled bool
}

// AtMost is the goal of limit or less.
func AtMost(limit float64) *Goal { return &Goal{Limit: limit} }

// AtLeast is the goal of limit or more.
func AtLeast(limit float64) *Goal { return &Goal{Limit: limit, AtLeast: true} }

// String gives the goal to people.
func (g *Goal) String() string {
	sign := "≤ "
	if g.AtLeast {
		sign = "≥ "
	}
	text := sign + Number(g.Limit)
	if g.Recalled {
		text += " (recalled)"
	}
	return text
}

// Verdict says how a value stands to its goal.
type Verdict string

// Verdicts. NotShown is that of a rate whose sample is too small to tell, Smaller that of a
// value that would meet its goal if the ring were as large as the goal's.
const (
	None     Verdict = ""
	Met      Verdict = "met"
	Missed   Verdict = "missed"
	NotShown Verdict = "not shown (n too small)"
	Smaller  Verdict = "not shown (ring too small)"
)

// Value is one number that an experiment found.
type Value struct {
	Name     string   // of the experiment
	Metric   string   // one of its metrics
	Variant  string   // what tells values of one metric apart, as "L=16" or "loss 5 %"
	Nodes    int      // of the ring
	Seed     uint64   // of the run
	Value    float64  // in the metric's unit
	Rate     *Rate    // what the value was counted from, if it is a rate
	Paper    *float64 // what was published; nil: nothing
	Recalled bool     // the paper's figure was recalled and not read
	Goal     *Goal    // nil: none
}

// Verdict judges the value; a rate by the bound that its sample can show.
func (v *Value) Verdict() Verdict {
	switch {
	case v.Goal == nil:
		return None
	case v.Nodes < v.Goal.Nodes && v.Goal.good(v.Value):
		return Smaller
	case v.Goal.good(v.bound()):
		return Met
	case v.Rate != nil && v.Goal.good(v.Value):
		return NotShown
	}
	return Missed
}

func (g *Goal) good(x float64) bool {
	if g.AtLeast {
		return x >= g.Limit
	}
	return x <= g.Limit
}

// bound is the worst that the value stands for, in the direction of its goal.
func (v *Value) bound() float64 {
	switch {
	case v.Rate == nil:
		return v.Value
	case v.Goal.AtLeast:
		return v.Rate.Lower()
	}
	return v.Rate.Upper()
}

// Ratio is the value over the paper's, or NaN where there is none.
func (v *Value) Ratio() float64 {
	if v.Paper == nil || *v.Paper == 0 {
		return math.NaN()
	}
	return v.Value / *v.Paper
}

// Number spells a value to four digits.
func Number(x float64) string {
	switch a := math.Abs(x); {
	case math.IsNaN(x):
		return "–"
	case x == math.Trunc(x) && a < 1e9:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case a < 1e-3:
		return fmt.Sprintf("%.2g", x)
	case a >= 1000:
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

// Report gathers the values of a run, and its pictures.
type Report struct {
	Experiment *Experiment
	Params     Params // as it was run: nothing is left at zero
	Values     []Value
	Plots      []Plot
	Notes      []string // what a reader must know, as what stands for a trace
}

// Add adds a value.
func (r *Report) Add(v Value) {
	v.Name, v.Seed = r.Experiment.Name, r.Params.Seed
	if v.Goal != nil && !r.Experiment.AnySize {
		v.Goal.Nodes = r.Experiment.Full
	}
	r.Values = append(r.Values, v)
}

// Paper is a published figure, for Value.Paper.
func Paper(x float64) *float64 { return &x }

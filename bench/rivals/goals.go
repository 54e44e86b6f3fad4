package main

import "fmt"

// Goal is one thing that phyllo promises in comparison, and what came of it.
type Goal struct {
	What string `json:"what"`
	// Value is the ratio rival / phyllo, or phyllo's own figure where AtMost is set.
	Value  float64 `json:"value"`
	Limit  float64 `json:"limit"`
	AtMost bool    `json:"at_most,omitempty"`
	Unit   string  `json:"unit"`
}

// Verdicts on a goal.
const (
	met    = "met"
	near   = "within 25 %"
	missed = "missed"
)

// verdict says whether the goal was reached.
func (g Goal) verdict() string {
	share := g.Value / g.Limit // 1 or more is good
	if g.AtMost {
		share = g.Limit / g.Value
	}
	switch {
	case share >= 1:
		return met
	case share >= 0.8: // a quarter more would do
		return near
	}
	return missed
}

func (g Goal) String() string {
	sign := "≥"
	if g.AtMost {
		sign = "≤"
	}
	return fmt.Sprintf("%s%s (goal %s %s%s: %s)", short(g.Value), g.Unit, sign, short(g.Limit), g.Unit, g.verdict())
}

// op returns what was measured of an operation.
func (r *Run) op(name string) Op {
	for _, o := range r.Ops {
		if o.Name == name {
			return o
		}
	}
	return Op{}
}

// formed returns how long a network took to form, without invitations.
func (r *Run) formed(side string, atOnce int) (f Formed) {
	for _, x := range r.Formed {
		if x.Side == side && x.AtOnce == atOnce && !x.Invited {
			f = x
		}
	}
	return f
}

// goals returns all goals with what the run has to say of them.
func (r *Run) goals() []Goal {
	request, read := r.op(routedRequest), r.op(directoryRead)
	one, all := r.op(getOne), r.op(getDefault)
	return []Goal{
		{What: "median: GetValue quorum 1 / routed request", Value: one.Median / request.Median, Limit: 8, Unit: "×"},
		{What: "median: GetValue default quorum / directory read", Value: all.Median / read.Median, Limit: 10, Unit: "×"},
		{What: "messages of a routed request", Value: request.Messages, Limit: 3, AtMost: true},
		{What: "bytes of a routed request, on the device", Value: request.Bytes, Limit: 1024, AtMost: true, Unit: " B"},
		{What: "CPU: GetValue quorum 1 / routed request", Value: one.CPU / request.CPU, Limit: 20, Unit: "×"},
		{What: "memory of a node: kad-dht / phyllo", Value: r.Memory[kadDHT] / r.Memory[phyllo], Limit: 1, Unit: "×"},
		r.forming("all at once", r.Nodes),
		r.forming(fmt.Sprintf("%d at a time", width), width),
	}
}

// forming compares the times to form. Who was given up took longer than said: with a
// rival that was, the ratio is a lower bound.
func (r *Run) forming(how string, atOnce int) Goal {
	rival, own := r.formed(kadDHT, atOnce), r.formed(phyllo, atOnce)
	return Goal{What: "network formed, " + how + ": kad-dht / phyllo", Value: rival.Seconds / own.Seconds, Limit: 2, Unit: "×"}
}

// smallest returns, of each goal, the worst of all runs: with those a reader may reckon.
func smallest[R interface{ goals() []Goal }](runs []R) []Goal {
	var worst []Goal
	for _, r := range runs {
		for i, g := range r.goals() {
			switch {
			case i == len(worst):
				worst = append(worst, g)
			case g.AtMost == (g.Value > worst[i].Value):
				worst[i] = g
			}
		}
	}
	return worst
}

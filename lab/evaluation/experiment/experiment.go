package experiment

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Experiment reproduces one figure, or one table, of a paper.
type Experiment struct {
	Name  string // for the command
	What  string // what is measured, in a line
	Paper string // where it was published, and with which set-up
	// Nodes is the usual number of nodes; Full is the paper's. An experiment over
	// several sizes takes them as the largest.
	Nodes, Full int
	// NodeBytes is what a simulated node and what comes with it take in memory, with room
	// for the collector; 0 means 32 KiB.
	NodeBytes int64
	// AnySize: goals hold for rings of any size, and not only for the paper's.
	AnySize bool
	// Topologies are those that Params.Topology may name, the usual one first.
	Topologies []string
	Metrics    []Metric
	// Measure runs the experiment, and adds what it finds to the report.
	Measure func(ctx context.Context, r *Run) error
}

// Metric is one kind of value that an experiment reports. Its name is stable.
type Metric struct {
	Name string `json:"metric"`
	Unit string `json:"unit"`
	What string `json:"what"`
}

// Params are the choices of a run. The zero value of each but Seed means the usual one.
type Params struct {
	Nodes    int
	Seed     uint64
	Topology string
	Full     bool // the paper's size, where Nodes is 0
	// Span is how long a ring under churn is watched, after as long a time in which it
	// gets used to that: 30 min.
	Span time.Duration
	// Progress, if not nil, is told how far a part of the run is.
	Progress func(done, all int, part string)
}

// Limits of Params.Nodes. Above MaxNodes a machine of 16 GiB does not hold a ring.
const (
	MinNodes = 10
	MaxNodes = 1_000_000
)

// Size is the number of nodes that a run of these choices has.
func (e *Experiment) Size(p Params) int {
	switch {
	case p.Nodes != 0:
		return p.Nodes
	case p.Full:
		return e.Full
	}
	return e.Nodes
}

// usualBytes are Experiment.nodeBytes where the collector is not tuned.
const usualBytes = 32 << 10

// Memory estimates what a run needs, in bytes.
func (e *Experiment) Memory(p Params) int64 {
	each := e.NodeBytes
	if each == 0 {
		each = usualBytes
	}
	return 64<<20 + int64(e.Size(p))*each
}

// Check returns what is wrong with choices, or nil.
func (e *Experiment) Check(p Params) error {
	if n := e.Size(p); n < MinNodes || n > MaxNodes {
		return fmt.Errorf("%d nodes: %s runs with %d to %d", n, e.Name, MinNodes, MaxNodes)
	}
	if p.Span < 0 || p.Span > 1000*time.Hour {
		return fmt.Errorf("%v: rings under churn are watched for up to 1000 h", p.Span)
	}
	if p.Topology == "" {
		return nil
	}
	for _, t := range e.Topologies {
		if t == p.Topology || t == Measured && strings.HasPrefix(p.Topology, Measured) {
			if _, err := Network(p.Topology, 1, 0); t == Measured && err != nil {
				return err
			}
			return nil
		}
	}
	return fmt.Errorf("%s does not run on the topology %q, only on %s", e.Name, p.Topology, strings.Replace(strings.Join(e.Topologies, ", "), Measured, Measured+"FILE", 1))
}

// Run runs the experiment. Choices that are wrong give what Check says; else the error is
// the context's, or says what the rings would not do.
func (e *Experiment) Run(ctx context.Context, p Params) (*Report, error) {
	if err := e.Check(p); err != nil {
		return nil, err
	}
	p.Nodes = e.Size(p)
	if p.Topology == "" {
		p.Topology = e.Topologies[0]
	}
	r := &Run{Report: Report{Experiment: e, Params: p}}
	if err := e.Measure(ctx, r); err != nil {
		return nil, err
	}
	return &r.Report, nil
}

// Run is an experiment under way.
type Run struct {
	Report
	percent int
	part    string
}

// Step tells the progress, at most a hundred times for each part, and returns the
// context's error.
func (r *Run) Step(ctx context.Context, done, all int, part string) error {
	if percent := 100 * done / max(all, 1); r.Params.Progress != nil && (percent != r.percent || part != r.part) {
		r.percent, r.part = percent, part
		r.Params.Progress(done, all, part)
	}
	return ctx.Err()
}

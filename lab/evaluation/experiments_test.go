package evaluation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/lab/evaluation"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
	"github.com/phyllo-net/phyllo/sim/simtest"
)

// smallest are the nodes of each experiment's run in this test, where MinNodes would
// show nothing.
var smallest = map[string]int{"join": 30}

// always are the experiments of which no goal is missed in a ring of any size.
var always = map[string]bool{"scribe-repair": true}

// TestExperiments runs each experiment in a small ring: each metric that it lists is
// reported, and no other; its pictures are well-formed; the same seed gives the same
// figures, and JSON has what programs rest on.
func TestExperiments(t *testing.T) {
	simtest.WithoutRace(t)
	for _, e := range evaluation.All() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			p := experiment.Params{Nodes: max(experiment.MinNodes+2, smallest[e.Name]), Seed: 3, Span: time.Minute}
			parts := 0
			p.Progress = func(done, all int, part string) {
				if done < 0 || done > all || part == "" {
					t.Errorf("progress: %d of %d of %q", done, all, part)
				}
				parts++
			}
			r, err := e.Run(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if parts == 0 {
				t.Error("no progress was shown")
			}
			checkMetrics(t, r)
			for _, v := range r.Values {
				if always[e.Name] && v.Verdict() == experiment.Missed {
					t.Errorf("%s, %s: %v, the goal is %v", v.Metric, v.Variant, v.Value, v.Goal)
				}
			}
			checkPlots(t, r)
			page := string(r.Page(experiment.Circumstances{Command: "phyllolab run x", Machine: "a machine", Took: time.Second}, "x.svg"))
			for _, want := range []string{"# " + e.Name, e.Paper, "`phyllolab run x`, seed 3, on a machine, in 1 s", "](x.svg)", "| " + e.Metrics[0].Name, "this run"} {
				if !strings.Contains(page, want) {
					t.Errorf("no %q in the page:\n%s", want, page)
				}
			}
			lines := asJSON(t, r)
			again, err := e.Run(t.Context(), experiment.Params{Nodes: p.Nodes, Seed: 3, Span: p.Span})
			if err != nil {
				t.Fatal(err)
			}
			if asJSON(t, again) != lines {
				t.Errorf("two runs of one seed differ:\n%s\n%s", lines, asJSON(t, again))
			}
		})
	}
}

func checkMetrics(t *testing.T, r *experiment.Report) {
	t.Helper()
	reported := make(map[string]bool)
	for _, v := range r.Values {
		reported[v.Metric] = true
		if math.IsInf(v.Value, 0) || math.IsNaN(v.Value) || v.Nodes < experiment.MinNodes {
			t.Errorf("%s %s is %v, of %d nodes", v.Metric, v.Variant, v.Value, v.Nodes)
		}
	}
	for _, m := range r.Experiment.Metrics {
		if !reported[m.Name] {
			t.Errorf("%s is listed and not reported", m.Name)
		}
		if m.What == "" {
			t.Errorf("%s is not explained", m.Name)
		}
		delete(reported, m.Name)
	}
	for m := range reported {
		t.Errorf("%s is reported and not listed", m)
	}
}

func checkPlots(t *testing.T, r *experiment.Report) {
	t.Helper()
	if len(r.Plots) == 0 {
		t.Error("there is no picture")
	}
	for i := range r.Plots {
		svg := r.Plots[i].SVG()
		if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
			t.Errorf("picture %d has what is no number:\n%s", i, svg)
		}
		for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("picture %d: %v", i, err)
			}
		}
	}
}

// asJSON gives those of the report's lines that the same seed must repeat, after a look
// at what each line must have.
func asJSON(t *testing.T, r *experiment.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var same strings.Builder
	for line := range strings.SplitSeq(strings.TrimSpace(b.String()), "\n") {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		for _, name := range []string{"name", "nodes", "seed", "metric", "value", "paper"} {
			if _, ok := fields[name]; !ok {
				t.Errorf("no %q in %s", name, line)
			}
		}
		if metric, _ := fields["metric"].(string); !evaluation.Varies(metric) {
			same.WriteString(line + "\n")
		}
	}
	return same.String()
}

// TestWrongChoices: what cannot be run is refused before anything is built.
func TestWrongChoices(t *testing.T) {
	file := filepath.Join(t.TempDir(), "king.txt")
	if err := os.WriteFile(file, []byte("0 10\n10 zero\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hops, err := evaluation.Find("hops")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		p    experiment.Params
		want string
	}{
		{experiment.Params{Nodes: -1}, "-1 nodes: hops runs with 10 to 1000000"},
		{experiment.Params{Nodes: 9}, "9 nodes"},
		{experiment.Params{Nodes: 1_000_001}, "1000001 nodes"},
		{experiment.Params{Span: -1}, "up to 1000 h"},
		{experiment.Params{Topology: "torus"}, `does not run on the topology "torus"`},
		{experiment.Params{Topology: "matrix=" + file}, "line 2"},
		{experiment.Params{Topology: "matrix=" + file + ".not"}, "no such file"},
	} {
		if _, err := hops.Run(t.Context(), c.p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.p, err, c.want)
		}
	}
	if _, err := evaluation.Find("hop"); err == nil || !strings.Contains(err.Error(), "hops") {
		t.Errorf("an unknown name: %v", err)
	}
}

// TestMeasuredNetwork runs on a matrix of latencies from a file.
func TestMeasuredNetwork(t *testing.T) {
	file := filepath.Join(t.TempDir(), "king.txt")
	if err := os.WriteFile(file, []byte("0 10 20\n10 0 30\n20 30 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hops, err := evaluation.Find("hops")
	if err != nil {
		t.Fatal(err)
	}
	r, err := hops.Run(t.Context(), experiment.Params{Nodes: 10, Topology: "matrix=" + file})
	if err != nil {
		t.Fatal(err)
	}
	checkMetrics(t, r)
}

// TestInterrupted: a run ends when its context does.
func TestInterrupted(t *testing.T) {
	simtest.WithoutRace(t)
	for _, e := range evaluation.All() {
		ctx, end := context.WithCancel(t.Context())
		steps := 0
		_, err := e.Run(ctx, experiment.Params{Nodes: 20, Progress: func(int, int, string) {
			if steps++; steps == 3 {
				end()
			}
		}})
		end()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", e.Name, err)
		}
	}
}

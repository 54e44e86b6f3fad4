package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/lab/evaluation"
)

// TestList: every experiment is listed, and as JSON with its metrics.
func TestList(t *testing.T) {
	text, lines := command(t, []string{"list"}), strings.Split(strings.TrimSpace(command(t, []string{"list", "--json"})), "\n")
	all := evaluation.All()
	if len(lines) != len(all) {
		t.Fatalf("%d experiments are listed, there are %d", len(lines), len(all))
	}
	for i, e := range all {
		if !strings.Contains(text, "\n"+e.Name+" ") && !strings.HasPrefix(text, e.Name+" ") {
			t.Errorf("%s is not listed:\n%s", e.Name, text)
		}
		var l listed
		if err := json.Unmarshal([]byte(lines[i]), &l); err != nil {
			t.Fatal(err)
		}
		if l.Name != e.Name || len(l.Metrics) != len(e.Metrics) || l.Metrics[0].Name == "" || l.Nodes != e.Nodes {
			t.Errorf("%s is listed as %+v", e.Name, l)
		}
	}
}

// TestInterrupt: an experiment ends when it is told to, and says so.
func TestInterrupt(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	end()
	var out, say bytes.Buffer
	if code := run(ctx, &world{out: &out, say: &say}, []string{"run", "hops", "--nodes", "100"}); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if !strings.HasSuffix(say.String(), "phyllolab: interrupted\n") || out.Len() > 0 {
		t.Errorf("it printed %q and %q", out.String(), say.String())
	}
}

// TestRun: an experiment prints a table, or JSON, on standard output, how far it is on
// standard error, and draws a picture.
func TestRun(t *testing.T) {
	t.Chdir(t.TempDir())
	var out, say bytes.Buffer
	w := &world{out: &out, say: &say}
	if code := run(t.Context(), w, []string{"run", "join", "--nodes", "12", "--plot", "join.svg"}); code != 0 {
		t.Fatalf("exit code %d: %s", code, say.String())
	}
	if !strings.HasPrefix(out.String(), "| metric") || !strings.Contains(out.String(), "\n| join_time ") {
		t.Errorf("it printed:\n%s", out.String())
	}
	if !strings.Contains(say.String(), "100 %  12 nodes: joins\n") {
		t.Errorf("progress:\n%s", say.String())
	}
	if svg, err := os.ReadFile("join.svg"); err != nil || !bytes.HasPrefix(svg, []byte("<svg ")) {
		t.Errorf("the picture: %v, %.20q", err, svg)
	}
	out.Reset()
	if code := run(t.Context(), w, []string{"run", "join", "--nodes", "12", "--json", "--seed", "5", "--topology", "plane"}); code != 0 {
		t.Fatalf("exit code %d: %s", code, say.String())
	}
	var line struct {
		Name, Metric string
		Nodes        int
		Seed         uint64
		Value, Paper *float64
	}
	if err := json.NewDecoder(&out).Decode(&line); err != nil {
		t.Fatal(err)
	}
	if line.Name != "join" || line.Metric != "join_messages" || line.Nodes != 12 || line.Seed != 5 || line.Value == nil || line.Paper == nil {
		t.Errorf("the first line is %+v", line)
	}
}

// TestFigures: a page and a picture for each experiment, and a list of the pages.
func TestFigures(t *testing.T) {
	t.Chdir(t.TempDir())
	got := command(t, []string{"figures", "--out", "pages", "--scale", "0.001", "join", "hops"})
	for _, want := range []string{"join: ", "hops: ", "2> phyllolab run join --nodes 10 --seed 1\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	for file, want := range map[string]string{
		"pages/join.md": "`phyllolab run join --nodes 10 --seed 1`", "pages/join.svg": "<svg ", "pages/hops.md": "| hops_mean, L=16",
		"pages/README.md": "[hops](hops.md)",
	} {
		if b, err := os.ReadFile(file); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v, no %q in:\n%s", file, err, want, b)
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/lab/evaluation"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
)

// figuresFlags are the flags of `phyllolab figures`.
type figuresFlags struct {
	out   string
	scale float64
	full  bool
	seed  uint64
	span  time.Duration
}

func newFigures(w *world) *cobra.Command {
	var f figuresFlags
	c := &cobra.Command{
		Use: "figures [NAME...]", Short: "Run experiments, all if none is named, and write a page with a picture for each",
		Example: "  phyllolab figures --out docs/evaluation\n  phyllolab figures --out /tmp/quick --scale 0.1 hops join\n" +
			"  phyllolab figures --full --out docs/evaluation/full churn",
		RunE: func(c *cobra.Command, names []string) error {
			if f.scale <= 0 || f.scale > 100 || math.IsNaN(f.scale) {
				return wrong("--scale %v: take a number above 0 and up to 100", f.scale)
			}
			if f.full && c.Flags().Changed("scale") {
				return wrong("--full is the papers' sizes: leave out --scale, or --full")
			}
			all := evaluation.All()
			if len(names) > 0 {
				all = nil
			}
			for _, name := range names {
				e, err := evaluation.Find(name)
				if err != nil {
					return wrong("%w: see `phyllolab list`", err)
				}
				all = append(all, e)
			}
			for _, e := range all {
				if err := w.fits(e, f.params(e)); err != nil {
					return err
				}
			}
			return w.figures(c.Context(), &f, all)
		},
	}
	c.Flags().StringVar(&f.out, "out", "evaluation", "`FOLDER` to write to")
	c.Flags().Float64Var(&f.scale, "scale", 1, "`SHARE` of each experiment's usual number of nodes")
	c.Flags().BoolVar(&f.full, "full", false, "the papers' sizes: hours, and some GiB of memory")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "`SEED` of all runs")
	c.Flags().DurationVar(&f.span, "span", 0, "how long a ring under churn is watched, in virtual `TIME` (default 30m0s)")
	return c
}

func (f *figuresFlags) params(e *experiment.Experiment) experiment.Params {
	if f.full {
		return experiment.Params{Full: true, Seed: f.seed, Span: f.span}
	}
	n := int(math.Round(float64(e.Nodes) * f.scale))
	return experiment.Params{Nodes: max(n, experiment.MinNodes), Seed: f.seed, Span: f.span}
}

// figures runs the experiments one after another.
func (w *world) figures(ctx context.Context, f *figuresFlags, all []*experiment.Experiment) error {
	if err := os.MkdirAll(f.out, 0o755); err != nil {
		return err
	}
	for _, e := range all {
		p := f.params(e)
		size := "--full"
		if !p.Full {
			size = fmt.Sprintf("--nodes %d", p.Nodes)
		}
		command := fmt.Sprintf("phyllolab run %s %s --seed %d", e.Name, size, p.Seed)
		if p.Span > 0 {
			command += fmt.Sprintf(" --span %v", p.Span)
		}
		fmt.Fprintln(w.say, command)
		p.Progress = w.progress()
		begun := time.Now()
		r, err := w.measure(ctx, e, p)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
		about := experiment.Circumstances{Command: command, Machine: machine(), Took: time.Since(begun)}
		// The list follows each page: who interrupts a long run has all that was done.
		if err := errors.Join(writePage(f.out, r, about), writeIndex(f.out)); err != nil {
			return err
		}
		fmt.Fprintf(w.out, "%s: %s\n", e.Name, r.Summary())
	}
	return nil
}

func writePage(out string, r *experiment.Report, about experiment.Circumstances) error {
	picture := r.Experiment.Name + ".svg"
	for i := range r.Plots {
		if err := os.WriteFile(filepath.Join(out, experiment.PlotName(picture, i)), r.Plots[i].SVG(), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(out, r.Experiment.Name+".md"), r.Page(about, picture), 0o644)
}

// writeIndex lists the pages that are there.
func writeIndex(out string) error {
	var b strings.Builder
	b.WriteString("# The papers' figures, beside phyllo's\n\nWritten by `phyllolab figures`, as by `make figures`: the protocol code of the real node, in simulation. " +
		"Each page has its command, and the same command gives the same figures.\n\n| page | what is measured |\n|---|---|\n")
	for _, e := range evaluation.All() {
		if _, err := os.Stat(filepath.Join(out, e.Name+".md")); err == nil {
			fmt.Fprintf(&b, "| [%s](%s.md) | %s |\n", e.Name, e.Name, e.What)
		}
	}
	return os.WriteFile(filepath.Join(out, "README.md"), []byte(b.String()), 0o644)
}

// machine describes this one.
func machine() string {
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, text, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(text)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d processors, %s/%s, %s", model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/lab/evaluation"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
)

// runFlags are the flags of `phyllolab run`.
type runFlags struct {
	experiment.Params
	json bool
	plot string
}

func newRun(w *world) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use: "run NAME", Short: "Run an experiment, and print its figures beside the published ones",
		Example: "  phyllolab run hops --nodes 1000\n  phyllolab run stretch --json --plot stretch.svg",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return wrong("%s takes the name of one experiment: see `phyllolab list`", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			e, err := evaluation.Find(args[0])
			if err != nil {
				return wrong("%w: see `phyllolab list`", err)
			}
			if c.Flags().Changed("nodes") && f.Nodes < experiment.MinNodes {
				return wrong("--nodes %d: %s runs with %d to %d", f.Nodes, e.Name, experiment.MinNodes, experiment.MaxNodes)
			}
			if err := w.fits(e, f.Params); err != nil {
				return err
			}
			if err := drawable(f.plot); err != nil {
				return err
			}
			f.Progress = w.progress()
			r, err := w.measure(c.Context(), e, f.Params)
			if err != nil {
				return err
			}
			return w.report(r, &f)
		},
	}
	c.Flags().IntVar(&f.Nodes, "nodes", 0, "number of `NODES` of the largest ring (default: each experiment has its own)")
	c.Flags().Uint64Var(&f.Seed, "seed", 1, "`SEED`: the same one gives the same run")
	c.Flags().StringVar(&f.Topology, "topology", "", "the network: plane, sphere, transit-stub, or matrix=`FILE` with measured round trips in ms")
	c.Flags().BoolVar(&f.Full, "full", false, "the paper's size, where --nodes is not given")
	c.Flags().DurationVar(&f.Span, "span", 0, "how long a ring under churn is watched, in virtual `TIME` (default 30m0s)")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON, one object for each value in a line")
	c.Flags().StringVar(&f.plot, "plot", "", "draw the picture into `FILE`.svg; a second one goes to FILE-2.svg")
	return c
}

// fits refuses what cannot be run, before anything is.
func (w *world) fits(e *experiment.Experiment, p experiment.Params) error {
	if err := e.Check(p); err != nil {
		return usageError{err}
	}
	if need := e.Memory(p); w.memory > 0 && need > w.memory {
		return wrong("%s with %d nodes needs about %d MiB of memory, and %d MiB are free: take fewer --nodes",
			e.Name, e.Size(p), need>>20, w.memory>>20)
	}
	return nil
}

// progress prints how far a run is: a line for each part, and each quarter of a long one.
func (w *world) progress() func(done, all int, part string) {
	last, quarter := "", -1
	return func(done, all int, part string) {
		q := 4 * done / max(all, 1)
		if part == last && q == quarter {
			return
		}
		last, quarter = part, q
		fmt.Fprintf(w.say, "%3d %%  %s\n", 100*done/max(all, 1), part)
	}
}

// drawable refuses a picture that could not be written, before a run that may take hours.
func drawable(file string) error {
	if file == "" {
		return nil
	}
	if at, err := os.Stat(file); err == nil && at.IsDir() {
		return wrong("--plot %s: that is a folder: name a file in it, as %s", file, filepath.Join(file, "figure.svg"))
	}
	try, err := os.CreateTemp(filepath.Dir(file), ".phyllolab-*")
	if err != nil {
		return wrong("--plot %s: %w: name a file in a folder that is there, and that you may write to", file, errors.Unwrap(err))
	}
	return errors.Join(try.Close(), os.Remove(try.Name()))
}

// report prints the figures and writes the pictures.
func (w *world) report(r *experiment.Report, f *runFlags) error {
	var err error
	if f.json {
		err = r.WriteJSON(w.out)
	} else {
		_, err = fmt.Fprint(w.out, r.Table())
	}
	for i := 0; f.plot != "" && i < len(r.Plots); i++ {
		err = errors.Join(err, os.WriteFile(experiment.PlotName(f.plot, i), r.Plots[i].SVG(), 0o644))
	}
	return err
}

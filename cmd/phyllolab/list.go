package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/lab/evaluation"
	"github.com/phyllo-net/phyllo/lab/evaluation/experiment"
)

func newList(w *world) *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use: "list", Short: "List the experiments, and with --json their metrics",
		Args: none,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return listJSON(w)
			}
			t := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
			for _, e := range evaluation.All() {
				fmt.Fprintf(t, "%s\t%s\n\t  %s\n\t  %d nodes, --full %d\n", e.Name, e.What, e.Paper, e.Nodes, e.Full)
			}
			return t.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object for each experiment in a line")
	return c
}

// listed is an experiment as JSON.
type listed struct {
	Name       string              `json:"name"`
	What       string              `json:"what"`
	Paper      string              `json:"paper"`
	Nodes      int                 `json:"nodes"`
	Full       int                 `json:"full_nodes"`
	Topologies []string            `json:"topologies"`
	Metrics    []experiment.Metric `json:"metrics"`
}

func listJSON(w *world) error {
	out := json.NewEncoder(w.out)
	for _, e := range evaluation.All() {
		if err := out.Encode(listed{e.Name, e.What, e.Paper, e.Nodes, e.Full, e.Topologies, e.Metrics}); err != nil {
			return err
		}
	}
	return nil
}

package ring

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

func ringCensus(w *console.World) *cobra.Command {
	return &cobra.Command{
		Use:   "census",
		Short: "Count the ring: nodes, versions, storage",
		Long: `Ask all nodes of the ring what they are, and add up what they say: how many there are,
which versions they run, and what they offer and keep. Each node is asked once. A node
with "counted = false" is counted, and says nothing of itself.`,
		Example: "  phyllo ring census",
		Args:    command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.Ask(cmd.Context(), "asking all nodes …", func(ctx context.Context, c *api.Client) error {
				s, err := c.Census(ctx)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(s)
				}
				census(w, s)
				return nil
			})
		},
	}
}

func census(w *console.World, s *api.Census) {
	w.Reached(s.Nodes, s.About)
	row := func(name, format string, args ...any) {
		w.Printf("  %-10s "+format+"\n", append([]any{name}, args...)...)
	}
	var versions []string
	for _, v := range s.Versions {
		versions = append(versions, plain.Clean(v.Version)+" on "+plain.Plural(v.Nodes, "node"))
	}
	if len(versions) > 0 {
		row("versions", "%s", strings.Join(versions, ", "))
	}
	row("offered", "%s", plain.Bytes(uint64(max(s.Offered, 0))))
	row("kept", "%s in %s, all copies counted", plain.Bytes(uint64(max(s.Kept, 0))), plain.Plural(int(s.Objects), "object"))
	row("names", "%s, all copies counted", plain.Plural(int(s.Names), "record"))
	if s.Silent > 0 {
		row("silent", "%s of these do not say what they have", plain.Plural(s.Silent, "node"))
	}
	row("took", "%s", plain.RTT(s.TookMicros))
}

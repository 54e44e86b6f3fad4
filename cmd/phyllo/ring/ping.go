package ring

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

func newPing(w *console.World) *cobra.Command {
	return &cobra.Command{
		Use:   "ping NAME|ID",
		Short: "Measure the round trip to a person's node",
		Long: `Measure the round trip to a node, and say over which path. The first one may go
through a relay while a direct path is looked for: try again after a moment.`,
		Example:           "  phyllo ping bob\n  phyllo ping 3f2a9b0c4d5e6f708192a3b4c5d6e7f8",
		Args:              command.Typed(1, 1, command.PersonOrNode),
		ValidArgsFunction: command.Complete(w, command.Contacts),
		RunE: func(cmd *cobra.Command, a []string) error {
			return w.Ask(cmd.Context(), "waiting for "+plain.Clean(a[0])+" …", func(ctx context.Context, c *api.Client) error {
				p, err := c.Ping(ctx, a[0])
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(p)
				}
				who := p.ID.Short()
				if p.Name != "" {
					who = plain.Clean(p.Name) + " (" + who + ")"
				}
				way := "direct over " + p.Kind + " to " + p.Addr
				switch {
				case p.Kind == "self":
					way = "this node itself"
				case p.Path != "direct" && !p.Via.IsZero():
					way = "relayed by node " + p.Via.Short() + ", which sees sealed bytes only"
				case p.Path != "direct" && p.Kind == "ring":
					way = "relayed through the ring: there is no connection between the two nodes"
				case p.Path != "direct":
					way = "relayed through " + p.Addr
				}
				w.Printf("%s: %s, %s\n", who, plain.RTT(p.RTTMicros), plain.Clean(way))
				return nil
			})
		},
	}
}

func newTrace(w *console.World) *cobra.Command {
	return &cobra.Command{
		Use:               "trace KEY|NAME",
		Short:             "Show the way of a message through the ring",
		Long:              "Send a message towards a key, or the place of a name, and show each node that it passed with its round trip.",
		Example:           "  phyllo trace bob\n  phyllo trace 3f2a9b0c4d5e6f708192a3b4c5d6e7f8",
		Args:              command.Typed(1, 1, command.Place),
		ValidArgsFunction: command.Complete(w, command.Contacts),
		RunE: func(cmd *cobra.Command, a []string) error {
			return w.Ask(cmd.Context(), "tracing …", func(ctx context.Context, c *api.Client) error {
				t, err := c.Trace(ctx, a[0])
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(t)
				}
				w.Printf("key %s\n", t.Key)
				rows := [][]string{}
				for i, h := range t.Hops {
					what := ""
					if h.ID == t.Root {
						what = "root of the key"
					}
					rows = append(rows, []string{fmt.Sprintf("%3d", i+1), h.ID.String(), plain.RTT(h.RTTMicros), h.Addr, what})
				}
				w.Table(rows)
				if len(t.Hops) == 0 {
					w.Printf("this node is the root of the key\n")
				}
				w.Printf("%s, answered after %s\n", plain.Plural(len(t.Hops), "hop"), plain.RTT(t.RTTMicros))
				return nil
			})
		},
	}
}

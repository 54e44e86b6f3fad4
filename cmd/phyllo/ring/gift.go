package ring

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

func ringGift(w *console.World) *cobra.Command {
	return &cobra.Command{
		Use:   "gift [SIZE]",
		Short: "Show or change how much each member may store without an offer",
		Long: `Show how much each member of the ring may store without offering anything, or change
it, where the authority key of the ring is. In a new ring it is 1 GB, with five copies of
everything. Who offers room of his own may store more: see "phyllo offer". The other
nodes learn of a change within the hour. With less than somebody uses already, nothing of
his is lost, but he stores nothing new until he has removed enough, or offers more.`,
		Example: `  phyllo ring gift
  phyllo ring gift 5GB
  phyllo ring gift 0`,
		Args: command.Args(0, 1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, a []string) error {
			change := func(ctx context.Context, c *api.Client) (*api.Gift, error) { return c.Gift(ctx) }
			if len(a) == 1 {
				size, err := offerOf(a[0])
				if err != nil || size == api.AutoOffer {
					return console.Usage("%+q cannot be given: give 0, or 1MiB to 1TiB, as in `phyllo ring gift 2GiB`", a[0])
				}
				change = func(ctx context.Context, c *api.Client) (*api.Gift, error) {
					return c.SetGift(ctx, api.Gift{Bytes: size})
				}
			}
			return w.Ask(cmd.Context(), "asking …", func(ctx context.Context, c *api.Client) error {
				g, err := change(ctx, c)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(g)
				}
				w.Printf("each member may store %s without an offer, with five copies of everything\n", plain.Bytes(uint64(g.Bytes)))
				return nil
			})
		},
	}
}

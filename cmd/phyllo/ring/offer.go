package ring

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/node/config"
)

func newOffer(w *console.World) *cobra.Command {
	return &cobra.Command{
		Use:   "offer [SIZE|0|auto]",
		Short: "Show or change how much this node keeps for the ring",
		Long: `Show how much this node keeps for the members of the ring, and how much you may
store there; or change it. Who offers more may store more: as much as he offers, less
a sixth, beside what everybody may. With 0 the node keeps nothing for others but small
records that it votes about, 16 MiB at most. With auto it chooses by itself, as it does
before it is told anything: a tenth of what is free on its disk, 20 GB at most, and a
tenth of the disk stays free.

If the node keeps more than it is to, it moves that to other nodes, by and by; where
there are none it stays. What is offered here holds, also after the next start, until
it is offered anew, or the setting "offer" or "phyllo up --offer" says something new.`,
		Example: `  phyllo offer
  phyllo offer 20GiB
  phyllo offer 0
  phyllo offer auto`,
		Args: command.Args(0, 1),
		RunE: func(cmd *cobra.Command, a []string) error {
			change := func(ctx context.Context, c *api.Client) (*api.Account, error) { return c.Account(ctx) }
			if len(a) == 1 {
				size, err := offerOf(a[0])
				if err != nil {
					return err
				}
				change = func(ctx context.Context, c *api.Client) (*api.Account, error) {
					return c.Offer(ctx, api.OfferRequest{Bytes: size})
				}
			}
			return w.Ask(cmd.Context(), "asking …", func(ctx context.Context, c *api.Client) error {
				acc, err := change(ctx, c)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(acc)
				}
				w.Printf("%s\n%s\n", offeredText(acc), usedText(acc))
				return nil
			})
		},
	}
}

// offerOf reads what was typed.
func offerOf(s string) (int64, error) {
	size, err := config.ParseOffer(s)
	if err != nil {
		return 0, console.Usage("%+q cannot be offered: give auto, 0, or 1MiB to 1TiB, as in `phyllo offer 20GiB`", s)
	}
	return size, nil
}

// offeredText says what a node keeps.
func offeredText(a *api.Account) string {
	text := "this node offers " + plain.Bytes(uint64(a.Offered))
	if a.Auto {
		text += ", which it has chosen by itself,"
	}
	text += " and keeps " + plain.Bytes(uint64(a.Kept)) + " for " + plain.Plural(a.Objects, "object")
	if a.Elsewhere > 0 {
		text += fmt.Sprintf(", %d of them at other nodes", a.Elsewhere)
	}
	if a.Kept > a.Offered {
		text += "; what is too much goes to other nodes, by and by"
	}
	if a.Free >= 0 {
		text += "\nits disk has " + plain.Bytes(uint64(a.Free)) + " free"
	}
	return text
}

// usedText says what its member uses.
func usedText(a *api.Account) string {
	if a.Heard == 0 {
		return "what you use is not known now: too few of the nodes that keep your account are reachable"
	}
	text := "you use " + plain.Bytes(uint64(a.Used)) + " of " + plain.Bytes(uint64(a.Limit)) + ", all copies counted"
	text += plain.Beyond(a.Used, a.Limit)
	if a.Counted < a.Offered {
		text += "; " + plain.Bytes(uint64(a.Counted)) + " of the offer count so far, more as it is used"
	}
	return text
}

package people

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

func newContact(w *console.World) *cobra.Command {
	return command.Group("contact", "People whom you know, and strangers who ask",
		`Contacts see whether you are there. What a stranger writes waits as a request until
you accept him.`,
		contactList(w),
		contactChange(w, "add NAME", "Put a person into your list", "is a contact", func(ctx context.Context, c *api.Client, q api.Who) error {
			_, err := c.ContactAdd(ctx, q)
			return err
		}),
		contactChange(w, "accept NAME", "Accept a stranger who asks", "is a contact", func(ctx context.Context, c *api.Client, q api.Who) error {
			_, err := c.ContactAccept(ctx, q)
			return err
		}),
		contactChange(w, "rm NAME", "Take a person out, or send a request away", "is no contact any more", func(ctx context.Context, c *api.Client, q api.Who) error {
			return c.ContactRemove(ctx, q)
		}),
		contactChange(w, "block NAME", "Let nothing more in from a person", "is blocked, and is not told so", func(ctx context.Context, c *api.Client, q api.Who) error {
			return c.ContactBlock(ctx, q)
		}),
		verify(w, "contact"))
}

func contactChange(w *console.World, use, short, did string, f func(context.Context, *api.Client, api.Who) error) *cobra.Command {
	var as string
	cmd := &cobra.Command{
		Use: use, Short: short, Args: command.Typed(1, 1, command.Person), ValidArgsFunction: command.Complete(w, command.Contacts),
		RunE: func(cmd *cobra.Command, a []string) error {
			return w.Ask(cmd.Context(), "asking the node …", func(ctx context.Context, c *api.Client) error {
				if err := f(ctx, c, api.Who{User: as, Name: a[0]}); err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(map[string]string{"event": cmd.Name(), "name": a[0]})
				}
				w.Printf("%s %s %s\n", w.Mark(api.Good), plain.Clean(a[0]), did)
				return nil
			})
		},
	}
	cmd.Example = "  phyllo contact " + cmd.Name() + " bob"
	cmd.Flags().StringVar(&as, "from", "", "`USER` whose list it is, if several live here")
	return cmd
}

func contactList(w *console.World) *cobra.Command {
	var as string
	cmd := &cobra.Command{
		Use: "list", Short: "List contacts, requests and blocked people", Example: "  phyllo contact list", Args: command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.Ask(cmd.Context(), "asking the node …", func(ctx context.Context, c *api.Client) error {
				list, err := c.ContactList(ctx, as)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				return console.Listing(w, list, "No contacts yet: "+w.Command("contact add NAME"), []string{"NAME", "STATE", "LAST SEEN", "KEY"}, func(x api.Contact) []string {
					return []string{plain.Name(x.Name, x.Claimed, x.Key), command.ContactState(x), seen(w, x), plain.Grouped(x.Key)}
				})
			})
		},
	}
	cmd.Flags().StringVar(&as, "from", "", "`USER` whose list it is, if several live here")
	return cmd
}

func seen(w *console.World, x api.Contact) string {
	switch {
	case x.Online:
		return "here now"
	case x.LastSeen.IsZero():
		return "-"
	}
	return w.Ago(x.LastSeen)
}

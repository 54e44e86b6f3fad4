package storage

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

func newSpace(w *console.World) *cobra.Command {
	return command.Group("space", "Trees of files, and who may use them",
		`A space is a tree of files, on all computers of yours and of those whom you let use it.
Everybody has the space "home", which is made with its first file.`,
		spaceAdd(w), spaceCreate(w), spaceGrant(w), spaceList(w), spaceRevoke(w))
}

// Spaces are the names of a user's spaces.
func Spaces(ctx context.Context, c *api.Client) ([]string, error) {
	list, err := c.SpaceList(ctx, "")
	var words []string
	for _, s := range list {
		words = append(words, s.Name+"\t"+spaceState(s))
	}
	return words, err
}

// spaceState says in a word what a user may do in a space.
func spaceState(s api.Space) string {
	switch {
	case s.Trouble != "":
		return s.Trouble
	case !s.Writes:
		return "read only"
	}
	return "read and write"
}

// shownSpace prints a space that was made or added.
func shownSpace(w *console.World, s *api.Space, text string) error {
	if w.JSON {
		return w.Line(s)
	}
	w.Printf("%s %s %s\n", w.Mark("good"), plain.Clean(s.Name), text)
	return nil
}

func spaceCreate(w *console.World) *cobra.Command {
	var q api.SpaceCreate
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a space",
		Long: `Make a space. With --convergent equal parts of its files are stored once; the price is
that everybody who may use the space, or once could, can find out whether a text that
he guesses is stored in it, and that what is removed gives no space back.`,
		Example: `  phyllo space create holidays
  phyllo space create backups --convergent`,
		Args: command.Typed(1, 1, command.Space),
		RunE: func(cmd *cobra.Command, a []string) error {
			q.Name = a[0]
			return w.Ask(cmd.Context(), "making the space …", func(ctx context.Context, c *api.Client) error {
				s, err := c.SpaceCreate(ctx, q)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				return shownSpace(w, s, "is there: put files into it with --space "+console.QuoteArg(plain.Clean(s.Name))+plain.Apart(s.Apart))
			})
		},
	}
	cmd.Flags().StringVar(&q.User, "user", "", "whose `NAME` it is to be, where several users live on the node")
	cmd.Flags().BoolVar(&q.Convergent, "convergent", false, "store equal parts once")
	return cmd
}

func spaceList(w *console.World) *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use: "list", Short: "List your spaces, and who may use them", Long: "List your spaces, with their owners and those who may use them.",
		Example: "  phyllo space list", Args: command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.Ask(cmd.Context(), "looking …", func(ctx context.Context, c *api.Client) error {
				list, err := c.SpaceList(ctx, user)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				none := "you have no space yet: `phyllo put FILE` makes the first"
				return console.Listing(w, list, none, []string{"SPACE", "OWNER", "YOU MAY", "USED BY"}, func(s api.Space) []string {
					var names []string
					for _, m := range s.Members {
						if name := m.Name; m.Writes {
							names = append(names, name)
						} else {
							names = append(names, name+" (reads)")
						}
					}
					return []string{plain.Clean(s.Name), plain.Clean(s.Owner), plain.Clean(spaceState(s)), plain.Join(names)}
				})
			})
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "whose `NAME` they are, where several users live on the node")
	return cmd
}

func spaceGrant(w *console.World) *cobra.Command {
	var q api.SpaceGrant
	cmd := &cobra.Command{
		Use:   "grant SPACE PERSON",
		Short: "Let somebody use a space of yours",
		Long: `Let somebody read and change the files of a space of yours, or with --read-only read them,
and print a line for him, for ` + "`phyllo space add`" + `. The line opens nothing to others but the
list of those who may use the space.`,
		Example: `  phyllo space grant holidays bob
  phyllo space grant holidays carol --read-only`,
		Args: command.Typed(2, 2, command.Space, command.Person),
		RunE: func(cmd *cobra.Command, a []string) error {
			q.Space, q.Name = a[0], a[1]
			return w.Ask(cmd.Context(), "granting …", func(ctx context.Context, c *api.Client) error {
				l, err := c.SpaceGrant(ctx, q)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(l)
				}
				w.Printf("%s\n", l.Link)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&q.User, "user", "", "whose `NAME` the space is, where several users live on the node")
	cmd.Flags().BoolVar(&q.ReadOnly, "read-only", false, "he may read, and not change anything")
	cmd.ValidArgsFunction = command.Complete(w, Spaces, command.Contacts)
	return cmd
}

func spaceRevoke(w *console.World) *cobra.Command {
	var q api.SpaceGrant
	cmd := &cobra.Command{
		Use:   "revoke SPACE PERSON",
		Short: "Let somebody use a space of yours no more",
		Long: `Take back what was granted. The space gets other keys: nothing that he changes counts any
more, and he cannot read what is stored from now on. What he could read before, he may
have kept, and what was stored before he could still have deleted.`,
		Example: "  phyllo space revoke holidays bob",
		Args:    command.Typed(2, 2, command.Space, command.Person),
		RunE: func(cmd *cobra.Command, a []string) error {
			q.Space, q.Name = a[0], a[1]
			return w.Ask(cmd.Context(), "revoking …", func(ctx context.Context, c *api.Client) error {
				if err := c.SpaceRevoke(ctx, q); err != nil {
					return err
				}
				console.Answered(ctx)
				return removed(w, q.Name, "may not use the space "+plain.Clean(q.Space)+" any more")
			})
		},
	}
	cmd.Flags().StringVar(&q.User, "user", "", "whose `NAME` the space is, where several users live on the node")
	cmd.ValidArgsFunction = command.Complete(w, Spaces, command.Contacts)
	return cmd
}

func spaceAdd(w *console.World) *cobra.Command {
	var q api.SpaceAdd
	cmd := &cobra.Command{
		Use:   "add LINK",
		Short: "Use a space that somebody has granted to you",
		Long:  "Put a space on your list, by the line that `phyllo space grant` has printed for you.",
		Example: `  phyllo space add phyllo://space/…
  phyllo space add phyllo://space/… --as holidays-of-ann`,
		Args: command.Typed(1, 1, command.SpaceLink),
		RunE: func(cmd *cobra.Command, a []string) error {
			q.Link = a[0]
			if q.Name != "" {
				if err := command.Space(q.Name); err != nil {
					return err
				}
			}
			return w.Ask(cmd.Context(), "opening the space …", func(ctx context.Context, c *api.Client) error {
				s, err := c.SpaceAdd(ctx, q)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				return shownSpace(w, s, "of "+plain.Clean(s.Owner)+" is yours to use: "+spaceState(*s))
			})
		},
	}
	cmd.Flags().StringVar(&q.User, "user", "", "whose list it goes on: his `NAME`, where several users live on the node")
	cmd.Flags().StringVar(&q.Name, "as", "", "call it by this `NAME`")
	return cmd
}

package people

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

func newUser(w *console.World) *cobra.Command {
	return command.Group("user", "People who live on this node, and records of others",
		`A user is a person with a name and keys. Several can live on one node; who runs the
node can read all of them.`,
		userAdd(w), userFind(w), userList(w), userEdit(w), verify(w, "user"), userExport(w), userImport(w))
}

// profileFlags are the flags by which a profile is given.
type profileFlags struct {
	full, about string
	interests   []string
	unlisted    bool
}

func (p *profileFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.full, "full-name", "", "full `NAME`, at most 128 bytes")
	f.StringVar(&p.about, "about", "", "a few words (`TEXT`) about the person, at most 1024 bytes")
	f.StringSliceVar(&p.interests, "interests", nil, "interests (`LIST`) with commas between; at most 16")
	f.BoolVar(&p.unlisted, "unlisted", false, "do not appear in lists of people: who knows the name finds it, nobody else")
}

// change puts what was given into a profile; it reports whether anything was.
func (p *profileFlags) change(cmd *cobra.Command, to *api.Profile) bool {
	f := cmd.Flags()
	if f.Changed("full-name") {
		to.FullName = p.full
	}
	if f.Changed("about") {
		to.About = p.about
	}
	if f.Changed("interests") {
		to.Interests = p.interests
	}
	if f.Changed("unlisted") {
		to.Unlisted = p.unlisted
	}
	return f.Changed("unlisted") || f.Changed("full-name") || f.Changed("about") || f.Changed("interests")
}

func userAdd(w *console.World) *cobra.Command {
	var p profileFlags
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a user and claim the name",
		Long: `Make a user of this node, with new keys, and claim a name in the ring. A name has 1
to 64 letters of one script, digits and . - _, and belongs to whom claims it first.`,
		Example: "  phyllo user add ann\n  phyllo user add ann --full-name \"Ann Example\" --interests tea,bees",
		Args:    command.Typed(1, 1, command.Person),
		RunE: func(cmd *cobra.Command, a []string) error {
			q := api.UserRequest{Name: a[0]}
			var profile api.Profile
			if p.change(cmd, &profile) {
				q.Profile = &profile
			}
			return w.Ask(cmd.Context(), "claiming the name …", func(ctx context.Context, c *api.Client) error {
				u, err := c.UserAdd(ctx, q)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(u)
				}
				w.Printf("%s %s lives on this node; fingerprint %s\n", w.Mark(api.Good), plain.Clean(u.Name), plain.Grouped(u.Key.Hex))
				w.Printf("Keep the keys safe: %s\n", w.Command("user export "+console.QuoteArg(u.Name)+" FILE"))
				return nil
			})
		},
	}
	p.add(cmd)
	return cmd
}

func userFind(w *console.World) *cobra.Command {
	limit := 100
	cmd := &cobra.Command{
		Use:   "find NAME",
		Short: "Read a person's record in the ring",
		Long: `Read the record of a name from the nodes that keep it. The exit code is 3 only if
most of them say that nobody has the name, and 1 if too few can be asked now.

With * for any characters, or ? for one, all nodes are asked for people whose names fit;
each keeps some. Who does not want to be listed is not.`,
		Example: "  phyllo user find bob\n  phyllo user find 'al*'",
		Args:    command.Args(1, 1), ValidArgsFunction: command.Complete(w, command.Contacts),
		RunE: func(cmd *cobra.Command, a []string) error {
			if strings.ContainsAny(a[0], "*?") {
				return search(w, cmd, api.UserQuery{Pattern: a[0], Limit: limit})
			}
			if err := command.Person(a[0]); err != nil {
				return err
			}
			return w.Ask(cmd.Context(), "asking the name's keepers …", func(ctx context.Context, c *api.Client) error {
				u, err := c.UserFind(ctx, a[0])
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(u)
				}
				user(w, u)
				return nil
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", limit, "at most `N` people whose names fit, 1 to 100000")
	return cmd
}

func user(w *console.World, u *api.User) {
	row := func(name, value string) {
		if value != "" {
			w.Printf("  %-12s %s\n", name, plain.Clean(value))
		}
	}
	w.Printf("%s\n", plain.Clean(u.Name))
	row("full name", u.Profile.FullName)
	row("about", u.Profile.About)
	row("interests", strings.Join(u.Profile.Interests, ", "))
	row("fingerprint", plain.Grouped(u.Key.Hex))
	row("in words", u.Key.Words)
	var nodes []string
	for _, d := range u.Devices {
		nodes = append(nodes, d.Short())
	}
	row("nodes", strings.Join(nodes, " "))
	if !u.Updated.IsZero() {
		row("record", fmt.Sprintf("version %d, %s", u.Version, w.Ago(u.Updated)))
	}
	if u.Of > 0 {
		row("kept by", fmt.Sprintf("%d of %d keepers say so", u.Agree, u.Of))
	}
	if u.Profile.Unlisted {
		row("lists", "not in them")
	}
	row("trouble", u.Trouble)
}

func userList(w *console.World) *cobra.Command {
	var all bool
	limit := api.MaxUserSearch
	cmd := &cobra.Command{
		Use: "list", Short: "List the users of this node, or of the whole ring",
		Long: `List the users of this node. With --all all nodes are asked for the people whose records
they keep, and these are printed as they come, but for those who do not want to be listed
("phyllo user edit NAME --unlisted").`,
		Example: "  phyllo user list\n  phyllo user list --all", Args: command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all {
				return search(w, cmd, api.UserQuery{Limit: limit})
			}
			return w.Ask(cmd.Context(), "asking the node …", func(ctx context.Context, c *api.Client) error {
				list, err := c.UserList(ctx)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				return console.Listing(w, list, "Nobody lives on this node yet: "+w.Command("user add NAME"), []string{"NAME", "FULL NAME", "FINGERPRINT", "TROUBLE"}, func(u api.User) []string {
					return []string{u.Name, u.Profile.FullName, plain.Grouped(u.Key.Hex), u.Trouble}
				})
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "list the people of the whole ring")
	cmd.Flags().IntVar(&limit, "limit", limit, "with --all: at most `N` people, 1 to 100000")
	return cmd
}

func userEdit(w *console.World) *cobra.Command {
	var p profileFlags
	cmd := &cobra.Command{
		Use:     "edit NAME",
		Short:   "Change what a user's record says of him",
		Long:    "Change the profile of a user of this node. What is not given stays; an empty text takes it out.",
		Example: "  phyllo user edit ann --about \"keeps the bees\"",
		Args:    command.Typed(1, 1, command.Person), ValidArgsFunction: command.Complete(w, command.Users),
		RunE: func(cmd *cobra.Command, a []string) error {
			if !p.change(cmd, &api.Profile{}) {
				return console.Usage("`phyllo user edit` wants something to change: for example `%s`", command.Example(cmd))
			}
			return w.Ask(cmd.Context(), "changing the record …", func(ctx context.Context, c *api.Client) error {
				list, err := c.UserList(ctx)
				if err != nil {
					return err
				}
				var profile api.Profile
				for _, u := range list {
					if u.Name == a[0] {
						profile = u.Profile
					}
				}
				p.change(cmd, &profile)
				u, err := c.UserEdit(ctx, api.UserRequest{Name: a[0], Profile: &profile})
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(u)
				}
				user(w, u)
				return nil
			})
		},
	}
	p.add(cmd)
	return cmd
}

// verify is the same below user and contact: people look in both places.
func verify(w *console.World, under string) *cobra.Command {
	var as, fingerprint string
	cmd := &cobra.Command{
		Use:   "verify NAME",
		Short: "Compare a person's key with the person",
		Long: `Show the fingerprint of a person's key, as words, digits and a picture, and say that
it is right. Compare it by a way on which you know the person: side by side, or by
voice. If the key has changed since you first met, this says which one is right.`,
		Example:           "  phyllo " + under + " verify bob\n  phyllo " + under + " verify bob --fingerprint 2f9c4d5e6f708192a3b4c5d6",
		Args:              command.Typed(1, 1, command.Person),
		ValidArgsFunction: command.Complete(w, command.Contacts),
		RunE: func(cmd *cobra.Command, a []string) error {
			q := api.Who{User: as, Name: a[0]}
			return w.Ask(cmd.Context(), "reading the keys …", func(ctx context.Context, c *api.Client) error {
				k, err := c.UserKeys(ctx, q)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if fingerprint == "" && w.JSON {
					return w.Line(k)
				}
				if fingerprint == "" {
					if fingerprint, err = compare(w, k); err != nil || fingerprint == "" {
						return err
					}
				}
				if err := c.UserVerify(ctx, q, fingerprint); err != nil {
					return err
				}
				if w.JSON {
					return w.Line(map[string]string{"event": "verified", "name": k.Name, "fingerprint": fingerprint})
				}
				w.Printf("%s %s is verified\n", w.Mark(api.Good), plain.Clean(k.Name))
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&as, "from", "", "`USER` who verifies, if several live here")
	cmd.Flags().StringVar(&fingerprint, "fingerprint", "", "`HEX` digits of the key that was compared: do not show and ask")
	return cmd
}

// compare shows keys and asks which one the person has. Empty: none.
func compare(w *console.World, k *api.KeyPair) (string, error) {
	name := plain.Clean(k.Name)
	show := func(what string, f api.Fingerprint) {
		w.Printf("%s\n  %s\n  %s\n", what, plain.Clean(f.Words), plain.Grouped(f.Hex))
	}
	show("Your own key, for the other side:", k.Mine)
	if k.Found == nil {
		state := "not compared yet"
		if k.Verified {
			state = "compared before"
		}
		show("The key of "+name+", "+state+":", k.Pinned)
		w.QR("phyllo-key:" + k.Pinned.Hex)
	} else {
		show("The key that "+name+" had so far:", k.Pinned)
		show("The key that the ring gives now:", *k.Found)
		w.QR("phyllo-key:" + k.Found.Hex)
	}
	if err := w.Out.Flush(); err != nil {
		return "", err
	}
	question, right := "Does "+name+" read the same words?", k.Pinned.Hex
	if k.Found != nil {
		question, right = "Does "+name+" read the words of the new key?", k.Found.Hex
	}
	same, err := w.Confirm(question)
	if err != nil || !same {
		if err == nil {
			w.Printf("Nothing is changed.\n")
		}
		return "", err
	}
	return right, nil
}

func userExport(w *console.World) *cobra.Command {
	var p command.Passphrase
	var force bool
	cmd := &cobra.Command{
		Use:     "export NAME FILE",
		Short:   "Write a user's keys to a file, under a passphrase",
		Long:    "Write all keys of a user of this node to one file, under a passphrase: as a backup, or to live on another node too.",
		Example: "  phyllo user export ann ann.phyllo",
		Args:    command.Typed(2, 2, command.Person), ValidArgsFunction: command.CompleteFiles(command.Complete(w, command.Users), 1),
		RunE: func(cmd *cobra.Command, a []string) error {
			phrase, err := p.Read(w, true)
			if err != nil {
				return err
			}
			return w.Ask(cmd.Context(), "sealing the keys …", func(ctx context.Context, c *api.Client) error {
				s, err := c.UserExport(ctx, a[0], phrase)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				return command.Saved(w, a[1], s, force)
			})
		},
	}
	p.Flag(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "replace an existing file")
	return cmd
}

func userImport(w *console.World) *cobra.Command {
	var p command.Passphrase
	cmd := &cobra.Command{
		Use:     "import FILE",
		Short:   "Let an exported user live on this node",
		Example: "  phyllo user import ann.phyllo",
		Args:    command.Args(1, 1), ValidArgsFunction: command.CompleteFiles(nil, 0),
		RunE: func(cmd *cobra.Command, a []string) error {
			b, err := console.ReadLimited(a[0], console.MaxSecretFile)
			if err == nil && !utf8.Valid(b) {
				err = fmt.Errorf("%s is no text: `phyllo user export` writes one", a[0])
			}
			if err != nil {
				return console.Missing(err, a[0], "the one that `phyllo user export` wrote")
			}
			phrase, err := p.Read(w, false)
			if err != nil {
				return err
			}
			return w.Ask(cmd.Context(), "opening the keys …", func(ctx context.Context, c *api.Client) error {
				u, err := c.UserImport(ctx, api.Sealed{Text: string(b)}, phrase)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(u)
				}
				w.Printf("%s %s lives on this node\n", w.Mark(api.Good), plain.Clean(u.Name))
				return nil
			})
		},
	}
	p.Flag(cmd)
	return cmd
}

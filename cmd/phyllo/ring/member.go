package ring

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/id"
)

func newInvite(w *console.World) *cobra.Command {
	uses := &command.Number{Value: 1, Low: 1, High: 1000}
	expires := &command.Length{Value: 24 * time.Hour, Low: time.Minute, High: 90 * 24 * time.Hour}
	cmd := &cobra.Command{
		Use:   "invite",
		Short: "Make an invitation for another computer",
		Long: `Print one line, by which another computer can enter the ring, and the same as a
picture for a camera. Whoever has the line can use it: give it to one person by a
way that you trust.`,
		Example: "  phyllo invite\n  phyllo invite --uses 20 --expires 7d     for a class room",
		Args:    command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.Ask(cmd.Context(), "making an invitation …", func(ctx context.Context, c *api.Client) error {
				v, err := c.Invite(ctx, api.InviteRequest{Uses: uses.Value, Expires: int64(expires.Value / time.Second)})
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					v.QR = nil // a program that wants the picture draws its own
					return w.Line(v)
				}
				w.Printf("%s\n", plain.Clean(v.Invite))
				if w.Columns > 0 {
					w.QR(v.Invite)
					w.Printf("It is good for %s, until %s. On the other computer:\n  phyllo up --join LINE      or, if a node runs there:  phyllo join LINE\n",
						plain.Plural(v.Uses, "use"), v.Expires.Local().Format("2006-01-02 15:04"))
				}
				return nil
			})
		},
	}
	cmd.Flags().Var(uses, "uses", "how many computers it lets in, 1 to 1000")
	cmd.Flags().Var(expires, "expires", "how long it is good, 1m to 90d")
	return cmd
}

func newJoin(w *console.World) *cobra.Command {
	var lan string
	var yes bool
	cmd := &cobra.Command{
		Use:   "join [INVITATION]",
		Short: "Enter a ring with the running node",
		Long: `Enter the ring of an invitation. Without one, list the rings on the local network;
with --lan, ask one of these to be let in: both sides then compare six digits.

A node that is alone in its ring takes its users along. One that is in a ring with
others stays there: use another --home for the second ring.`,
		Example: "  phyllo join phyllo1…\n  phyllo join                  list rings on the local network\n  phyllo join --lan home",
		Args:    command.Typed(0, 1, command.Invitation),
		RunE: func(cmd *cobra.Command, a []string) error {
			switch {
			case lan != "" && len(a) > 0:
				return console.Usage("give an invitation or --lan, not both: for example `phyllo join --lan home`")
			case lan != "":
				return joinLan(cmd.Context(), w, lan, yes)
			case len(a) == 0:
				return lanRings(cmd.Context(), w)
			}
			return w.Ask(cmd.Context(), "entering the ring …", func(ctx context.Context, c *api.Client) error {
				j, err := c.Join(ctx, a[0])
				if api.KindOf(err) == api.NotRunning {
					return api.Errorf(api.NotRunning, "no node is running at %s: start one in that ring with `%s`", w.Home, w.Command("up --join INVITATION"))
				}
				return joined(ctx, w, j, err)
			})
		},
	}
	cmd.Flags().StringVar(&lan, "lan", "", "ask the `RING` of this name on the local network")
	cmd.Flags().BoolVar(&yes, "yes", false, "with --lan: do not ask whether the digits are the same (they are compared on the other side only)")
	return cmd
}

func joined(ctx context.Context, w *console.World, j *api.Joined, err error) error {
	if err != nil {
		return err
	}
	console.Answered(ctx)
	if w.JSON {
		return w.Line(j)
	}
	w.Printf("%s joined %q: about %s; this one is %s\n", w.Mark(api.Good), plain.Clean(j.RingName), plain.Plural(j.Size, "node"), j.ID.Short())
	return nil
}

func lanRings(ctx context.Context, w *console.World) error {
	return w.Ask(ctx, "looking for rings on the local network …", func(ctx context.Context, c *api.Client) error {
		list, err := c.LanRings(ctx)
		if err != nil {
			return err
		}
		console.Answered(ctx)
		none := "No ring is seen on the local network. Ask somebody for an invitation: phyllo join phyllo1…"
		err = console.Listing(w, list, none, []string{"RING", "NODES SEEN", "ID"}, func(r api.LanRing) []string {
			return []string{r.Name, fmt.Sprint(r.Nodes), r.Ring.String()[:16]}
		})
		if err == nil && !w.JSON && len(list) > 0 {
			w.Printf("Ask one to be let in: %s\n", w.Command("join --lan NAME"))
		}
		return err
	})
}

// joinLan asks a ring to be let in. Both sides compare digits, so that nobody can
// stand between them unseen.
func joinLan(ctx context.Context, w *console.World, ring string, yes bool) error {
	return w.Ask(ctx, "asking "+plain.Clean(ring)+" …", func(ctx context.Context, c *api.Client) error {
		code, err := c.LanAsk(ctx, ring)
		if err != nil {
			return err
		}
		console.Answered(ctx)
		w.Say("The digits are  %s %s", plain.Clean(code.Code[:min(3, len(code.Code))]), plain.Clean(code.Code[min(3, len(code.Code)):]))
		w.Say("Tell them to somebody at a node of %q who may admit: he types  phyllo member admit %s", plain.Clean(code.RingName), plain.Clean(code.Code))
		if !yes {
			same, err := w.Confirm("Does he see a request with the same digits?")
			if err != nil {
				return err
			}
			if !same {
				return fmt.Errorf("not joined: if the digits differ, somebody stands between you; ask for an invitation instead")
			}
		}
		done := w.Waiting("waiting for the other side …")
		j, err := c.LanConfirm(ctx, code.Code)
		done()
		return joined(ctx, w, j, err)
	})
}

func newMember(w *console.World) *cobra.Command {
	change := func(use, short, long, did string, f func(*api.Client, context.Context, id.ID) error) *cobra.Command {
		return &cobra.Command{
			Use: use + " ID", Short: short, Long: long, Example: "  phyllo member " + use + " 3f2a9b0c4d5e6f708192a3b4c5d6e7f8", Args: command.Args(1, 1),
			ValidArgsFunction: command.Complete(w, command.Members),
			RunE: func(cmd *cobra.Command, a []string) error {
				x, err := command.ParseID(a[0])
				if err != nil {
					return err
				}
				return w.Ask(cmd.Context(), "asking the ring …", func(ctx context.Context, c *api.Client) error {
					if err := f(c, ctx, x); err != nil {
						return err
					}
					console.Answered(ctx)
					if w.JSON {
						return w.Line(map[string]any{"event": did, "id": x})
					}
					w.Printf("%s %s: %s\n", w.Mark(api.Good), x.Short(), did)
					return nil
				})
			},
		}
	}
	list := &cobra.Command{
		Use: "list", Short: "List the members of the ring", Example: "  phyllo member list", Args: command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.Ask(cmd.Context(), "asking the node …", func(ctx context.Context, c *api.Client) error {
				list, err := c.Members(ctx)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return console.Lines(w, list)
				}
				showMembers(w, list)
				return nil
			})
		},
	}
	admit := &cobra.Command{
		Use:     "admit CODE",
		Short:   "Let in who asks on the local network",
		Long:    "Let in the computer that asks on the local network (there: phyllo join --lan). Type the six digits that it shows.",
		Example: "  phyllo member admit 271828",
		Args:    command.Args(1, 1),
		RunE: func(cmd *cobra.Command, a []string) error {
			if !sixDigits(a[0]) {
				return console.Usage("%+q is no code: it has six digits, as in `phyllo member admit 123456`", plain.Cut(a[0]))
			}
			return w.Ask(cmd.Context(), "admitting …", func(ctx context.Context, c *api.Client) error {
				m, err := c.Admit(ctx, a[0])
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(m)
				}
				w.Printf("%s admitted %s\n", w.Mark(api.Good), m.ID)
				return nil
			})
		},
	}
	return command.Group("member", "See and decide who belongs to the ring",
		"A ring is closed: admitters let nodes in. Expelling one takes two admitters, or the ring's authority.",
		list, admit,
		change("expel", "Put a node out of the ring", "Put a node out of the ring. With several admitters a second one has to do the same.", "expelled", (*api.Client).Expel),
		change("pardon", "Let an expelled node in again", "Take an expulsion back. Only the ring's authority can.", "pardoned", (*api.Client).Pardon),
		change("promote", "Let a node admit others", "Make a member an admitter. Only the ring's authority can.", "may admit others now", (*api.Client).Promote))
}

func showMembers(w *console.World, list []api.Member) {
	rows := [][]string{{"ID", "ROLE", "ADMITTED BY", "GOOD UNTIL", "NOW"}}
	for _, m := range list {
		role, now := "member", "-"
		switch {
		case m.Authority:
			role = "authority"
		case m.Admitter:
			role = "admitter"
		}
		switch {
		case m.Self:
			now = "this node"
		case !m.Expelled.IsZero():
			now = "expelled " + w.Ago(m.Expelled)
		case m.Waiting:
			now = "to be expelled: a second admitter must agree"
		case m.Connected:
			now = "connected " + m.Addr
		}
		by := m.AdmittedBy
		if len(by) == 32 {
			by = by[:8]
		}
		until := "-"
		if !m.Until.IsZero() {
			until = m.Until.UTC().Format("2006-01-02")
		}
		rows = append(rows, []string{m.ID.String(), role, by, until, now})
	}
	w.Table(rows)
}

// sixDigits reports whether s has the form of the code that two people compare.
func sixDigits(s string) bool {
	if len(s) != 6 {
		return false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

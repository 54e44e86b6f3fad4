package ring

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

func newRing(w *console.World) *cobra.Command {
	return command.Group("ring", "Keep the ring's key safe, say what the ring gives, and count it",
		`The authority key decides in the end who belongs to the ring. It lies on the computer
that founded it; without a backup, a broken disk there means that no admitter can be
added or expelled any more.`,
		ringBackup(w), ringRestore(w), ringGift(w), ringCensus(w))
}

func ringBackup(w *console.World) *cobra.Command {
	var p command.Passphrase
	var force bool
	cmd := &cobra.Command{
		Use:     "backup FILE",
		Short:   "Write the authority key to a file, under a passphrase",
		Example: "  phyllo ring backup /media/stick/home.ring\n  phyllo ring backup - | lpr     on paper",
		Args:    command.Args(1, 1), ValidArgsFunction: command.CompleteFiles(nil, 0),
		RunE: func(cmd *cobra.Command, a []string) error {
			phrase, err := p.Read(w, true)
			if err != nil {
				return err
			}
			return w.Ask(cmd.Context(), "sealing the key …", func(ctx context.Context, c *api.Client) error {
				s, err := c.RingBackup(ctx, phrase)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if err := command.Saved(w, a[0], s, force); err != nil {
					return err
				}
				if err := c.RingBackedUp(ctx); err != nil { // the backup is there all the same
					w.Say("phyllo: the node could not note that there is a backup, so `phyllo doctor` goes on to ask for one: %s", plain.Clean(err.Error()))
				}
				return nil
			})
		},
	}
	p.Flag(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "replace an existing file")
	return cmd
}

func ringRestore(w *console.World) *cobra.Command {
	var p command.Passphrase
	cmd := &cobra.Command{
		Use:     "restore FILE",
		Short:   "Keep the authority key of a backup on this node",
		Example: "  phyllo ring restore /media/stick/home.ring",
		Args:    command.Args(1, 1), ValidArgsFunction: command.CompleteFiles(nil, 0),
		RunE: func(cmd *cobra.Command, a []string) error {
			b, err := console.ReadLimited(a[0], console.MaxSecretFile)
			if err != nil {
				return console.Missing(err, a[0], "the one that `phyllo ring backup` wrote")
			}
			phrase, err := p.Read(w, false)
			if err != nil {
				return err
			}
			return w.Ask(cmd.Context(), "opening the backup …", func(ctx context.Context, c *api.Client) error {
				if err := c.RingRestore(ctx, api.Sealed{Text: string(b)}, phrase); err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(map[string]string{"event": "restored"})
				}
				w.Printf("%s this node holds the ring's authority now\n", w.Mark(api.Good))
				return nil
			})
		},
	}
	p.Flag(cmd)
	return cmd
}

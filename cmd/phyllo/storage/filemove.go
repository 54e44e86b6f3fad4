package storage

import (
	"context"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

// movedTo is a line of "phyllo mv --json".
type movedTo struct {
	Event string `json:"event"`
	Name  string `json:"name"`
	To    string `json:"to"`
}

func newMv(w *console.World) *cobra.Command {
	var f fileFlags
	var force bool
	cmd := &cobra.Command{
		Use:   "mv NAME TO",
		Short: "Give a file or folder of the ring another name",
		Long: `Give a file another name, or a folder with all that is in it; nothing is sent again. A folder's
name ends with a slash; a file goes into a folder if that is all that TO says. What has
the name already is only replaced with --force. Older versions stay under the old name.`,
		Example: `  phyllo mv thesis.pdf old/thesis.pdf
  phyllo mv thesis.pdf old/
  phyllo mv photos/ holidays/2026/`,
		Args: command.Typed(2, 2, command.File, command.NewName),
		RunE: func(cmd *cobra.Command, a []string) error {
			q := api.FileMove{User: f.user, Space: f.space, Name: a[0], To: a[1], Replace: force}
			folder := strings.HasSuffix(q.Name, "/")
			switch {
			case !folder && strings.HasSuffix(q.To, "/"):
				q.To += path.Base(q.Name)
			case folder && !strings.HasSuffix(q.To, "/"):
				q.To += "/"
			}
			if err := command.NewName(q.To); err != nil {
				return err
			}
			return w.Ask(cmd.Context(), "moving …", func(ctx context.Context, c *api.Client) error {
				if err := c.FileMove(ctx, q); err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(movedTo{"moved", q.Name, q.To})
				}
				w.Printf("%s %s is %s now\n", w.Mark(api.Good), plain.Clean(q.Name), plain.Clean(q.To))
				return nil
			})
		},
	}
	f.add(cmd, false)
	cmd.Flags().BoolVar(&force, "force", false, "replace what has the name already")
	cmd.ValidArgsFunction = command.Complete(w, fileNames, fileNames)
	return cmd
}

package people

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

// searched is the last line of a search in JSON.
type searched struct {
	Event string `json:"event"`
	Nodes int    `json:"nodes"`
	About int    `json:"about"`
	More  bool   `json:"more,omitempty"`
}

// search prints people as they are found, and in the end how many nodes were reached.
func search(w *console.World, cmd *cobra.Command, q api.UserQuery) error {
	if q.Limit < 1 || q.Limit > api.MaxUserSearch {
		return console.Usage("--limit is %d: want 1 to %d people, as in `%s`", q.Limit, api.MaxUserSearch, w.Command("user list --all --limit 1000"))
	}
	return w.Ask(cmd.Context(), "asking all nodes …", func(ctx context.Context, c *api.Client) error {
		n := 0
		r, err := c.UserSearch(ctx, q, func(us []api.User) error {
			if n == 0 {
				console.Answered(ctx)
			}
			n += len(us)
			for _, u := range us {
				if err := foundUser(w, &u); err != nil {
					return err
				}
			}
			return w.Out.Flush() // what has come is shown now
		})
		if err != nil {
			return err
		}
		console.Answered(ctx)
		if w.JSON {
			err = w.Line(searched{"answered", r.Nodes, r.About, r.More})
		} else {
			w.Reached(r.Nodes, r.About)
		}
		switch {
		case err == nil && n == 0:
			err = api.Errorf(api.NotFound, "nobody was found who lets himself be listed: who hides from lists is found by his name, with `phyllo user find NAME`")
		case r.More && !w.JSON:
			w.Printf("There are more people: --limit says how many are shown.\n")
		}
		return err
	})
}

func foundUser(w *console.World, u *api.User) error {
	if w.JSON {
		return w.Line(u)
	}
	pad := func(s string, width int) string {
		s = plain.Clean(s)
		return s + strings.Repeat(" ", max(0, width-plain.Cells(s)))
	}
	row := fmt.Sprintf("%s  %s  %s", pad(u.Name, 20), plain.Grouped(u.Key.Hex), plain.Clean(u.Profile.FullName))
	w.Printf("%s\n", strings.TrimRight(row, " "))
	return nil
}

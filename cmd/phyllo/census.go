package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
)

func (w *world) ringCensus() *cobra.Command {
	return &cobra.Command{
		Use:   "census",
		Short: "Count the ring: nodes, versions, storage",
		Long: `Ask all nodes of the ring what they are, and add up what they say: how many there are,
which versions they run, and what they offer and keep. Each node is asked once. A node
with "counted = false" is counted, and says nothing of itself.`,
		Example: "  phyllo ring census",
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.ask(cmd.Context(), "asking all nodes …", func(ctx context.Context, c *api.Client) error {
				s, err := c.Census(ctx)
				if err != nil {
					return err
				}
				answered(ctx)
				if w.json {
					return w.line(s)
				}
				w.census(s)
				return nil
			})
		},
	}
}

func (w *world) census(s *api.Census) {
	w.reached(s.Nodes, s.About)
	row := func(name, format string, args ...any) {
		w.printf("  %-10s "+format+"\n", append([]any{name}, args...)...)
	}
	var versions []string
	for _, v := range s.Versions {
		versions = append(versions, clean(v.Version)+" on "+plural(v.Nodes, "node"))
	}
	if len(versions) > 0 {
		row("versions", "%s", strings.Join(versions, ", "))
	}
	row("offered", "%s", bytesText(uint64(max(s.Offered, 0))))
	row("kept", "%s in %s, all copies counted", bytesText(uint64(max(s.Kept, 0))), plural(int(s.Objects), "object"))
	row("names", "%s, all copies counted", plural(int(s.Names), "record"))
	if s.Silent > 0 {
		row("silent", "%s of these do not say what they have", plural(s.Silent, "node"))
	}
	row("took", "%s", rtt(s.TookMicros))
}

// reached says of how many nodes' word an answer is.
func (w *world) reached(nodes, about int) {
	if nodes >= about {
		w.printf("%s %s answered: all that are known\n", w.mark(api.Good), plural(nodes, "node"))
		return
	}
	w.printf("%s %d of about %s answered\n", w.mark(api.Warn), nodes, plural(about, "node"))
}

// searched is the last line of a search in JSON.
type searched struct {
	Event string `json:"event"`
	Nodes int    `json:"nodes"`
	About int    `json:"about"`
	More  bool   `json:"more,omitempty"`
}

// search prints people as they are found, and in the end how many nodes were reached.
func (w *world) search(cmd *cobra.Command, q api.UserQuery) error {
	if q.Limit < 1 || q.Limit > api.MaxUserSearch {
		return usage("--limit is %d: want 1 to %d people, as in `%s`", q.Limit, api.MaxUserSearch, w.command("user list --all --limit 1000"))
	}
	return w.ask(cmd.Context(), "asking all nodes …", func(ctx context.Context, c *api.Client) error {
		n := 0
		r, err := c.UserSearch(ctx, q, func(us []api.User) error {
			if n == 0 {
				answered(ctx)
			}
			n += len(us)
			for _, u := range us {
				if err := w.foundUser(&u); err != nil {
					return err
				}
			}
			return w.out.flush() // what has come is shown now
		})
		if err != nil {
			return err
		}
		answered(ctx)
		if w.json {
			err = w.line(searched{"answered", r.Nodes, r.About, r.More})
		} else {
			w.reached(r.Nodes, r.About)
		}
		switch {
		case err == nil && n == 0:
			err = api.Errorf(api.NotFound, "nobody was found who lets himself be listed: who hides from lists is found by his name, with `phyllo user find NAME`")
		case r.More && !w.json:
			w.printf("There are more people: --limit says how many are shown.\n")
		}
		return err
	})
}

func (w *world) foundUser(u *api.User) error {
	if w.json {
		return w.line(u)
	}
	pad := func(s string, width int) string {
		s = clean(s)
		return s + strings.Repeat(" ", max(0, width-cells(s)))
	}
	row := fmt.Sprintf("%s  %s  %s", pad(u.Name, 20), grouped(u.Key.Hex), clean(u.Profile.FullName))
	w.printf("%s\n", strings.TrimRight(row, " "))
	return nil
}

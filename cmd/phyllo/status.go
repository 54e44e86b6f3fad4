package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/cmd/phyllo/storage"
)

func newDown(w *console.World) *cobra.Command {
	return &cobra.Command{
		Use:     "down",
		Short:   "Stop the node",
		Long:    "Stop the node of this home, and return when it has ended.",
		Example: "  phyllo down",
		Args:    command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.Ask(cmd.Context(), "stopping the node …", func(ctx context.Context, c *api.Client) error {
				s, err := c.Status(ctx)
				if err != nil {
					return err
				}
				limited, end := context.WithTimeout(ctx, 3*console.StopTime)
				defer end()
				if err := c.Stop(limited); err != nil {
					if limited.Err() != nil && ctx.Err() == nil {
						return fmt.Errorf("the node has not ended within %s: if it hangs, end process %d with `kill -9 %d`; nothing that it acknowledged is lost", plain.Span(3*console.StopTime), s.PID, s.PID)
					}
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(map[string]string{"event": "stopped"})
				}
				w.Printf("stopped\n")
				return nil
			})
		},
	}
}

func newStatus(w *console.World) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Say how the node is",
		Long:    "Say how the node is: whether it is in its ring, whether others reach it, and what it costs.",
		Example: "  phyllo status\n  phyllo status --json | jq .state",
		Args:    command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.Ask(cmd.Context(), "asking the node …", func(ctx context.Context, c *api.Client) error {
				s, err := c.Status(ctx)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(s)
				}
				status(w, s)
				return nil
			})
		},
	}
}

func status(w *console.World, s *api.Status) {
	verdict, state := api.Good, "is in its ring"
	switch s.State {
	case api.StateReady:
	case api.StateStopping:
		verdict, state = api.Warn, "is stopping"
	default:
		verdict, state = api.Warn, "is not in its ring yet ("+plain.Clean(s.State)+")"
	}
	w.Printf("%s node %s %s, up for %s\n", w.Mark(verdict), s.ID, state, plain.Span(w.Now().Sub(s.Started)))
	row := func(name, format string, args ...any) { w.Printf("  %-8s %s\n", name, fmt.Sprintf(format, args...)) }
	row("ring", "%q, about %s; leaf set %d, routing table %d", plain.Clean(s.RingName), plain.Plural(s.Size, "node"), len(s.LeafSet), s.TableEntries)
	if s.Reach.Sentence != "" {
		row("reach", "%s", plain.Clean(s.Reach.Sentence))
	}
	row("address", "%s", plain.Clean(strings.Join(s.Addrs, "  ")))
	users := "nobody yet: " + w.Command("user add NAME")
	if len(s.Users) > 0 {
		users = plain.Join(s.Users)
	}
	row("users", "%s", users)
	waiting := "no message waits to be delivered"
	if s.Queued > 0 {
		waiting = plain.Plural(s.Queued, "message") + " to be delivered: keep this computer on until then, or start the node again later"
	}
	row("waiting", "%s", waiting)
	if s.Mine != nil {
		row("stored", "%s (counted %s)", storage.Parts(*s.Mine), w.Ago(s.Mine.Counted))
	}
	row("keeps", "%s", keeping(w, s.Keeps))
	t := s.Traffic
	row("costs", "%s/s now (%s in, %s out so far), %s of memory, %s", plain.Bytes(t.RateIn+t.RateOut), plain.Bytes(t.BytesIn), plain.Bytes(t.BytesOut),
		plain.Bytes(s.RSSBytes), plain.Plural(s.Connections, "connection"))
	if s.UI != "" {
		row("page", "%s   open it with: %s", s.UI, w.Command("ui"))
	}
	var doors []string
	if s.S3 != "" {
		doors = append(doors, "S3 "+plain.Clean(s.S3))
	}
	if s.WebDAV != "" {
		doors = append(doors, "WebDAV "+plain.Clean(s.WebDAV))
	}
	if len(doors) > 0 {
		row("doors", "%s   open them with: %s", strings.Join(doors, "  "), w.Command("key add"))
	}
	row("folder", "%s", plain.Clean(s.Home))
}

// keeping says how that stands which the node keeps for its ring.
func keeping(w *console.World, k api.Keeping) string {
	if k.Objects+k.Lost == 0 {
		return "nothing for its ring yet"
	}
	text := plain.Plural(k.Objects, "object") + " for its ring, " + plain.Bytes(uint64(k.Bytes))
	switch {
	case k.Lost == 1:
		text += "; 1 is damaged on this disk and will be fetched again from another node"
	case k.Lost > 1:
		text += fmt.Sprintf("; %d are damaged on this disk and will be fetched again from other nodes", k.Lost)
	case k.Damaged == 1:
		text += "; 1 was damaged on this disk and fetched again from another node"
	case k.Damaged > 1:
		text += fmt.Sprintf("; %d were damaged on this disk and fetched again from other nodes: if there are ever more, replace it", k.Damaged)
	}
	if !k.Read.IsZero() {
		text += "; all read again " + w.Ago(k.Read)
	}
	return text
}

func newDoctor(w *console.World) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong, and say what helps",
		Long: `Look at ports, NAT, clock, disk, certificate and peers, and say in plain sentences
what is found. The exit code is 1 if something does not work.`,
		Example: "  phyllo doctor",
		Args:    command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.Ask(cmd.Context(), "looking at ports, clock, disk and peers …", func(ctx context.Context, c *api.Client) error {
				list, err := c.Doctor(ctx)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				bad := false
				for _, f := range list {
					bad = bad || f.Verdict == api.Bad
					if !w.JSON {
						w.Printf("%s %s\n", w.Mark(f.Verdict), plain.Clean(f.Sentence))
					}
				}
				if w.JSON {
					err = console.Lines(w, list)
				}
				if err == nil && bad {
					err = console.ErrQuiet
				}
				return err
			})
		},
	}
}

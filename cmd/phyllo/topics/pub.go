package topics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

func newPub(w *console.World) *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "pub TOPIC [TEXT]",
		Short: "Publish to a topic",
		Long: `Publish a message to all who read a topic (` + "`phyllo sub`" + `). Without TEXT, or with -, each
line of standard input is a message, as it comes. The command returns when all of them
are safe on a majority of the nodes that keep the topic. A message has up to 32767 bytes.

news is a topic of the whole ring: if there is none of this name it is made, and is yours.
ann/news is a topic of ann, who makes it by publishing to it first, and alone publishes to
it. ` + "`phyllo topic set`" + ` changes who may publish and read. Topics are signed by those who
publish, and not secret: whoever hands them on could read them.`,
		Example: `  phyllo pub news "the bakery is open"
  tail -f /var/log/messages | phyllo pub ann/log
  phyllo pub news -- "-5 degrees"     a text that begins with -`,
		Args:              command.Typed(1, 2, command.Topic),
		ValidArgsFunction: command.Complete(w, topics),
		RunE: func(cmd *cobra.Command, a []string) error {
			q := api.Publication{Topic: a[0], User: from, Lines: len(a) == 1 || a[1] == "-"}
			var r io.Reader = w.Stdin
			if !q.Lines {
				if len(a[1]) > api.MaxTopicMessage {
					return console.Usage("the message has more than %d bytes: store it with `phyllo put`, and publish its name", api.MaxTopicMessage)
				}
				r = strings.NewReader(a[1])
			}
			c, err := w.Client()
			if err != nil {
				return err
			}
			defer c.Close()
			p, err := c.Publish(cmd.Context(), q, r)
			switch {
			case cmd.Context().Err() != nil:
				return errors.New("interrupted: what was read until a moment ago may have been published")
			case err != nil:
				return err
			case w.JSON:
				return w.Line(p)
			case q.Lines:
				w.Printf("%s %s published\n", w.Mark(api.Good), plain.Plural(p.Messages, "message"))
			default:
				w.Printf("%s published\n", w.Mark(api.Good))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "`USER` who publishes, if several live here")
	return cmd
}

// subscriber is one run of sub.
type subscriber struct {
	w       *console.World
	q       api.Subscription
	since   command.Length
	count   int
	verbose bool
}

func newSub(w *console.World) *cobra.Command {
	s := &subscriber{w: w, since: command.Length{High: 7 * 24 * time.Hour}}
	cmd := &cobra.Command{
		Use:   "sub TOPIC",
		Short: "Read a topic",
		Long: `Print what is published to a topic from now on, a line for each message, until Ctrl-C.
With --since or --last what was published before comes first, as far as the topic keeps
it. Each message comes once, in the order in which its publisher has sent it. What is
lost is told in its place, on standard error, or as a line of its own with --json. If
there is no such topic yet the command waits for it.

On a terminal what could disturb it is shown as an escape; elsewhere messages are printed
byte for byte.`,
		Example: `  phyllo sub news
  phyllo sub ann/log --since 10m
  phyllo sub news --last 100 --count 100     then end
  phyllo sub news --json | jq -r .text`,
		Args:              command.Typed(1, 1, command.Topic),
		ValidArgsFunction: command.Complete(w, topics),
		RunE: func(cmd *cobra.Command, a []string) error {
			s.q.Topic, s.q.Since = a[0], s.since.Value.Milliseconds()
			return s.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.Var(&s.since, "since", "begin with what was published in so much time, up to 7d")
	last, count := &command.Number{Low: 0, High: 4096}, &command.Number{Low: 0, High: 1 << 30}
	f.Var(last, "last", "begin with so many messages that were published before")
	f.Var(count, "count", "end after so many messages; 0: go on")
	f.BoolVarP(&s.verbose, "verbose", "v", false, "print time and publisher before each message")
	f.StringVar(&s.q.User, "from", "", "`USER` who reads, if several live here")
	cmd.PreRun = func(*cobra.Command, []string) { s.q.Last, s.count = last.Value, count.Value }
	return cmd
}

// errEnough ends a stream of which enough was read.
var errEnough = errors.New("enough")

func (s *subscriber) run(ctx context.Context) error {
	c, err := s.w.Client()
	if err != nil {
		return err
	}
	defer c.Close()
	read := 0
	err = c.Subscribe(ctx, s.q, func(e *api.TopicEvent) error {
		if err := s.show(e); err != nil {
			return err
		}
		if e.Event == api.TopicMessage {
			if read++; read == s.count {
				return errEnough
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, errEnough), ctx.Err() != nil && errors.Is(err, context.Canceled):
		return nil
	case err == nil:
		return api.Errorf(api.NotRunning, "the node has stopped: start it again with `%s`", s.w.Command("up"))
	}
	return err
}

// show prints an event at once.
func (s *subscriber) show(e *api.TopicEvent) error {
	w := s.w
	who := plain.Clean(plain.Name(e.Name, "", e.From))
	switch {
	case w.JSON:
		if err := w.Line(e); err != nil {
			return err
		}
	case e.Event == api.TopicMessage:
		if s.verbose {
			w.Printf("%s  %s: ", w.Moment(e.Time), who)
		}
		if w.Columns > 0 {
			w.Printf("%s\n", plain.Body(string(e.Body()), ""))
		} else if _, err := fmt.Fprintf(w.Out, "%s\n", e.Body()); err != nil {
			return err
		}
	case e.Event == api.TopicWaiting:
		w.Say("nobody has published to %s yet: waiting", plain.Clean(e.Topic))
	case e.Event == api.TopicGap:
		w.Say("%s of %s cannot be had any more", plain.Plural(int(e.Lost), "message"), who)
	case e.Event == api.TopicSlow:
		w.Say("%s left out: they came faster than they were read here", plain.Plural(int(e.Lost), "message"))
	case e.Event == api.TopicNewer:
		w.Say("a message of %s is of a later version: update phyllo to read it", who)
	}
	return w.Out.Flush()
}

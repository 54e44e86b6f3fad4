package people

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/id"
)

// maxText is the longest text of a message, in bytes.
const maxText = 32 << 10

func newSend(w *console.World) *cobra.Command {
	var from, file, reply, edit string
	wait := &command.Length{Value: 5 * time.Second, High: 10 * time.Minute}
	cmd := &cobra.Command{
		Use:   "send NAME [TEXT]",
		Short: "Send a message to a person, or say something in a room",
		Long: `Send a message, and print the state that it has reached: "queued" (it is safe on this
node, and goes out when the other one is there) or "delivered" (it is safe on one of
the receiver's nodes). Both are a success. With - as TEXT it is read from standard
input. Exit code 3: there is no such name.

With --file a file goes with it, and TEXT may be left away: the file is stored in your
space "home", below "sent/", and the message has the link with which the receiver reads it
(` + "`phyllo get LINK`" + `), for as long as you do not remove it.

To '#ROOM' the text is said in a room, see "phyllo room", and a file is for all who are in
it, or join later; --reply ID answers a message there, and with --edit ID TEXT stands in
place of what you said, or takes it back if it is "". IDs are in
` + "`phyllo room history ROOM --json`" + `.`,
		Example: `  phyllo send bob "hello bob"
  phyllo send bob --file thesis.pdf "please read"
  phyllo send --wait 0s bob hello     do not wait for the delivery
  uptime | phyllo send bob -
  phyllo send '#garden' "hello all"
  phyllo send '#garden' --file plan.pdf
  phyllo send '#garden' --edit ID "hello to all"
  phyllo send bob -- "-5 degrees"     a text that begins with -`,
		Args:              sendArgs(&file),
		ValidArgsFunction: command.Complete(w, command.Contacts),
		RunE: func(cmd *cobra.Command, a []string) error {
			d := api.Draft{From: from, To: a[0], Wait: wait.Value.Milliseconds()}
			if len(a) > 1 && (edit == "" || a[1] != "") {
				var err error
				if d.Text, err = text(w, a[1]); err != nil {
					return err
				}
			}
			inRoom := strings.HasPrefix(a[0], "#")
			switch {
			case reply != "" && !inRoom:
				return console.Usage("--reply is for rooms: `phyllo send '#garden' --reply ID TEXT`")
			case edit != "" && !inRoom:
				return console.Usage("--edit is for rooms: `phyllo send '#garden' --edit ID TEXT`")
			case edit != "" && (reply != "" || file != ""):
				return console.Usage("--edit changes words alone: leave --reply and --file away")
			}
			to := command.Person
			if inRoom {
				to = command.Room
			}
			if err := to(a[0]); err != nil {
				return err
			}
			for _, m := range []string{reply, edit} {
				if m == "" {
					continue
				}
				if err := command.Message(m); err != nil {
					return err
				}
			}
			if file != "" {
				var err error
				if d.File, err = enclose(cmd.Context(), w, from, a[0], file); err != nil {
					return err
				}
			}
			if inRoom {
				return sayInRoom(cmd.Context(), w, api.RoomSay{User: from, Room: a[0], Text: d.Text, Reply: reply, Edits: edit, File: d.File})
			}
			return w.Ask(cmd.Context(), "sending to "+plain.Clean(a[0])+" …", func(ctx context.Context, c *api.Client) error {
				s, err := c.Send(ctx, d)
				if d.File != nil && (err != nil && ctx.Err() == nil || err == nil && s.State == api.StateFailed) {
					err = errors.Join(err, c.FileRemove(ctx, *d.File))
				}
				switch {
				case ctx.Err() != nil:
					return errors.New("interrupted: if the message was queued already, it still goes out")
				case err != nil:
					return err
				}
				console.Answered(ctx)
				switch {
				case w.JSON:
					err = w.Line(s)
				case s.State == api.StateQueued && wait.Value > 0:
					w.Printf("queued: it goes out when %s's computer takes it\n", plain.Clean(s.To))
				case s.State == api.StateFailed:
				default:
					w.Printf("%s\n", plain.Clean(s.State))
				}
				if err == nil && s.State == api.StateFailed {
					err = fmt.Errorf("the message was not delivered: %s", s.Reason)
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "`USER` who sends, if several users live here")
	cmd.Flags().StringVar(&file, "file", "", "a `FILE` that goes with the message")
	cmd.Flags().StringVar(&reply, "reply", "", "the `ID` of the message in a room that is answered")
	cmd.Flags().StringVar(&edit, "edit", "", "the `ID` of your message in a room that is changed, or taken back")
	cmd.Flags().Var(wait, "wait", "how long to wait for the delivery, 0s to 10m")
	return cmd
}

// sendArgs are a name and a text; with a file the text may be left away.
func sendArgs(file *string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, a []string) error {
		if len(a) == 1 && *file == "" {
			return console.Usage("`phyllo send` wants a text too, or a file: for example `phyllo send %s \"hello\"`, or `phyllo send %s --file thesis.pdf`", plain.Clean(a[0]), plain.Clean(a[0]))
		}
		return command.Args(1, 2)(cmd, a)
	}
}

// enclose stores a file that goes with a message.
func enclose(ctx context.Context, w *console.World, from, to, file string) (*api.FileName, error) {
	r, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w: is it spelt right, and may you read it?", plain.Clean(file), errors.Unwrap(err))
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, console.Usage("%s is no file: a folder goes as an archive of `tar`, or with `phyllo put` and `phyllo space grant`", plain.Clean(file))
	}
	// A folder for each, so that nobody's link is of another message's version.
	name := path.Join("sent", strings.ReplaceAll(to, "/", "_"), w.Now().UTC().Format("20060102-150405.000"), filepath.Base(file))
	c, err := w.Client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	m := &console.Moved{Reader: r, Size: info.Size(), Begin: time.Now()}
	done := w.WaitingFor(func() string { return "storing " + plain.Clean(file) + " … " + m.Text() })
	f, err := c.FilePut(ctx, api.FilePut{User: from, Name: name}, m)
	done()
	if err != nil {
		return nil, err
	}
	return &api.FileName{User: from, Name: f.Name, Version: f.Version}, nil
}

// text is a message's text, or what standard input has if that is "-".
func text(w *console.World, arg string) (string, error) {
	text := arg
	if arg == "-" {
		b, err := io.ReadAll(io.LimitReader(w.Stdin, maxText+1))
		if err != nil {
			return "", fmt.Errorf("reading the message from standard input: %w: give it as an argument, or put it into a file before <", err)
		}
		text = strings.TrimSuffix(string(b), "\n")
	}
	switch {
	case len(text) > maxText:
		return "", console.Usage("the message has more than %d bytes: share long things in parts, or another way", maxText)
	case strings.TrimSpace(text) == "":
		return "", console.Usage("the message is empty: for example `phyllo send bob \"hello bob\"`")
	case !utf8.ValidString(text):
		return "", console.Usage("the message is not valid UTF-8 text: for example `phyllo send bob \"hello bob\"`")
	}
	return text, nil
}

func newInbox(w *console.World) *cobra.Command {
	var q inboxFlags
	cmd := &cobra.Command{
		Use:   "inbox",
		Short: "Show received messages",
		Long: `Show received messages, oldest first, and mark them as read after they were written.
Senders who are no strangers are told that. What a stranger wrote is marked with
"asks": see "phyllo contact accept".`,
		Example: `  phyllo inbox
  phyllo inbox --unread --follow          and go on until Ctrl-C
  phyllo inbox --json --peek | jq .text   without marking as read`,
		Args: command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q.since != "" {
				x, err := id.Parse(q.since)
				switch {
				case err != nil:
					return console.Usage("--since %+q is not an id: want 32 hex digits, as `phyllo inbox --json` prints them", plain.Cut(q.since))
				case x.IsZero(): // the node would take it for none
					return api.Errorf(api.NotFound, "no message with the id %s: `phyllo inbox --json` prints the ids", x)
				}
				q.query.Since = x
			}
			c, err := w.Client()
			if err != nil {
				return err
			}
			defer c.Close()
			return q.run(cmd.Context(), w, c)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&q.follow, "follow", "f", false, "go on with what comes, until Ctrl-C")
	f.BoolVar(&q.query.Unread, "unread", false, "only what was not marked as read")
	f.StringVar(&q.since, "since", "", "only what came after the message with this `ID`")
	f.BoolVar(&q.peek, "peek", false, "do not mark as read")
	f.StringVar(&q.query.User, "from", "", "`USER` whose inbox it is, if several live here")
	f.StringVar(&q.query.User, "user", "", "the same as --from `USER`")
	return cmd
}

// inboxFlags is one run of inbox.
type inboxFlags struct {
	query        api.InboxQuery
	since        string
	follow, peek bool
}

func (q *inboxFlags) run(ctx context.Context, w *console.World, c *api.Client) error {
	if !q.follow {
		return q.show(ctx, w, c)
	}
	// The first event says that nothing is missed from then on; every one of them only
	// says that it is time to read on.
	news, over := make(chan struct{}, 1), make(chan error, 1)
	listen, end := context.WithCancel(ctx)
	go func() {
		over <- c.Events(listen, func(e *api.Event) error {
			switch e.Kind {
			case api.EventBegin, api.EventMessage, api.EventRequest, api.EventLost:
				select {
				case news <- struct{}{}:
				default:
				}
			}
			return nil
		})
		close(over)
	}()
	defer func() {
		end()
		for range over {
		}
	}()
	for {
		select {
		case <-news:
			if err := q.show(ctx, w, c); err != nil {
				return q.ended(ctx, err)
			}
		case err := <-over:
			if err == nil {
				err = api.Errorf(api.NotRunning, "the node has stopped: start it again with `%s`", w.Command("up"))
			}
			return q.ended(ctx, err)
		}
	}
}

// ended is how following ends: Ctrl-C is the way to end it, and no failure.
func (q *inboxFlags) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// show prints what there is from q.query.Since on, and marks it as read when it is
// out.
func (q *inboxFlags) show(ctx context.Context, w *console.World, c *api.Client) error {
	for {
		list, err := c.Inbox(ctx, q.query)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := messages(w, list); err != nil {
			return err
		}
		if !q.peek {
			if err := q.mark(ctx, c, list); err != nil {
				return err
			}
		}
		q.query.Since = list[len(list)-1].ID
	}
}

// mark marks messages as read.
func (q *inboxFlags) mark(ctx context.Context, c *api.Client, list []api.Message) error {
	ids := unread(list)
	if len(ids) == 0 {
		return nil
	}
	if err := c.MarkRead(ctx, q.query.User, ids); err != nil {
		return fmt.Errorf("the messages were shown, but could not be marked as read, so they come again: %w", err)
	}
	return nil
}

package topics

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/id"
)

func newWork(w *console.World) *cobra.Command {
	return command.Group("work", "Items of work, each for one of the programs that take them",
		`Who offers items to a topic has each of them done by one of those who take items there,
wherever in the ring they are: near ones first. If a taker's computer dies, or his command
fails, the item is offered again. Who may publish to a topic offers, who may read it takes
(`+"`phyllo topic set`"+`).`,
		workOffer(w), workTake(w), workList(w), workWithdraw(w))
}

// offering is one run of work offer.
type offering struct {
	w       *console.World
	q       api.WorkOffering
	verbose bool
	done    int
	not     int // that have another outcome
	queued  int
}

func workOffer(w *console.World) *cobra.Command {
	o := &offering{w: w}
	whole := false
	tries := &command.Number{Value: 3, Low: 1, High: 100}
	cmd := &cobra.Command{
		Use:   "offer TOPIC [ITEM]",
		Short: "Offer items to a topic, each to one taker",
		Long: `Offer items to a topic, and print what became of each: one for each line of standard input
as it comes, or ITEM. Each goes to one taker; if he dies, or says that it failed, it is
offered again. If nobody takes items of the topic, that is said after five seconds (none); with --wait
items wait for takers. The command ends when all have an outcome, with status 1 if one was
not done.

Items are kept on this node's disk until they are done, up to a week. After Ctrl-C, or when
the node was stopped and is started again, they are still offered: ` + "`phyllo work list`" + ` shows
them, ` + "`phyllo work withdraw`" + ` ends them. An item is done twice only if a taker died, or was cut
off, after he had done it and before this node knew; its number is the same then. An item
has up to 32767 bytes: what is larger is stored with ` + "`phyllo put`" + `, and its name offered.`,
		Example: `  ls *.png | phyllo work offer thumbnails
  phyllo work offer thumbnails cat.png --wait
  phyllo work offer letters --whole < letter.txt
  phyllo work offer thumbnails --leave < list     queue them, and end`,
		Args:              command.Typed(1, 2, command.Topic),
		ValidArgsFunction: command.Complete(w, topics),
		RunE: func(cmd *cobra.Command, a []string) error {
			o.q.Topic, o.q.Tries = a[0], tries.Value
			o.q.Lines = !whole && len(a) == 1
			var r io.Reader = w.Stdin
			if len(a) == 2 {
				if whole {
					return console.Usage("ITEM and --whole cannot both be given: --whole makes one item of standard input")
				}
				if len(a[1]) > api.MaxTopicMessage {
					return console.Usage("the item has more than %d bytes: store it with `phyllo put`, and offer its name", api.MaxTopicMessage)
				}
				r = strings.NewReader(a[1])
			}
			return o.run(cmd.Context(), r)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&whole, "whole", false, "make one item of all of standard input, instead of one of each line")
	f.BoolVar(&o.q.Wait, "wait", false, "wait for takers if there are none")
	f.BoolVar(&o.q.Leave, "leave", false, "end when the items are queued: they wait for takers")
	f.Var(tries, "tries", "how often an item may fail, 1 to 100")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print each step of an item")
	f.StringVar(&o.q.User, "from", "", "`USER` who offers, if several live here")
	return cmd
}

func (o *offering) run(ctx context.Context, r io.Reader) error {
	c, err := o.w.Client()
	if err != nil {
		return err
	}
	defer c.Close()
	err = c.WorkOffer(ctx, o.q, r, o.show)
	open := o.queued - o.done - o.not
	switch {
	case ctx.Err() != nil:
		if open > 0 {
			o.w.Say("%s still queued on this node, and offered on: `phyllo work list` shows them, `phyllo work withdraw` ends them", plain.Plural(open, "item"))
		}
		return errors.New("interrupted")
	case err != nil:
		return err
	case o.q.Leave && !o.w.JSON:
		o.w.Printf("%s %s queued\n", o.w.Mark(api.Good), plain.Plural(o.queued, "item"))
	case open > 0 && !o.q.Leave:
		return api.Errorf(api.NotRunning, "the node has stopped: %s still queued, and offered when it is started with `%s`", plain.Plural(open, "item"), o.w.Command("up"))
	case o.not > 0:
		return api.Errorf(api.Failed, "%d of %s not done: the lines above say why", o.not, plain.Plural(o.queued, "item"))
	}
	return nil
}

// show prints an event at once.
func (o *offering) show(e *api.WorkEvent) error {
	w := o.w
	switch {
	case e.Event == api.WorkDone:
		o.done++
	case e.Over():
		o.not++
	case e.Event == api.WorkQueued:
		o.queued++
	}
	what := oneLine(string(e.Body()))
	switch {
	case w.JSON:
		if err := w.Line(e); err != nil {
			return err
		}
	case e.Event == api.WorkDone:
		w.Printf("%s %s: done by %s\n", w.Mark(api.Good), what, e.Node.Short())
	case e.Over():
		w.Printf("%s %s: %s\n", w.Mark(api.Bad), what, because(e.Event, e.Why))
	case o.verbose:
		w.Printf("  %s: %s\n", what, because(e.Event, e.Why))
	}
	return w.Out.Flush()
}

// because is what happened, with the reason if there is one.
func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + oneLine(why)
}

// oneLine is a text of others as a part of a line.
func oneLine(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return plain.Clean(s)
}

func workList(w *console.World) *cobra.Command {
	var q api.WorkQuery
	cmd := &cobra.Command{
		Use: "list [TOPIC]", Short: "List the items that are offered on this node, or to a topic of yours",
		Long: `List the items that are offered on this node: queued, or taken by another one. One that is
failed or expired is not offered any more, and stays here as nobody was told of it, until it
is withdrawn. Where the topic is gone the state says when it is looked for again: later each
time, every hour in the end.

With TOPIC, which you must own, all nodes that offer items to it are asked for these. The
last line says how many of them have answered: what the others have is not shown.`,
		Example: "  phyllo work list\n  phyllo work list thumbnails", Args: command.Typed(0, 1, command.Topic),
		ValidArgsFunction: command.Complete(w, topics),
		RunE: func(cmd *cobra.Command, a []string) error {
			if len(a) == 1 {
				q.Topic = a[0]
				return workSurvey(cmd.Context(), w, q)
			}
			return w.Ask(cmd.Context(), "asking the node …", func(ctx context.Context, c *api.Client) error {
				list, err := c.WorkList(ctx)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				return console.Listing(w, list, "no items here: `phyllo work offer TOPIC ITEM` offers one", []string{"NUMBER", "TOPIC", "STATE", "SINCE", "ITEM"}, func(i api.WorkItem) []string {
					return []string{i.Item.String()[:12], i.Topic, stateOf(i), w.Moment(i.Time), oneLine(bodyOf(i))}
				})
			})
		},
	}
	cmd.Flags().StringVar(&q.User, "from", "", "with TOPIC: the `USER` who owns it, if several live here")
	return cmd
}

// stateOf says how far an item is, and why.
func stateOf(i api.WorkItem) string {
	state := i.State
	if i.Node != (id.ID{}) {
		state += " by " + i.Node.Short()
	}
	return because(state, i.Why)
}

// bodyOf is an item, or its beginning.
func bodyOf(i api.WorkItem) string {
	body := i.Text
	if len(i.Data) > 0 {
		body = string(i.Data)
	}
	if i.Cut {
		body += "…"
	}
	return body
}

// surveyed is the last line of a survey in JSON.
type surveyed struct {
	Event string `json:"event"`
	Nodes int    `json:"nodes"`
	Of    int    `json:"of"`
	More  int    `json:"more,omitempty"`
	Young bool   `json:"young,omitempty"`
	// MoreNodes is as in api.WorkSurvey.
	MoreNodes bool `json:"more_nodes,omitempty"`
}

// workSurvey lists what all nodes offer to a topic, and says what may be missing.
func workSurvey(ctx context.Context, w *console.World, q api.WorkQuery) error {
	return w.Ask(ctx, "asking who offers items …", func(ctx context.Context, c *api.Client) error {
		s, err := c.WorkSurvey(ctx, q)
		if err != nil {
			return err
		}
		console.Answered(ctx)
		err = console.Listing(w, s.Items, "no items are offered to "+s.Topic+", as far as is known", []string{"NUMBER", "OFFERED ON", "BY", "STATE", "SINCE", "ITEM"}, func(i api.WorkItem) []string {
			by := plain.Clean(i.Name)
			if by == "" {
				by = plain.Grouped(i.From)
			}
			return []string{i.Item.String()[:12], i.Offerer.Short(), by, stateOf(i), w.Moment(i.Time), oneLine(bodyOf(i))}
		})
		if err != nil {
			return err
		}
		if w.JSON {
			return w.Line(surveyed{"answered", s.Nodes, s.Of, s.More, s.Young, s.MoreNodes})
		}
		mark := w.Mark(api.Good)
		if s.Nodes < s.Of {
			mark = w.Mark(api.Warn)
		}
		if s.Of > 0 {
			w.Printf("%s %d of %s that %s items to it answered\n", mark, s.Nodes, plain.Plural(s.Of, "node"), map[bool]string{true: "offers", false: "offer"}[s.Of == 1])
		}
		if s.More > 0 {
			w.Printf("%s not shown\n", plain.Plural(s.More, "more item"))
		}
		if s.MoreNodes {
			w.Printf("%s more nodes offer items to it than are remembered: these were not asked\n", w.Mark(api.Warn))
		}
		if s.Young {
			w.Printf("%s who else offers may not be known yet: ask again in five minutes\n", w.Mark(api.Warn))
		}
		return nil
	})
}

func workWithdraw(w *console.World) *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use:   "withdraw TOPIC [NUMBER ...]",
		Short: "End items that are offered on this node",
		Long: `End items of a topic that are offered on this node: those whose numbers, or how these begin,
are given, as ` + "`phyllo work list`" + ` shows them, or --all. Who has one in his hands learns of it when
he speaks next.`,
		Example:           "  phyllo work withdraw thumbnails 5f1b07c2a9d4\n  phyllo work withdraw thumbnails --all",
		Args:              command.Typed(1, 1000, command.Topic),
		ValidArgsFunction: command.Complete(w, topics),
		RunE: func(cmd *cobra.Command, a []string) error {
			if all == (len(a) > 1) {
				return console.Usage("want numbers of items, as in `phyllo work list`, or --all")
			}
			return w.Ask(cmd.Context(), "withdrawing …", func(ctx context.Context, c *api.Client) error {
				items, err := itemsOf(ctx, c, a[0], a[1:])
				if err != nil {
					return err
				}
				n, err := c.WorkWithdraw(ctx, api.WorkWithdrawal{Topic: a[0], Items: items})
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(n)
				}
				w.Printf("%s %s withdrawn\n", w.Mark(api.Good), plain.Plural(n.Items, "item"))
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all items of the topic that are offered here")
	return cmd
}

// itemsOf finds items by how their numbers begin.
func itemsOf(ctx context.Context, c *api.Client, topic string, begin []string) (items []id.Hash, err error) {
	if len(begin) == 0 {
		return nil, nil
	}
	list, err := c.WorkList(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range begin {
		var found []id.Hash
		for _, i := range list {
			if strings.HasPrefix(i.Item.String(), strings.ToLower(b)) {
				found = append(found, i.Item)
			}
		}
		switch {
		case len(b) < 4 || len(found) > 1:
			return nil, console.Usage("%q does not say which item: give more of its number, as `phyllo work list --json` prints it", plain.Clean(b))
		case len(found) == 0:
			return nil, api.Errorf(api.NotFound, "no item of %s is offered here with the number %s: `phyllo work list` shows them", plain.Clean(topic), plain.Clean(b))
		}
		items = append(items, found...)
	}
	return items, nil
}

// confirmTime bounds a confirmation, which goes on in the node.
const confirmTime = 30 * time.Second

package topics

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/config"
)

func newTopic(w *console.World) *cobra.Command {
	return command.Group("topic", "Topics: who may publish and read, who hands them on",
		`A topic carries what programs and people publish (`+"`phyllo pub`"+`) to all who read it
(`+"`phyllo sub`"+`), over a tree of nodes. news is a topic of the whole ring, and belongs to who
has published to it first; ann/news belongs to ann.`,
		topicList(w), topicSet(w), topicTree(w), topicBench(w))
}

// topics are the topics that this node has to do with.
func topics(ctx context.Context, c *api.Client) ([]string, error) {
	list, err := c.TopicList(ctx)
	var names []string
	for _, t := range list {
		names = append(names, t.Name)
	}
	return names, err
}

func topicList(w *console.World) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the topics that this node has to do with",
		Long: `List the topics of the people who live here, those that are read or written here, and
those that this node keeps or hands on for others.`,
		Example: "  phyllo topic list", Args: command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.Ask(cmd.Context(), "asking the node …", func(ctx context.Context, c *api.Client) error {
				list, err := c.TopicList(ctx)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				return console.Listing(w, list, "no topics here: `phyllo pub TOPIC TEXT` makes one, `phyllo sub TOPIC` reads one",
					[]string{"TOPIC", "OWNER", "PUBLISH", "READ", "HERE"}, func(t api.Topic) []string {
						return []string{t.Name, ownerOf(t), some(t.Publish, t.Publishers), some(t.Read, t.Readers), standing(t)}
					})
			})
		},
	}
}

func ownerOf(t api.Topic) string {
	if t.Mine {
		return "lives here"
	}
	return plain.Grouped(t.Owner)
}

// some says who may do something.
func some(all bool, others int) string {
	switch {
	case all:
		return "all"
	case others == 0:
		return "owner"
	}
	return fmt.Sprintf("owner and %d", others)
}

// standing is what this node does for a topic.
func standing(t api.Topic) string {
	var does []string
	add := func(is bool, what string) {
		if is {
			does = append(does, what)
		}
	}
	add(t.Root, "root")
	add(t.Keeping && !t.Root, "keeps it")
	add(t.Writing > 0, "writes")
	add(t.Reading > 0, "reads")
	add(t.Children > 0, "hands on to "+plain.Plural(t.Children, "node"))
	if t.Messages > 0 {
		does = append(does, plain.Plural(t.Messages, "message"))
	}
	if len(does) == 0 {
		return "-"
	}
	return strings.Join(does, ", ")
}

func topicSet(w *console.World) *cobra.Command {
	var q api.TopicRules
	keep := &command.Number{Value: 1000, Low: 1, High: 4096}
	age := &command.Length{Value: 24 * time.Hour, Low: time.Minute, High: 7 * 24 * time.Hour}
	cmd := &cobra.Command{
		Use:   "set TOPIC",
		Short: "Make a topic, or change who may publish and read",
		Long: `Make a topic, or set anew what holds in one of yours: who may publish, who may read, and
how much is kept for who comes later. What is not said is as in a topic that is made by
publishing to it: all read it, all publish to one of the ring and its owner alone to his
own, 1000 messages are kept, for a day. You may always publish and read yourself. Who may
not read is given no message, but nodes that hand a topic on could read it: it is no secret.`,
		Example: `  phyllo topic set news --publish ann,bob
  phyllo topic set ann/door --publish ann,bob --read ann,bob,carol
  phyllo topic set ann/log --keep 4000 --keep-for 7d`,
		Args:              command.Typed(1, 1, command.Topic),
		ValidArgsFunction: command.Complete(w, topics),
		RunE: func(cmd *cobra.Command, a []string) error {
			for name, list := range map[string][]string{"publish": q.Publish, "read": q.Read} {
				if cmd.Flags().Changed(name) && len(list) == 0 {
					return console.Usage("--%s is empty: want names of people, all or owner, as in `phyllo topic set news --%s ann,bob`", name, name)
				}
				for _, who := range list {
					if who == "all" || who == "owner" {
						continue
					}
					if err := command.Person(who); err != nil {
						return err
					}
				}
			}
			q.Topic, q.Keep, q.KeepFor = a[0], keep.Value, age.Value.Milliseconds()
			return w.Ask(cmd.Context(), "setting "+plain.Clean(a[0])+" …", func(ctx context.Context, c *api.Client) error {
				t, err := c.TopicSet(ctx, q)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(t)
				}
				w.Printf("%s %s: %s may publish, %s may read; %s are kept, for %s\n", w.Mark(api.Good), plain.Clean(t.Name),
					some(t.Publish, t.Publishers), some(t.Read, t.Readers), plain.Plural(t.Keep, "message"), config.SpanText(time.Duration(t.KeepFor)*time.Millisecond))
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&q.Publish, "publish", nil, "`NAMES` of people who may publish besides you, or all, or owner for nobody")
	f.StringSliceVar(&q.Read, "read", nil, "`NAMES` of people who may read besides you, or all, or owner for nobody")
	f.Var(keep, "keep", "how many messages are kept, 1 to 4096")
	f.Var(age, "keep-for", "how long messages are kept, 1m to 7d")
	f.StringVar(&q.User, "from", "", "`USER` whose topic it is, if several live here")
	return cmd
}

func topicTree(w *console.World) *cobra.Command {
	return &cobra.Command{
		Use:   "tree TOPIC",
		Short: "Show which nodes hand a topic on to which",
		Long: `Ask the nodes of a topic's tree where they stand, and show it: the root first, and each
node below the one that hands messages on to it. Nodes that only forward are part of it.`,
		Example:           "  phyllo topic tree news\n  phyllo topic tree news --json",
		Args:              command.Typed(1, 1, command.Topic),
		ValidArgsFunction: command.Complete(w, topics),
		RunE: func(cmd *cobra.Command, a []string) error {
			return w.Ask(cmd.Context(), "asking the nodes of the tree …", func(ctx context.Context, c *api.Client) error {
				tree, err := c.TopicTree(ctx, a[0])
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return console.Lines(w, tree.Nodes)
				}
				drawTree(w, tree)
				return nil
			})
		},
	}
}

// drawTree draws a tree.
func drawTree(w *console.World, tree *api.TopicTree) {
	readers := 0
	for _, p := range tree.Nodes {
		does := "forwards"
		switch {
		case p.Silent:
			does = "does not answer"
		case p.Reads:
			does = "reads"
			readers++
		}
		if p.Parent == (id.ID{}) {
			does = "root, " + does
		}
		if p.Self {
			does += ", this node"
		}
		w.Printf("%s%s  %s\n", strings.Repeat("  ", p.Depth), p.Node.Short(), does)
	}
	w.Printf("%s, %s\n", plain.Plural(len(tree.Nodes), "node"), plain.Plural(readers, "reader"))
	if tree.More {
		w.Printf("There are more nodes below, which were not asked.\n")
	}
}

func topicBench(w *console.World) *cobra.Command {
	var q api.TopicTrial
	size, under := &command.Number{Value: 100, Low: 16, High: api.MaxTopicMessage}, &command.Number{Value: 1, Low: 1, High: 512}
	rate, length := &command.Number{Low: 0, High: 100_000}, &command.Length{Value: 10 * time.Second, Low: time.Second, High: 10 * time.Minute}
	cmd := &cobra.Command{
		Use:   "bench TOPIC",
		Short: "Measure how fast messages of a topic are",
		Long: `Publish messages to a topic for a while, and print how long they took: until they were
safe on a majority of the nodes that keep the topic, until this node had read them, and
until the last reader of all had. For the last the nodes that read the topic, at most 64
of them, are asked about up to 20 messages a second, and the way of their answer counts;
start ` + "`phyllo sub TOPIC`" + ` on them first.

So many messages are under way at once as --outstanding says. With --rate they are
published at that rate, and the time of each begins when it was due, also if it had to wait
because the ring was slower. Every reader of TOPIC gets these messages, and the topic keeps
them as others: take one that is for this alone.`,
		Example: `  phyllo topic bench bench
  phyllo topic bench bench --outstanding 8 --size 1000 --for 1m
  phyllo topic bench bench --rate 50 --outstanding 100`,
		Args:              command.Typed(1, 1, command.Topic),
		ValidArgsFunction: command.Complete(w, topics),
		RunE: func(cmd *cobra.Command, a []string) error {
			q.Topic, q.Size, q.Outstanding, q.Rate, q.For = a[0], size.Value, under.Value, rate.Value, length.Value.Milliseconds()
			return w.Ask(cmd.Context(), "publishing to "+plain.Clean(a[0])+" for "+config.SpanText(length.Value)+" …", func(ctx context.Context, c *api.Client) error {
				m, err := c.TopicBench(ctx, q)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				if w.JSON {
					return w.Line(m)
				}
				showMeasured(w, m)
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.Var(size, "size", "bytes of a message, 16 to 32767")
	f.Var(under, "outstanding", "messages under way at once, 1 to 512")
	f.Var(rate, "rate", "messages in a second, up to 100000; 0: as many as --outstanding allows")
	f.Var(length, "for", "how long to publish, 1s to 10m")
	f.StringVar(&q.User, "from", "", "`USER` who publishes, if several live here")
	return cmd
}

// showMeasured prints what a measurement of a topic came to.
func showMeasured(w *console.World, m *api.TopicMeasured) {
	w.Printf("%s of %s in %.1f s: %d a second, %d under way at once\n", plain.Plural(m.Messages, "message"), plain.Bytes(uint64(m.Size)), float64(m.Took)/1e3, m.Rate, m.Outstanding)
	rows := [][]string{{"", "P50", "P90", "P99", "WORST", ""}}
	add := func(what string, s api.TopicTimes, note string) {
		if s.Count > 0 {
			rows = append(rows, []string{what, plain.RTT(s.P50), plain.RTT(s.P90), plain.RTT(s.P99), plain.RTT(s.Worst), note})
		}
	}
	add("safe on a majority", m.Safe, "")
	add("read on this node", m.Read, "")
	add("read by all", m.All, "of "+plain.Plural(m.All.Count, "message")+", with the answers' way back")
	w.Table(rows)
	switch others := m.Readers - 1; {
	case others <= 0:
		w.Printf("Nobody else reads %s now: start `phyllo sub` on other nodes to measure the way to them.\n", plain.Clean(m.Topic))
	case m.Others < others:
		w.Printf("Read by %s: this one, and %d others, of which %d could be asked.\n", plain.Plural(m.Readers, "node"), others, m.Others)
	default:
		w.Printf("Read by %s, this one among them.\n", plain.Plural(m.Readers, "node"))
	}
	if m.Silent > 0 {
		w.Say("%s did not answer: left out from then on", plain.Plural(m.Silent, "reader"))
	}
	if m.Lost > 0 {
		w.Say("%s published and not read here", plain.Plural(m.Lost, "message"))
	}
	if m.Asked > 0 && 10*m.Rate < 9*m.Asked {
		w.Say("%d a second were asked for: the ring did not carry them, or --outstanding is too low", m.Asked)
	}
}

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
)

func newTopic(w *world) *cobra.Command {
	return group("topic", "Topics: who may publish and read, who hands them on",
		`A topic carries what programs and people publish (`+"`phyllo pub`"+`) to all who read it
(`+"`phyllo sub`"+`), over a tree of nodes. news is a topic of the whole ring, and belongs to who
has published to it first; ann/news belongs to ann.`,
		w.topicList(), w.topicSet(), w.topicTree())
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

func (w *world) topicList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the topics that this node has to do with",
		Long: `List the topics of the people who live here, those that are read or written here, and
those that this node keeps or hands on for others.`,
		Example: "  phyllo topic list", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.ask(cmd.Context(), "asking the node …", func(ctx context.Context, c *api.Client) error {
				list, err := c.TopicList(ctx)
				if err != nil {
					return err
				}
				answered(ctx)
				return listing(w, list, "no topics here: `phyllo pub TOPIC TEXT` makes one, `phyllo sub TOPIC` reads one",
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
	return grouped(t.Owner)
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
	add(t.Children > 0, "hands on to "+plural(t.Children, "node"))
	if t.Messages > 0 {
		does = append(does, plural(t.Messages, "message"))
	}
	if len(does) == 0 {
		return "-"
	}
	return strings.Join(does, ", ")
}

func (w *world) topicSet() *cobra.Command {
	var q api.TopicRules
	keep := &number{value: 1000, low: 1, high: 4096}
	age := &length{value: 24 * time.Hour, low: time.Minute, high: 7 * 24 * time.Hour}
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
		Args:              args(1, 1),
		ValidArgsFunction: w.complete(topics),
		RunE: func(cmd *cobra.Command, a []string) error {
			for name, list := range map[string][]string{"publish": q.Publish, "read": q.Read} {
				if cmd.Flags().Changed(name) && len(list) == 0 {
					return usage("--%s is empty: want names of people, all or owner, as in `phyllo topic set news --%s ann,bob`", name, name)
				}
			}
			q.Topic, q.Keep, q.KeepFor = a[0], keep.value, age.value.Milliseconds()
			return w.ask(cmd.Context(), "setting "+clean(a[0])+" …", func(ctx context.Context, c *api.Client) error {
				t, err := c.TopicSet(ctx, q)
				if err != nil {
					return err
				}
				answered(ctx)
				if w.json {
					return w.line(t)
				}
				w.printf("%s %s: %s may publish, %s may read; %s are kept, for %s\n", w.mark(api.Good), clean(t.Name),
					some(t.Publish, t.Publishers), some(t.Read, t.Readers), plural(t.Keep, "message"), short(time.Duration(t.KeepFor)*time.Millisecond))
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

func (w *world) topicTree() *cobra.Command {
	return &cobra.Command{
		Use:   "tree TOPIC",
		Short: "Show which nodes hand a topic on to which",
		Long: `Ask the nodes of a topic's tree where they stand, and show it: the root first, and each
node below the one that hands messages on to it. Nodes that only forward are part of it.`,
		Example:           "  phyllo topic tree news\n  phyllo topic tree news --json",
		Args:              args(1, 1),
		ValidArgsFunction: w.complete(topics),
		RunE: func(cmd *cobra.Command, a []string) error {
			return w.ask(cmd.Context(), "asking the nodes of the tree …", func(ctx context.Context, c *api.Client) error {
				tree, err := c.TopicTree(ctx, a[0])
				if err != nil {
					return err
				}
				answered(ctx)
				if w.json {
					return lines(w, tree.Nodes)
				}
				w.drawTree(tree)
				return nil
			})
		},
	}
}

// drawTree draws a tree.
func (w *world) drawTree(tree *api.TopicTree) {
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
		w.printf("%s%s  %s\n", strings.Repeat("  ", p.Depth), p.Node.Short(), does)
	}
	w.printf("%s, %s\n", plural(len(tree.Nodes), "node"), plural(readers, "reader"))
	if tree.More {
		w.printf("There are more nodes below, which were not asked.\n")
	}
}

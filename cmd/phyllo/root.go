package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/demo"
	"github.com/phyllo-net/phyllo/cmd/phyllo/people"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/cmd/phyllo/ring"
	"github.com/phyllo-net/phyllo/cmd/phyllo/storage"
	"github.com/phyllo-net/phyllo/cmd/phyllo/topics"
)

// run is the program. It returns the exit code.
func run(w *console.World) int {
	w.Open()
	// The first Ctrl-C ends things in order; the second one ends the program.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	restore := context.AfterFunc(ctx, stop)
	defer restore()

	root := newRoot(w)
	root.SetArgs(w.Args)
	root.SetIn(w.Stdin)
	root.SetOut(w.Out)
	root.SetErr(w.Stderr)
	err := root.ExecuteContext(ctx)
	if flushed := w.Out.Flush(); err == nil {
		err = flushed
	}
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	if text := fix(w, err); text != "" {
		w.Say("phyllo: %s", text)
	}
	return api.ExitCode(err)
}

// fix is the text of an error, with the hints for this home.
func fix(w *console.World, err error) string {
	text := plain.Clean(err.Error())
	switch api.KindOf(err) {
	case api.NotRunning, api.Locked: // always of this home
		for _, name := range []string{"up", "down"} {
			text = strings.ReplaceAll(text, "`phyllo "+name+"`", "`"+w.Command(name)+"`")
		}
	}
	return text
}

// Groups of commands in the help.
const (
	groupNode   = "node"
	groupRing   = "ring"
	groupPeople = "people"
	groupFiles  = "files"
	groupTopics = "topics"
	groupMore   = "more"
)

// inOrder has help list commands in the order in which they are wanted: up comes before down.
var inOrder = sync.OnceFunc(func() { cobra.EnableCommandSorting = false })

func newRoot(w *console.World) *cobra.Command {
	inOrder()
	root := &cobra.Command{
		Use:   "phyllo",
		Short: "A network of your group's computers, without a server",
		Long: `phyllo turns the computers of a group into a network without a server: they find
each other, every one is an equal, and people reach each other by name.

Begin with:  phyllo up            a node on this computer
             phyllo user add ann  a name for you
             phyllo invite        a line for the next computer: phyllo up --join LINE
Or look at a ring of 16 nodes on this computer:  phyllo demo`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE:          command.GroupRun,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := emptyFlags(cmd); err != nil {
				return err
			}
			if err := command.Flags(cmd); err != nil {
				return err
			}
			return w.SetHome()
		},
	}
	root.AddGroup(&cobra.Group{ID: groupNode, Title: "A node on this computer:"}, &cobra.Group{ID: groupRing, Title: "The ring:"},
		&cobra.Group{ID: groupPeople, Title: "People:"}, &cobra.Group{ID: groupTopics, Title: "Topics and work, for programs:"}, &cobra.Group{ID: groupFiles, Title: "Files, kept by the ring:"}, &cobra.Group{ID: groupMore, Title: "More:"})
	f := root.PersistentFlags()
	f.StringVar(&w.Home, "home", "", "folder `DIR` of the node's state (default $PHYLLO_HOME, else in the XDG data folder)")
	f.BoolVar(&w.JSON, "json", false, "print JSON, one object in each line")
	root.SetFlagErrorFunc(command.FlagError)
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.CompletionOptions.DisableDefaultCmd = true // there is one of ours
	root.SetHelpCommandGroupID(groupMore)

	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupNode, newUp(w), newDown(w), newStatus(w), newUI(w), newDoctor(w), newConfig(w), demo.New(w))
	add(groupRing, ring.Commands(w)...)
	add(groupPeople, people.Commands(w)...)
	add(groupTopics, topics.Commands(w)...)
	add(groupFiles, storage.Commands(w)...)
	add(groupMore, newVersion(w), newMan(w, root), newCompletion(w, root))
	completeFlags(w, root)
	strictHelp(root)
	return root
}

// strictHelp lets the help command, which the library adds, refuse words that it does
// not know, as all others do.
func strictHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() != "help" {
			continue
		}
		c.Run, c.RunE = nil, func(_ *cobra.Command, a []string) error {
			about, rest, err := root.Find(a)
			if err != nil || len(rest) > 0 {
				return command.GroupRun(about, rest)
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		}
	}
}

// mayBeEmpty are the flags by which something is made empty.
var mayBeEmpty = []string{"full-name", "about"}

// emptyFlags refuses flags with an empty value: most often a variable of the shell is
// not set, and without the flag the command would do something else than was meant.
func emptyFlags(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		empty := f.Value.Type() == "string" && f.Value.String() == ""
		if list, ok := f.Value.(pflag.SliceValue); ok {
			empty = slices.Contains(list.GetSlice(), "")
		}
		if empty && !slices.Contains(mayBeEmpty, f.Name) && err == nil {
			name, _ := pflag.UnquoteUsage(f)
			err = console.Usage("--%s is empty: give it as --%s %s, or leave it away (is a variable of the shell not set?)", f.Name, f.Name, name)
		}
	})
	return err
}

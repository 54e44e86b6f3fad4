package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node/config"
)

// run is the program. It returns the exit code.
func run(w *world) int {
	w.open()
	// The first Ctrl-C ends things in order; the second one ends the program.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	restore := context.AfterFunc(ctx, stop)
	defer restore()

	root := newRoot(w)
	root.SetArgs(w.args)
	root.SetIn(w.stdin)
	root.SetOut(w.out)
	root.SetErr(w.stderr)
	err := root.ExecuteContext(ctx)
	if flushed := w.out.flush(); err == nil {
		err = flushed
	}
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	if text := w.fix(err); text != "" {
		w.say("phyllo: %s", text)
	}
	return api.ExitCode(err)
}

// fix is the text of an error, with the hints for this home.
func (w *world) fix(err error) string {
	text := clean(err.Error())
	switch api.KindOf(err) {
	case api.NotRunning, api.Locked: // always of this home
		for _, name := range []string{"up", "down"} {
			text = strings.ReplaceAll(text, "`phyllo "+name+"`", "`"+w.command(name)+"`")
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

func newRoot(w *world) *cobra.Command {
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
		RunE:          groupRun,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := emptyFlags(cmd); err != nil {
				return err
			}
			return w.setHome()
		},
	}
	root.AddGroup(&cobra.Group{ID: groupNode, Title: "A node on this computer:"}, &cobra.Group{ID: groupRing, Title: "The ring:"},
		&cobra.Group{ID: groupPeople, Title: "People:"}, &cobra.Group{ID: groupTopics, Title: "Topics and work, for programs:"}, &cobra.Group{ID: groupFiles, Title: "Files, kept by the ring:"}, &cobra.Group{ID: groupMore, Title: "More:"})
	f := root.PersistentFlags()
	f.StringVar(&w.home, "home", "", "folder `DIR` of the node's state (default $PHYLLO_HOME, else in the XDG data folder)")
	f.BoolVar(&w.json, "json", false, "print JSON, one object in each line")
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.CompletionOptions.DisableDefaultCmd = true // there is one of ours
	root.SetHelpCommandGroupID(groupMore)

	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupNode, newUp(w), newDown(w), newStatus(w), newUI(w), newDoctor(w), newConfig(w), newDemo(w))
	add(groupRing, newInvite(w), newJoin(w), newMember(w), newRing(w), newPing(w), newTrace(w), newDHT(w), newOffer(w))
	add(groupPeople, newUser(w), newSend(w), newInbox(w), newRoom(w), newContact(w))
	add(groupTopics, newPub(w), newSub(w), newTopic(w), newWork(w))
	add(groupFiles, newPut(w), newGet(w), newCat(w), newLs(w), newMv(w), newRm(w), newHistory(w), newShare(w), newDf(w), newSpace(w), newKey(w))
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
				return groupRun(about, rest)
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
			err = usage("--%s is empty: give it as --%s %s, or leave it away (is a variable of the shell not set?)", f.Name, f.Name, name)
		}
	})
	return err
}

// setHome makes the home absolute.
func (w *world) setHome() (err error) {
	if w.home == "" {
		w.home, err = config.DefaultHome(w.getenv)
		return err
	}
	w.home, err = filepath.Abs(w.home)
	return err
}

// groupRun is what a command does that only has commands below it: with nothing
// after it, help; with anything else, say which one may be meant.
func groupRun(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if near := api.Nearest(args[0], names); near != "" {
		return usage("there is no command `%s %s`: do you mean `%s %s`?", cmd.CommandPath(), cut(args[0]), cmd.CommandPath(), near)
	}
	return usage("there is no command `%s %s`: `%s --help` lists all", cmd.CommandPath(), cut(args[0]), cmd.CommandPath())
}

// group is a command that only has commands below it.
func group(use, short, long string, cmds ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.ArbitraryArgs, RunE: groupRun}
	g.AddCommand(cmds...)
	return g
}

// args wants from least to most arguments. A complaint shows the first example.
func args(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage("`%s` wants %s: for example `%s`", cmd.CommandPath(), wants(cmd), example(cmd))
		case len(args) > most:
			quotes := ""
			if most > 0 {
				quotes = " (a text of several words goes into quotes)"
			}
			return usage("`%s` does not want %+q: for example `%s`%s", cmd.CommandPath(), cut(args[most]), example(cmd), quotes)
		}
		return nil
	}
}

// wants is what stands after the command's name in its use line.
func wants(cmd *cobra.Command) string {
	_, rest, _ := strings.Cut(cmd.Use, " ")
	return rest
}

// example is the first example of a command, without the explanation beside it.
func example(cmd *cobra.Command) string {
	line, _, _ := strings.Cut(strings.TrimSpace(cmd.Example), "\n")
	line, _, _ = strings.Cut(line, "  ")
	if line == "" {
		line = cmd.CommandPath() + " --help"
	}
	return strings.TrimSpace(line)
}

// flagError says what is wrong with a flag in one line: what, which values there
// are, an example.
func flagError(cmd *cobra.Command, err error) error {
	var missing *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var wrong *pflag.InvalidValueError
	switch {
	case errors.As(err, &missing):
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		name := missing.GetSpecifiedName()
		if near := api.Nearest(name, names); near != "" && len(name) > 1 {
			return usage("`%s` has no flag --%s: do you mean --%s?", cmd.CommandPath(), cut(name), near)
		}
		dashes := "--"
		if missing.GetSpecifiedShortnames() != "" {
			dashes = "-"
		}
		return usage("`%s` has no flag %s%s: `%s --help` lists all (a text that begins with - comes after --)", cmd.CommandPath(), dashes, cut(name), cmd.CommandPath())
	case errors.As(err, &bare):
		return usage("--%s wants a value: %s", bare.GetFlag().Name, hint(bare.GetFlag()))
	case errors.As(err, &wrong):
		return usage("--%s cannot be %+q: %s", wrong.GetFlag().Name, cut(wrong.GetValue()), hint(wrong.GetFlag()))
	}
	return usage("%s: see `%s --help`", err, cmd.CommandPath())
}

// hint says which values a flag takes.
func hint(f *pflag.Flag) string {
	if v, ok := f.Value.(interface{ Hint() string }); ok {
		return v.Hint() + " as in --" + f.Name + " " + f.Value.String()
	}
	switch f.Value.Type() {
	case "bool":
		return "true or false, as in --" + f.Name + "=true"
	}
	_, text := pflag.UnquoteUsage(f)
	return text
}

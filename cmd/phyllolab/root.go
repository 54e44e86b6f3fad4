package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is an error of whoever typed the command.
type usageError struct{ error }

func wrong(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// world is what the program sees of its surroundings.
type world struct {
	out, say io.Writer // results; progress and errors
	// memory is what the machine has for a run, in bytes; 0 if that is not known.
	memory int64
}

// run is the program. It returns the exit code.
func run(ctx context.Context, w *world, args []string) int {
	root := newRoot(w)
	root.SetArgs(args)
	root.SetOut(w.out)
	root.SetErr(w.say)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	fmt.Fprintln(w.say, "phyllolab:", err)
	if usage := (usageError{}); errors.As(err, &usage) {
		return 2
	}
	return 1
}

func newRoot(w *world) *cobra.Command {
	root := &cobra.Command{
		Use:   "phyllolab",
		Short: "Run phyllo in simulation, measure it, and strike it with faults",
		Long: `phyllolab runs the protocol code of phyllo in simulation: experiments that reproduce
the figures of the papers on Pastry, and storms of faults.

Begin with:  phyllolab list       what can be measured
             phyllolab run hops   how many links a message crosses
             phyllolab storm      does the overlay hold whatever strikes it?
             phyllolab serve      see it in the browser`,
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return wrong("no command is called %q: see `phyllolab --help`", args[0])
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newList(w), newRun(w), newFigures(w), newStorm(w), newServe(w))
	return root
}

// flagError says in one line what is wrong with a flag, and what it takes.
func flagError(c *cobra.Command, err error) error {
	if value := (*pflag.InvalidValueError)(nil); errors.As(err, &value) {
		_, takes := pflag.UnquoteUsage(value.GetFlag())
		return wrong("--%s cannot be %+q: %s: see `%s --help`", value.GetFlag().Name, value.GetValue(), takes, c.CommandPath())
	}
	return wrong("%w: see `%s --help`", err, c.CommandPath())
}

// none refuses words after a command.
func none(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return wrong("%s takes no words, and was given %q: see `%s --help`", c.CommandPath(), strings.Join(args, " "), c.CommandPath())
	}
	return nil
}

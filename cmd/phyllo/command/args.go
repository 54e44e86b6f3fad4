package command

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/phyllo-net/phyllo/api/typo"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/node/config"
)

// GroupRun is what a command does that only has commands below it: with nothing
// after it, help; with anything else, say which one may be meant.
func GroupRun(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if near := typo.Nearest(args[0], names); near != "" {
		return console.Usage("there is no command `%s %s`: do you mean `%s %s`?", cmd.CommandPath(), plain.Cut(args[0]), cmd.CommandPath(), near)
	}
	return console.Usage("there is no command `%s %s`: `%s --help` lists all", cmd.CommandPath(), plain.Cut(args[0]), cmd.CommandPath())
}

// Group is a command that only has commands below it.
func Group(use, short, long string, cmds ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.ArbitraryArgs, RunE: GroupRun}
	g.AddCommand(cmds...)
	return g
}

// Args wants from least to most arguments. A complaint shows the first example.
func Args(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return console.Usage("`%s` wants %s: for example `%s`", cmd.CommandPath(), wants(cmd), Example(cmd))
		case len(args) > most:
			quotes := ""
			if most > 0 {
				quotes = " (a text of several words goes into quotes)"
			}
			return console.Usage("`%s` does not want %+q: for example `%s`%s", cmd.CommandPath(), plain.Cut(args[most]), Example(cmd), quotes)
		}
		return nil
	}
}

// wants is what stands after the command's name in its use line.
func wants(cmd *cobra.Command) string {
	_, rest, _ := strings.Cut(cmd.Use, " ")
	return rest
}

// Example is the first example of a command, without the explanation beside it.
func Example(cmd *cobra.Command) string {
	line, _, _ := strings.Cut(strings.TrimSpace(cmd.Example), "\n")
	line, _, _ = strings.Cut(line, "  ")
	if line == "" {
		line = cmd.CommandPath() + " --help"
	}
	return strings.TrimSpace(line)
}

// FlagError says what is wrong with a flag in one line: what, which values there
// are, an example.
func FlagError(cmd *cobra.Command, err error) error {
	var missing *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var wrong *pflag.InvalidValueError
	switch {
	case errors.As(err, &missing):
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		name := missing.GetSpecifiedName()
		if near := typo.Nearest(name, names); near != "" && len(name) > 1 {
			return console.Usage("`%s` has no flag --%s: do you mean --%s?", cmd.CommandPath(), plain.Cut(name), near)
		}
		dashes := "--"
		if missing.GetSpecifiedShortnames() != "" {
			dashes = "-"
		}
		return console.Usage("`%s` has no flag %s%s: `%s --help` lists all (a text that begins with - comes after --)", cmd.CommandPath(), dashes, plain.Cut(name), cmd.CommandPath())
	case errors.As(err, &bare):
		return console.Usage("--%s wants a value: %s", bare.GetFlag().Name, hint(bare.GetFlag()))
	case errors.As(err, &wrong):
		return console.Usage("--%s cannot be %+q: %s", wrong.GetFlag().Name, plain.Cut(wrong.GetValue()), hint(wrong.GetFlag()))
	}
	return console.Usage("%s: see `%s --help`", err, cmd.CommandPath())
}

// example is a value that a flag takes: the one that it has, if that is one.
func example(v pflag.Value) string {
	if l, ok := v.(*Length); ok && l.Value < l.Low {
		return config.SpanText(min(30*24*time.Hour, l.High))
	}
	return v.String()
}

// hint says which values a flag takes.
func hint(f *pflag.Flag) string {
	if v, ok := f.Value.(interface{ Hint() string }); ok {
		return v.Hint() + " as in --" + f.Name + " " + example(f.Value)
	}
	switch f.Value.Type() {
	case "bool":
		return "true or false, as in --" + f.Name + "=true"
	}
	_, text := pflag.UnquoteUsage(f)
	return text
}

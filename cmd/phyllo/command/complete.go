package command

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

// completionTime is how long a shell waits for names, at most.
const completionTime = 500 * time.Millisecond

// Completer offers what may stand at a place of a command line.
type Completer = func(cmd *cobra.Command, before []string, typed string) ([]string, cobra.ShellCompDirective)

// Complete makes a completer for the first arguments of a command: each of ask gives
// the words for one of them, with an explanation after a tab if need be. A node that
// does not run, or is slow, offers nothing.
func Complete(w *console.World, ask ...func(context.Context, *api.Client) ([]string, error)) Completer {
	return func(cmd *cobra.Command, before []string, typed string) ([]string, cobra.ShellCompDirective) {
		const none = cobra.ShellCompDirectiveNoFileComp
		if len(before) >= len(ask) || ask[len(before)] == nil || w.SetHome() != nil {
			return nil, none
		}
		c, err := w.Client()
		if err != nil {
			return nil, none
		}
		defer c.Close()
		ctx, end := context.WithTimeout(cmd.Context(), completionTime)
		defer end()
		words, err := ask[len(before)](ctx, c)
		if err != nil {
			return nil, none
		}
		var fit []string
		for _, word := range words {
			// What others have chosen must not be more to a shell than a word.
			name, about, explained := strings.Cut(word, "\t")
			if strings.HasPrefix(name, typed) && console.QuoteArg(name) == name {
				if explained {
					name += "\t" + plain.Clean(about)
				}
				fit = append(fit, name)
			}
		}
		return fit, none
	}
}

// CompleteFiles lets the shell offer files for the argument after those before.
func CompleteFiles(after Completer, at int) Completer {
	return func(cmd *cobra.Command, before []string, typed string) ([]string, cobra.ShellCompDirective) {
		switch {
		case len(before) == at:
			return nil, cobra.ShellCompDirectiveDefault
		case after != nil:
			return after(cmd, before, typed)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// Folders lets the shell offer folders.
func Folders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// Descendants are all commands below one.
func Descendants(c *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, sub := range c.Commands() {
		out = append(append(out, sub), Descendants(sub)...)
	}
	return out
}

// AnyFiles lets the shell offer files for all arguments.
func AnyFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

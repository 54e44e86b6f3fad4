package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node/config"
)

// newCompletion prints what a shell needs to complete commands, flags and names.
func newCompletion(w *world, root *cobra.Command) *cobra.Command {
	shell := func(name, install string, write func(io.Writer) error) *cobra.Command {
		return &cobra.Command{
			Use: name, Short: "Print the completions for " + name,
			Long:    "Print what " + name + " needs to complete commands, flags, users and contacts. The Debian package\nhas installed it already.",
			Example: install, Args: args(0, 0),
			RunE: func(*cobra.Command, []string) error { return write(w.out) },
		}
	}
	return group("completion", "Complete commands and names in your shell",
		"Print what a shell needs to complete commands, flags, users and contacts. The Debian package\nhas installed it already.",
		shell("bash", "  phyllo completion bash > ~/.local/share/bash-completion/completions/phyllo\n  source <(phyllo completion bash)      for this shell only; needs the package bash-completion",
			func(o io.Writer) error { return root.GenBashCompletionV2(o, true) }),
		shell("zsh", "  phyllo completion zsh > ~/.zfunc/_phyllo      with  fpath+=~/.zfunc  before compinit in ~/.zshrc\n  source <(phyllo completion zsh)                for this shell only",
			root.GenZshCompletion),
		shell("fish", "  phyllo completion fish > ~/.config/fish/completions/phyllo.fish\n  phyllo completion fish | source      for this shell only",
			func(o io.Writer) error { return root.GenFishCompletion(o, true) }),
		shell("powershell", "  phyllo completion powershell >> $PROFILE\n  phyllo completion powershell | Out-String | Invoke-Expression      for this shell only",
			root.GenPowerShellCompletionWithDesc))
}

// completionTime is how long a shell waits for names, at most.
const completionTime = 500 * time.Millisecond

// completer offers what may stand at a place of a command line.
type completer = func(cmd *cobra.Command, before []string, typed string) ([]string, cobra.ShellCompDirective)

// complete makes a completer for the first arguments of a command: each of ask gives
// the words for one of them, with an explanation after a tab if need be. A node that
// does not run, or is slow, offers nothing.
func (w *world) complete(ask ...func(context.Context, *api.Client) ([]string, error)) completer {
	return func(cmd *cobra.Command, before []string, typed string) ([]string, cobra.ShellCompDirective) {
		const none = cobra.ShellCompDirectiveNoFileComp
		if len(before) >= len(ask) || ask[len(before)] == nil || w.setHome() != nil {
			return nil, none
		}
		c, err := w.client()
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
			if strings.HasPrefix(name, typed) && quoteArg(name) == name {
				if explained {
					name += "\t" + clean(about)
				}
				fit = append(fit, name)
			}
		}
		return fit, none
	}
}

// contacts are the people whom a user knows, and the keys of those who ask.
func contacts(ctx context.Context, c *api.Client) ([]string, error) {
	list, err := c.ContactList(ctx, "")
	var words []string
	for _, x := range list {
		switch {
		case x.Name != "":
			words = append(words, x.Name+"\t"+contactState(x))
		default:
			words = append(words, x.Key+"\tcalls himself "+x.Claimed)
		}
	}
	return words, err
}

// users are the people who live on the node.
func users(ctx context.Context, c *api.Client) ([]string, error) {
	list, err := c.UserList(ctx)
	var words []string
	for _, u := range list {
		words = append(words, u.Name+"\t"+u.Profile.FullName)
	}
	return words, err
}

// members are the ids of the other nodes of the ring.
func members(ctx context.Context, c *api.Client) ([]string, error) {
	list, err := c.Members(ctx)
	var words []string
	for _, m := range list {
		if !m.Self {
			words = append(words, fmt.Sprintf("%s\t%s", m.ID, m.Addr))
		}
	}
	return words, err
}

// completeFiles lets the shell offer files for the argument after those before.
func completeFiles(after completer, at int) completer {
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

// completeFlags says what is offered as the value of flags, in all commands.
func completeFlags(w *world, root *cobra.Command) {
	off := cobra.FixedCompletions([]string{config.Off}, cobra.ShellCompDirectiveNoFileComp)
	values := map[string]completer{
		"from": w.complete(users), "user": w.complete(users), "space": w.complete(spaces), "output": anyFiles, "home": folders, "ui": off, "s3": off, "webdav": off, "tls": anyFiles,
		"for": cobra.FixedCompletions([]string{api.DoorS3, api.DoorWebDAV}, cobra.ShellCompDirectiveNoFileComp),
		"passphrase-file": func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	// An arguments' completer counts what stands before; a flag has nothing before it.
	alone := func(f completer) completer {
		return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			return f(cmd, nil, typed)
		}
	}
	for _, c := range slices.Concat([]*cobra.Command{root}, descendants(root)) {
		for name, f := range values {
			// What up gets is the name of a user who is not there yet.
			if c.LocalFlags().Lookup(name) == nil || name == "user" && c.Name() == "up" {
				continue
			}
			if err := c.RegisterFlagCompletionFunc(name, alone(f)); err != nil {
				panic(err) // it was looked up in the lines above
			}
		}
	}
}

// folders lets the shell offer folders.
func folders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// descendants are all commands below one.
func descendants(c *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, sub := range c.Commands() {
		out = append(append(out, sub), descendants(sub)...)
	}
	return out
}

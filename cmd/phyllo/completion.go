package main

import (
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/storage"
	"github.com/phyllo-net/phyllo/node/config"
)

// newCompletion prints what a shell needs to complete commands, flags and names.
func newCompletion(w *console.World, root *cobra.Command) *cobra.Command {
	shell := func(name, install string, write func(io.Writer) error) *cobra.Command {
		return &cobra.Command{
			Use: name, Short: "Print the completions for " + name,
			Long:    "Print what " + name + " needs to complete commands, flags, users and contacts. The Debian package\nhas installed it already.",
			Example: install, Args: command.Args(0, 0),
			RunE: func(*cobra.Command, []string) error { return write(w.Out) },
		}
	}
	return command.Group("completion", "Complete commands and names in your shell",
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

// completeFlags says what is offered as the value of flags, in all commands.
func completeFlags(w *console.World, root *cobra.Command) {
	off := cobra.FixedCompletions([]string{config.Off}, cobra.ShellCompDirectiveNoFileComp)
	values := map[string]command.Completer{
		"from": command.Complete(w, command.Users), "user": command.Complete(w, command.Users), "space": command.Complete(w, storage.Spaces), "output": command.AnyFiles, "home": command.Folders, "ui": off, "s3": off, "webdav": off, "tls": command.AnyFiles,
		"for": cobra.FixedCompletions([]string{api.DoorS3, api.DoorWebDAV}, cobra.ShellCompDirectiveNoFileComp),
		"passphrase-file": func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	// An arguments' completer counts what stands before; a flag has nothing before it.
	alone := func(f command.Completer) command.Completer {
		return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			return f(cmd, nil, typed)
		}
	}
	for _, c := range slices.Concat([]*cobra.Command{root}, command.Descendants(root)) {
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

package main

import (
	"context"
	"errors"
	"os/exec"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

func newUI(w *console.World) *cobra.Command {
	var show bool
	cmd := &cobra.Command{
		Use:   "ui",
		Short: "Open the node's page in a browser",
		Long: `Open the page of this node in a browser on this computer. The way in works once and
for a minute; the browser is then remembered by a cookie. With --print the one-time
address is printed instead, for "ssh -L" or a browser that cannot be started.`,
		Example: "  phyllo ui\n  phyllo ui --print",
		Args:    command.Args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.Ask(cmd.Context(), "asking the node …", func(ctx context.Context, c *api.Client) error {
				t, err := c.Ticket(ctx)
				if err != nil {
					return err
				}
				console.Answered(ctx)
				switch {
				case w.JSON:
					return w.Line(t)
				case show:
					w.Printf("%s\n", t.URL)
					return nil
				}
				if err := w.Browse(t.File, w.Getenv); err != nil {
					w.Printf("No browser could be started (%s).\nOpen this address within a minute; it works once:\n  %s\n", plain.Clean(err.Error()), t.URL)
					return nil
				}
				w.Printf("The page opens in your browser. If it does not: %s\n", w.Command("ui --print"))
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&show, "print", false, "print the one-time address")
	return cmd
}

// browse opens a file in the user's browser. It is a file, not the address, because
// other users of the computer can read command lines.
func browse(path string, getenv func(string) string) error {
	var list [][]string
	switch runtime.GOOS {
	case "darwin":
		list = [][]string{{"open", path}}
	case "windows":
		list = [][]string{{"rundll32", "url.dll,FileProtocolHandler", path}}
	default:
		if getenv("DISPLAY") == "" && getenv("WAYLAND_DISPLAY") == "" && getenv("WSL_DISTRO_NAME") == "" {
			return errors.New("there is no screen here")
		}
		list = [][]string{{"xdg-open", path}, {"wslview", path}}
	}
	for _, argv := range list {
		program, err := exec.LookPath(argv[0])
		if err != nil {
			continue
		}
		return exec.Command(program, argv[1:]...).Run()
	}
	return errors.New(list[0][0] + " is not installed")
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/node/config"
)

func newConfig(w *console.World) *cobra.Command {
	return command.Group("config", "Show or check the settings",
		`Settings are read from phyllo.toml in the home folder, changed by variables PHYLLO_…
of the environment, and these by the flags of "phyllo up". All have defaults.`,
		&cobra.Command{
			Use:     "show",
			Short:   "Show all settings, and where each is from",
			Example: "  phyllo config show\n  PHYLLO_LAN=false phyllo config show --json",
			Args:    command.Args(0, 0),
			RunE: func(*cobra.Command, []string) error {
				s, err := config.Load(w.Home, w.Environ)
				if err != nil {
					return err
				}
				list := s.List()
				if w.JSON {
					for i, x := range list {
						if v, ok := x.Value.([]string); ok && v == nil {
							list[i].Value = []string{} // and not null
						}
					}
					return console.Lines(w, list)
				}
				rows := [][]string{{"KEY", "VALUE", "FROM", "WHAT"}}
				for _, x := range list {
					rows = append(rows, []string{x.Key, tomlText(x.Value), x.From, x.Help})
				}
				w.Table(rows)
				return nil
			},
		},
		&cobra.Command{
			Use:     "check [FILE]",
			Short:   "Check a settings file before it is used",
			Long:    "Check phyllo.toml of the home folder, or another file. What is wrong is shown with its line and column.",
			Example: "  phyllo config check\n  phyllo config check new.toml",
			Args:    command.Args(0, 1), ValidArgsFunction: command.CompleteFiles(nil, 0),
			RunE: func(_ *cobra.Command, a []string) error {
				path := filepath.Join(w.Home, config.ConfigName)
				if len(a) == 1 {
					path = a[0]
				}
				_, err := config.LoadFile(path)
				switch {
				case errors.Is(err, fs.ErrNotExist) && len(a) == 0:
					return checked(w, "absent", path, "does not exist: the defaults hold")
				case err != nil:
					return console.Missing(err, path, "an existing one, as in `phyllo config check new.toml`")
				}
				return checked(w, "good", path, "is good")
			},
		})
}

// checked says how a settings file was found.
func checked(w *console.World, event, path, verdict string) error {
	if w.JSON {
		return w.Line(map[string]string{"event": event, "file": path})
	}
	w.Printf("%s %s\n", plain.Clean(path), verdict)
	return nil
}

// tomlText writes a value as it would stand in the file.
func tomlText(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case []string:
		var parts []string
		for _, s := range v {
			parts = append(parts, fmt.Sprintf("%q", s))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprint(v)
}

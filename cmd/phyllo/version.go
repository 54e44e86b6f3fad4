package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/cmd/phyllo/command"
	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/node"
)

// version is what this program was built from.
type version struct {
	Version string `json:"version"`          // of the release, or "devel"
	Commit  string `json:"commit,omitempty"` // and whether files were changed
	Go      string `json:"go"`
	System  string `json:"system"`
}

func thisVersion() version {
	v := version{Version: node.Version(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	changed := false
	for _, s := range b.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			changed = s.Value == "true"
		}
	}
	if v.Commit != "" && changed {
		v.Commit += " with changes"
	}
	return v
}

func newVersion(w *console.World) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which version this is", Example: "  phyllo version", Args: command.Args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			v := thisVersion()
			if w.JSON {
				return w.Line(v)
			}
			w.Printf("phyllo %s", v.Version)
			if v.Commit != "" {
				w.Printf(" (%s)", v.Commit)
			}
			w.Printf(", %s, %s\n", v.Go, v.System)
			return nil
		},
	}
}

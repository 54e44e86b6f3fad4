package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

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

func newVersion(w *world) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which version this is", Example: "  phyllo version", Args: args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			v := thisVersion()
			if w.json {
				return w.line(v)
			}
			w.printf("phyllo %s", v.Version)
			if v.Commit != "" {
				w.printf(" (%s)", v.Commit)
			}
			w.printf(", %s, %s\n", v.Go, v.System)
			return nil
		},
	}
}

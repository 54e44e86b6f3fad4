package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestShownAs: the commands of hints work as they stand, also for a newcomer who has
// no phyllo in his PATH.
func TestShownAs(t *testing.T) {
	dir := t.TempDir()
	write := func(path string) string {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	installed, built := write("bin/phyllo"), write("my bin/phyllo")
	write("source/cmd/phyllo/main.go")
	cached := "/root/.cache/go-build/96/" + strings.Repeat("96bd943f", 8) + "-d/phyllo"
	for _, c := range []struct{ name, folder, arg0, path, want string }{
		{"go run, first time", "source", "/tmp/go-build1086208333/b001/exe/phyllo", "/tmp/go-build1086208333/b001/exe/phyllo", "go run ./cmd/phyllo"},
		{"go run, from the cache", "source", cached, cached, "go run ./cmd/phyllo"},
		{"go run, elsewhere", "", cached, cached, cached},
		{"in the PATH", "", "phyllo", installed, "phyllo"},
		{"in the PATH, by its full name", "", installed, installed, "phyllo"},
		{"beside it", "", "my bin/phyllo", built, "'my bin/phyllo'"},
		{"under another name", "", "phyllo2", built, "'" + built + "'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(filepath.Join(dir, c.folder))
			t.Setenv("PATH", filepath.Dir(installed))
			if got := shownAs(c.arg0, c.path); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

//go:build !race

package layers_test

import (
	"path/filepath"
	"testing"

	"github.com/phyllo-net/phyllo/internal/layers"
)

// TestHouse, which takes long under the race detector and shares nothing, holds the whole repository against layers.txt. Each finding says
// what was found, why it is banned and how to mend it.
func TestHouse(t *testing.T) {
	table, err := layers.House()
	if err != nil {
		t.Fatal(err)
	}
	pkgs, err := layers.Load(root, "./...")
	if err != nil {
		t.Fatal(err)
	}
	findings, count := layers.Check(table, pkgs)
	for _, f := range findings {
		t.Error(f)
	}
	t.Logf("%d packages, %d in pure rooms, %d functions (%d longer than %d lines), %d exported names",
		count.Packages, count.PureRooms, count.Functions, count.Long, layers.MaxLines, count.Exported)
	if count.Packages < 5 || count.PureRooms < 4 || count.Functions < 100 || count.Exported < 50 {
		t.Errorf("the check has looked at almost nothing: %+v", count)
	}
}

// TestFormatted: every Go file is as gofmt writes it.
func TestFormatted(t *testing.T) {
	files, err := layers.Unformatted(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		f, _ = filepath.Rel(root, f)
		t.Errorf("%s is not as gofmt writes it: run gofmt -w %s", f, f)
	}
}

// Command picture draws the rooms of the repository and the imports between
// them, as they are in the code, into an SVG file:
//
//	go run ./internal/layers/picture -o docs/rooms.svg
//
// Each package is a box in the band that layers.txt gives it; an arrow is an
// import. An arrow that follows from others is not drawn (who imports pastry
// need not show that he knows id as well). The whole graph stands as text in
// the file, and a test compares it with the code.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/phyllo-net/phyllo/internal/layers"
)

func main() {
	out := flag.String("o", "docs/rooms.svg", "file to write")
	dir := flag.String("dir", ".", "folder of the repository")
	flag.Parse()
	if err := draw(*dir, *out); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func draw(dir, out string) error {
	table, err := layers.House()
	if err != nil {
		return err
	}
	g, err := readGraph(table, dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(out, render(table, g), 0o644)
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
)

// runFromHere is how a newcomer calls the program, in the folder of its source.
const runFromHere = "go run ./cmd/phyllo"

// fromGoRun fits the programs that "go run" makes: in a folder for the time of the
// run, or in the build cache.
var fromGoRun = regexp.MustCompile(`/go-build[0-9]+/b[0-9]+/exe/|/[0-9a-f]{2}/[0-9a-f]{64}-d/`)

// calledAs is how to call this program again in the same folder of the same shell, so
// that the commands that it shows work as they stand. arg0 is what it was called by.
func calledAs(arg0 string) string {
	path, err := os.Executable()
	if err != nil {
		path = arg0
	}
	return shownAs(arg0, path)
}

// shownAs is calledAs for the program that lies at a path.
func shownAs(arg0, path string) string {
	if fromGoRun.MatchString(filepath.ToSlash(path)) {
		if _, err := os.Stat(filepath.FromSlash("cmd/phyllo/main.go")); err == nil {
			return runFromHere
		}
		return console.QuoteArg(path) // it is there for as long as the run
	}
	if found, err := exec.LookPath(console.ProgramName); err == nil && same(found, path) {
		return console.ProgramName
	}
	if strings.ContainsRune(arg0, filepath.Separator) {
		return console.QuoteArg(arg0)
	}
	return console.QuoteArg(path)
}

// same reports whether two paths lead to one file.
func same(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

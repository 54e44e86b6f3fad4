// Command phyllo runs a node of a ring, and talks to one. `phyllo --help` lists what
// it can do; each command's help has examples.
//
// A command other than up and demo is a conversation with the node of a home folder
// over its control socket (package api). Exit codes: 0 done (also: a message is
// queued), 1 failed, 2 wrong usage, 3 not found, 4 no node is running at this home,
// 5 one is running there already or holds its lock, 6 the home was written by a
// newer version.
//
// What came from others is shown with its control characters made visible. Results
// go to standard output, and with --json as one JSON object in each line; progress
// and errors go to standard error.
package main

import (
	"os"
	"time"

	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
)

func main() {
	os.Exit(run(&console.World{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Environ: os.Environ(), Now: time.Now, Program: calledAs(os.Args[0]), Launch: launch, Browse: browse,
	}))
}

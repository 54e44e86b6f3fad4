// Command phyllolab runs phyllo's real protocol code in simulation: experiments that
// reproduce the papers' figures, and storms of faults by the thousand. `phyllolab --help`
// lists what it can do.
//
// Results go to standard output, and with --json as one JSON object in each line;
// progress and errors go to standard error. Exit codes: 0 done, and of a storm all
// seeds passed; 1 failed; 2 wrong usage.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, end := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer end()
	os.Exit(run(ctx, &world{out: os.Stdout, say: os.Stderr, memory: memory()}, os.Args[1:]))
}

// Command siege starts five real nodes on loopback, puts an honest load on them, and
// floods them with what hostile programs and hostile members can send:
//
//	go run ./internal/siege -o docs/siege.md [flood ...]
//
// Each flood is measured beside a calm just before it, in which the attackers stand
// ready and do nothing. The attackers are one process of the lowest priority that
// holds to a bounded rate, which the page states: on a machine with few cores they
// would otherwise take the processors from the victims, and that would be measured
// instead of what the victims make of the flood. It needs Linux.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == attackWord {
		if err := attack(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "siege: the attackers:", err)
			os.Exit(1)
		}
		return
	}
	var c campaign
	out := flag.String("o", "", "file to write the table to; else it is only shown")
	flag.DurationVar(&c.calm, "calm", 10*time.Second, "time of the calm before each flood")
	flag.DurationVar(&c.storm, "for", 30*time.Second, "time of each flood")
	flag.IntVar(&c.rate, "rate", 40, "honest requests a second at each node")
	flag.Parse()
	c.victims, c.floods, c.aftermath = 5, floods, true
	if flag.NArg() > 0 {
		c.floods = nil
		for _, name := range flag.Args() {
			f := floodNamed(name)
			if f == nil {
				fmt.Fprintf(os.Stderr, "siege: no flood %q: there are %s\n", name, strings.Join(floodNames(), ", "))
				os.Exit(2)
			}
			c.floods = append(c.floods, *f)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, &c, *out)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "siege:", err)
		os.Exit(1)
	}
}

// run carries the campaign out and writes the page.
func run(ctx context.Context, c *campaign, out string) error {
	results, err := c.run(ctx, func(r *result) { fmt.Print(r.row()) })
	if err != nil {
		return err
	}
	if out != "" {
		return os.WriteFile(out, page(c, results, time.Now()), 0o644)
	}
	return nil
}

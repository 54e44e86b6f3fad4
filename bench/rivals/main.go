// Rivals measures phyllo beside go-libp2p-kad-dht, the table that most programs in Go
// would take instead: in one process and one run, in turns, on loopback. It is a module
// of its own, so that phyllo does not depend on what it is compared with.
//
//	go run . [-nodes 16,50,100] [-transport tcp,quic] [-json FILE] [-page FILE]
//	go run . -from A.json,B.json -page FILE
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "rivals:", err)
		os.Exit(1)
	}
}

// asked is what the flags say.
type asked struct {
	nodes            []int
	transports, from []string
	json, page       string
}

func parse(args []string) (*asked, error) {
	a := new(asked)
	f := flag.NewFlagSet("rivals", flag.ContinueOnError)
	nodes := f.String("nodes", "16,50,100", "sizes of the networks")
	transports := f.String("transport", tcp+","+quic, "what carries the connections")
	from := f.String("from", "", "reports to write the page of, instead of measuring")
	f.StringVar(&a.json, "json", "", "write the report to this file")
	f.StringVar(&a.page, "page", "", "write the page to this file")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if *from != "" {
		a.from = strings.Split(*from, ",")
	}
	for _, s := range strings.Split(*nodes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < smallestNet || n > 1000 {
			return nil, fmt.Errorf("-nodes %s: want numbers from %d to 1000, with commas between", s, smallestNet)
		}
		a.nodes = append(a.nodes, n)
	}
	for _, s := range strings.Split(*transports, ",") {
		if s != tcp && s != quic {
			return nil, fmt.Errorf("-transport %s: want tcp, quic or both with a comma", s)
		}
		a.transports = append(a.transports, s)
	}
	return a, nil
}

// smallestNet is the smallest network in which somebody can read what he does not keep.
const smallestNet = 7

func run(ctx context.Context, args []string) error {
	a, err := parse(args)
	if err != nil {
		return err
	}
	if os.Getenv(inChild) != "" {
		return measureHere(ctx, a.nodes[0], a.transports[0])
	}
	report, err := a.report(ctx, args)
	if err != nil {
		return err
	}
	for _, f := range report.Failed {
		fmt.Fprintln(os.Stderr, "rivals: not measured:", f)
	}
	for _, r := range report.Runs {
		printRun(os.Stdout, r)
	}
	printWorst(os.Stdout, report.Runs)
	if a.json != "" {
		if err := report.write(a.json); err != nil {
			return err
		}
	}
	if a.page != "" {
		if err := writePage(a.page, report); err != nil {
			return err
		}
	}
	if n := len(report.Failed); n > 0 {
		return fmt.Errorf("%d of %d runs were not measured", n, n+len(report.Runs))
	}
	return nil
}

// report measures, or reads what was measured earlier.
func (a *asked) report(ctx context.Context, args []string) (*Report, error) {
	if a.from != nil {
		return readReports(a.from)
	}
	report := newReport(args, nil)
	for _, t := range a.transports {
		for _, n := range a.nodes {
			r, err := runChild(ctx, n, t)
			switch {
			case ctx.Err() != nil:
				return nil, ctx.Err()
			case err != nil: // the others tell something all the same
				report.Failed = append(report.Failed, err.Error())
			default:
				report.Runs = append(report.Runs, r)
			}
		}
	}
	return report, nil
}

// Rivals measures phyllo beside go-libp2p-kad-dht and the gossipsub of
// go-libp2p-pubsub, the table and the topics that most programs in Go would take instead:
// in one process and one run, in turns, on loopback. It is a module of its own, so that
// phyllo does not depend on what it is compared with.
//
//	go run . [-only kad-dht|topics] [-nodes 16,50,100] [-members 50,100] [-transport tcp,quic] [-json FILE] [-page FILE]
//	go run . -from A.json,B.json -page FILE
//
// Topics are measured over the first of the transports. With -only, what the file of -json
// has of the other part stays in it, and on the page.
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
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "rivals:", err)
		os.Exit(1)
	}
}

// The parts of a comparison.
const (
	kadPart    = "kad-dht"
	topicsPart = "topics"
)

// asked is what the flags say.
type asked struct {
	nodes, members   []int
	transports, from []string
	only, json, page string
}

func parse(args []string) (*asked, error) {
	a := new(asked)
	f := flag.NewFlagSet("rivals", flag.ContinueOnError)
	nodes := f.String("nodes", "16,50,100", "sizes of the networks beside kad-dht")
	members := f.String("members", "50,100", "numbers of the members of a topic beside gossipsub")
	transports := f.String("transport", tcp+","+quic, "what carries the connections; topics take the first")
	from := f.String("from", "", "reports to write the page of, instead of measuring")
	f.StringVar(&a.only, "only", "", "measure one part: "+kadPart+" or "+topicsPart)
	f.StringVar(&a.json, "json", "", "write the report to this file")
	f.StringVar(&a.page, "page", "", "write the page to this file")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if *from != "" {
		a.from = strings.Split(*from, ",")
	}
	if a.only != "" && a.only != kadPart && a.only != topicsPart {
		return nil, fmt.Errorf("-only %s: want %s or %s", a.only, kadPart, topicsPart)
	}
	var err error
	if a.nodes, err = sizes("-nodes", *nodes); err != nil {
		return nil, err
	}
	if a.members, err = sizes("-members", *members); err != nil {
		return nil, err
	}
	for _, s := range strings.Split(*transports, ",") {
		if s != tcp && s != quic {
			return nil, fmt.Errorf("-transport %s: want tcp, quic or both with a comma", s)
		}
		a.transports = append(a.transports, s)
	}
	return a, nil
}

// sizes reads the sizes of networks from a flag.
func sizes(flag, text string) (all []int, err error) {
	for _, s := range strings.Split(text, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < smallestNet || n > 1000 {
			return nil, fmt.Errorf("%s %s: want numbers from %d to 1000, with commas between", flag, s, smallestNet)
		}
		all = append(all, n)
	}
	return all, nil
}

// smallestNet is the smallest network in which somebody can read what he does not keep.
const smallestNet = 7

func run(ctx context.Context, args []string) error {
	a, err := parse(args)
	if err != nil {
		return err
	}
	if os.Getenv(inChild) != "" {
		return a.measureHere(ctx)
	}
	report, err := a.report(ctx, args)
	if err != nil {
		return err
	}
	report.of(a.only).print(os.Stdout, os.Stderr)
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
	if n := len(report.of(a.only).failed()); n > 0 {
		return fmt.Errorf("%d runs were not measured", n)
	}
	return nil
}

// report measures, or reads what was measured earlier.
func (a *asked) report(ctx context.Context, args []string) (*Report, error) {
	if a.from != nil {
		return readReports(a.from)
	}
	report, err := a.earlier()
	if err != nil {
		return nil, err
	}
	if a.only != topicsPart {
		report.Part, report.Runs = newPart(args), nil
		for _, t := range a.transports {
			for _, n := range a.nodes {
				r := new(Run)
				if err := runChild(ctx, r, "-nodes", strconv.Itoa(n), "-transport", t); err != nil {
					report.fail(&Run{Nodes: n, Transport: t}, err) // the others tell something all the same
					continue
				}
				report.Runs = append(report.Runs, r)
			}
		}
	}
	if a.only != kadPart && ctx.Err() == nil {
		topics := &TopicReport{Part: newPart(args)}
		for _, n := range a.members {
			r := new(TopicRun)
			if err := runChild(ctx, r, "-only", topicsPart, "-members", strconv.Itoa(n), "-transport", a.transports[0]); err != nil {
				topics.fail(&TopicRun{Members: n, Transport: a.transports[0]}, err)
				continue
			}
			topics.Runs = append(topics.Runs, r)
		}
		report.Topics = topics
	}
	return report, ctx.Err()
}

// earlier is the report in which the parts that are not measured now stay.
func (a *asked) earlier() (*Report, error) {
	if a.only == "" || a.json == "" {
		return new(Report), nil
	}
	if _, err := os.Stat(a.json); errors.Is(err, os.ErrNotExist) {
		return new(Report), nil
	}
	return readReports([]string{a.json})
}

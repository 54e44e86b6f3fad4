package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/phyllo-net/phyllo/bench/computer"
	"github.com/phyllo-net/phyllo/bench/row"
	"github.com/phyllo-net/phyllo/bench/witness"
)

func main() {
	ctx, end := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer end()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// flags are what the command was told.
type flags struct {
	only       *regexp.Regexp
	list       bool
	quick      bool
	json, page string
	profiles   string
	inner      inner
}

// inner are the flags with which this program starts itself.
type inner struct {
	row    string // measure this one, and print its rounds
	over   string // its transport
	rounds int
	victim bool // be a node that will be killed
}

func parse(args []string) (*flags, error) {
	var f flags
	var only string
	s := flag.NewFlagSet("bench", flag.ContinueOnError)
	s.StringVar(&only, "run", "", "measure only rows whose `NAME/TRANSPORT` matches this regular expression")
	s.BoolVar(&f.list, "list", false, "list the rows and measure nothing")
	s.BoolVar(&f.quick, "quick", false, "fewer and shorter rounds: rows that take minutes are not at full length, and say so")
	s.StringVar(&f.json, "json", "", "write the figures to `FILE`, one JSON object a line")
	s.StringVar(&f.page, "page", "", "write the table to `FILE`, with the machine, the commit and the date")
	s.StringVar(&f.profiles, "profiles", "", "write a CPU profile of each row into this `FOLDER`: go tool pprof -top FILE")
	s.StringVar(&f.inner.row, "row", "", "for this program itself: measure one row")
	s.StringVar(&f.inner.over, "over", "", "for this program itself: the transport of that row")
	s.IntVar(&f.inner.rounds, "rounds", 0, "for this program itself: how many rounds")
	s.BoolVar(&f.inner.victim, "victim", false, "for this program itself: be a node that is killed")
	if err := s.Parse(args); err != nil {
		return nil, err
	}
	if s.NArg() > 0 {
		return nil, fmt.Errorf("%q means nothing here: -run chooses rows, -list shows them", s.Arg(0))
	}
	var err error
	if f.only, err = regexp.Compile(only); err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	return &f, nil
}

func run(ctx context.Context, args []string) error {
	f, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case f.inner.victim:
		return witness.BeVictim(ctx)
	case f.inner.row != "":
		return measureHere(ctx, f)
	}
	jobs := choose(f)
	if len(jobs) == 0 {
		return errors.New("no row matches: -list shows them")
	}
	if f.list {
		for _, j := range jobs {
			fmt.Printf("%-18s %s\n", row.Key(j.row.Name, j.transport), j.row.What)
		}
		return nil
	}
	begun := time.Now()
	load, err := computer.LookAtLoad(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, load)
	results := measureAll(ctx, jobs, f)
	if err := ctx.Err(); err != nil {
		return err
	}
	about := computer.Describe(ctx, begun, load, args)
	if err := write(f, results, about); err != nil {
		return err
	}
	for _, x := range results {
		if x.Err != nil {
			return fmt.Errorf("%s was not measured: %w", row.Key(x.Row.Name, x.Transport), x.Err)
		}
	}
	return nil
}

// write prints the table, and writes it where the flags say.
func write(f *flags, results []row.Result, about computer.About) error {
	page := row.Table(results, about)
	if _, err := os.Stdout.Write(page); err != nil {
		return err
	}
	if f.page != "" {
		if err := os.WriteFile(f.page, page, 0o644); err != nil {
			return err
		}
	}
	if f.json != "" {
		lines, err := row.JSON(results)
		if err != nil {
			return err
		}
		return os.WriteFile(f.json, lines, 0o644)
	}
	return nil
}

package main

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/phyllo-net/phyllo/lab"
)

// stormFlags are the flags of `phyllolab storm`.
type stormFlags struct {
	lab.Tempest        // of each seed
	from, to    uint64 // the seeds
	quick       bool
	lines       int
	ledger      string // a file
	strike      func(lab.Tempest) (lab.Toll, []string)
}

// maxSeeds is the number of seeds of one command.
const maxSeeds = 1_000_000_000

func newStorm(w *world) *cobra.Command {
	var seeds string
	f := stormFlags{strike: lab.Tempest.Run}
	c := &cobra.Command{
		Use: "storm --seeds A..B", Short: "Strike rings with faults, one for each seed, and check that nothing that must hold is broken",
		Long: `storm lets all kinds of faults strike a ring for some virtual minutes while lookups go
on, then heals it, and checks all that must always hold of the overlay. The strength of
each fault is drawn from the seed. A seed that fails is made smaller as long as it goes
on failing, and what happens in it is printed, with the command that replays it.
Exit code 0: all seeds passed.`,
		Example: "  phyllolab storm --seeds 1..1000\n  phyllolab storm --seeds 17 --nodes 20 --without clock,slow",
		Args:    none,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if f.from, f.to, err = parseSeeds(seeds); err != nil {
				return err
			}
			if err := f.Check(); err != nil {
				return usageError{err}
			}
			if f.ledger != "" {
				return w.record(c.Context(), &f)
			}
			return w.storm(c.Context(), &f)
		},
	}
	c.Flags().StringVar(&seeds, "seeds", "1..100", "seeds `A..B`, both included, or one alone")
	c.Flags().IntVar(&f.Nodes, "nodes", 50, "number of `NODES` of each ring")
	c.Flags().DurationVar(&f.Rage, "rage", 2*time.Minute, "how long faults strike, in virtual `TIME`")
	c.Flags().StringSliceVar(&f.Calm, "without", nil, "`KINDS` of faults to leave out: "+strings.Join(lab.FaultKinds(), ", "))
	c.Flags().IntVar(&f.Leaf, "leaf", 0, "`SIZE` of the leaf sets, an even number (default 32): small ones let routing tables matter")
	c.Flags().BoolVar(&f.ForGood, "for-good", false, "let an eighth of the nodes go when the faults end, and never come back")
	c.Flags().BoolVar(&f.Storage, "storage", false, "let the nodes keep files for each other, and check that nothing acknowledged is lost")
	c.Flags().BoolVar(&f.Groups, "groups", false, "let the nodes talk in a group, and check what its members read")
	c.Flags().BoolVar(&f.Rooms, "rooms", false, "let people on the nodes talk in a room, and check that all have what was said, and who can read it")
	c.Flags().StringVar(&f.ledger, "ledger", "", "note each seed in `FILE`, and leave out those that are noted there: to stop, and go on later")
	c.Flags().BoolVar(&f.quick, "quick", false, "end with the first seed that fails, and do not make it smaller")
	c.Flags().IntVar(&f.lines, "lines", 200, "print so many `LINES` of what happened before the first thing that is wrong")
	return c
}

// parseSeeds reads "A..B" or "A".
func parseSeeds(text string) (from, to uint64, err error) {
	a, b, two := strings.Cut(text, "..")
	if from, err = strconv.ParseUint(a, 10, 64); err == nil {
		if to = from; two {
			to, err = strconv.ParseUint(b, 10, 64)
		}
	}
	switch {
	case err != nil:
		return 0, 0, wrong("--seeds %q: write two numbers as 1..100, or one", text)
	case to < from:
		return 0, 0, wrong("--seeds %q: the second number is below the first", text)
	case to-from >= maxSeeds:
		return 0, 0, wrong("--seeds %q: that is more than %d seeds", text, maxSeeds)
	}
	return from, to, nil
}

// verdict is what came of a seed.
type verdict struct {
	storm lab.Tempest
	toll  lab.Toll
	wrong []string
}

// storm strikes all seeds, as many at once as there are processors.
func (w *world) storm(ctx context.Context, f *stormFlags) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	verdicts := f.start(ctx, func(uint64) bool { return true })
	passed, failed := 0, 0
	var toll lab.Toll
	all := int(f.to-f.from) + 1
	show := w.progress()
	for v := range verdicts {
		toll.Add(v.toll)
		if len(v.wrong) == 0 {
			passed++
			show(passed+failed, all, "seeds")
			continue
		}
		failed++
		fmt.Fprintf(w.out, "seed %d failed: %s\n", v.storm.Seed, v.wrong[0])
		if f.quick {
			end()
			break
		}
		w.explain(ctx, f, v.storm)
	}
	for range verdicts { // the last ones end, so that nothing is left running
	}
	if f.Groups {
		fmt.Fprintf(w.out, "%d messages were said in groups and read %d times; %d times a member of a ring that was parted was told that one is lost; "+
			"%d parents that swallowed messages were left, %d that flooded, and %d that reordered\n", toll.Said, toll.Heard, toll.Told, toll.Found, toll.Drowned, toll.Turned)
		fmt.Fprintf(w.out, "in calm: %d times a member that missed a message read it in time, and %d times all read on after a forwarder or root was killed; %d of %d items found a taker\n",
			toll.Missed, toll.Mended, toll.Granted, toll.Offered)
	}
	if f.Rooms {
		fmt.Fprintf(w.out, "%d times something was said in rooms; %d of it was on one disk alone when that was lost\n", toll.Talked, toll.Gone)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d seeds failed", failed, passed+failed)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	fmt.Fprintf(w.out, "%d seeds passed: rings of %d nodes, faults for %v\n", passed, f.Nodes, f.Rage)
	return nil
}

// start strikes the seeds that are wanted. The channel is closed when all have ended, or the
// context did.
func (f *stormFlags) start(ctx context.Context, wanted func(seed uint64) bool) <-chan verdict {
	seeds, verdicts := make(chan uint64), make(chan verdict)
	go func() {
		defer close(seeds)
		for seed := f.from; ctx.Err() == nil; seed++ {
			if wanted(seed) {
				select {
				case seeds <- seed:
				case <-ctx.Done():
				}
			}
			if seed == f.to {
				return
			}
		}
	}()
	workers := min(runtime.GOMAXPROCS(0), int(f.to-f.from)+1)
	ended := make(chan struct{}, workers)
	for range workers {
		go func() {
			defer func() { ended <- struct{}{} }()
			for seed := range seeds {
				storm := f.Tempest
				storm.Seed = seed
				toll, wrong := f.strike(storm)
				verdicts <- verdict{storm, toll, wrong}
			}
		}()
	}
	go func() {
		for range workers {
			<-ended
		}
		close(verdicts)
	}()
	return verdicts
}

// explain makes a storm that fails smaller, and tells what happens in it.
func (w *world) explain(ctx context.Context, f *stormFlags, storm lab.Tempest) {
	fmt.Fprintf(w.say, "seed %d is made smaller\n", storm.Seed)
	small, broken := lab.Shrink(ctx, storm, func(s lab.Tempest) []string {
		_, wrong := f.strike(s)
		return wrong
	})
	for _, line := range excerpt(small.Transcribe(), f.lines) {
		fmt.Fprintln(w.out, "  "+line)
	}
	for _, b := range broken {
		fmt.Fprintln(w.out, "  found: "+b)
	}
	fmt.Fprintf(w.out, "to run it again: phyllolab storm %v\n", small)
}

// excerpt is what of a transcript leads to the first thing that is wrong: the lines
// before it, and that one.
func excerpt(lines []string, most int) []string {
	end := len(lines)
	for i, line := range lines {
		if strings.Contains(line, "WRONG: ") {
			end = i + 1
			break
		}
	}
	return lines[max(0, end-most-1):end]
}

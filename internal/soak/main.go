// Command soak lets a ring of real nodes work for a long time while its processes are
// killed, stopped and sent away, and ends with exit code 1 if anything was lost or grew:
//
//	go run ./internal/soak -for 30m -o docs/soak.md
//
// Users on all nodes write to each other all the time. What an accepted message is owed
// is that it arrives, once, and in its sender's order; what a node owes is to be ready
// soon after its start; what a node that is never struck owes is to hold no more after
// half an hour than before. It needs Linux, as it reads what a process costs there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	p := defaults()
	out := flag.String("o", "", "file to write the page to; else it is only shown")
	flag.DurationVar(&p.length, "for", p.length, "how long users write and processes are struck")
	flag.IntVar(&p.nodes, "nodes", p.nodes, "how many processes, 3 to 100")
	flag.DurationVar(&p.every, "every", p.every, "time between two strikes")
	flag.DurationVar(&p.pace, "pace", p.pace, "mean time between two messages of one user")
	flag.Uint64Var(&p.seed, "seed", p.seed, "of the choice of victims and receivers")
	flag.BoolVar(&p.race, "race", false, "the nodes look for data races: slower, with more memory, so growth is not judged")
	flag.Parse()
	if err := p.validate(); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	good, err := soak(ctx, p, *out)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

// soak does it, shows the page, and reports whether all was as it should be. A run that
// could not go on has its page shown too.
func soak(ctx context.Context, p plan, out string) (bool, error) {
	r, err := run(ctx, p)
	if r == nil {
		return false, err
	}
	page := r.page()
	fmt.Printf("%s", page)
	if err == nil && out != "" {
		err = os.WriteFile(out, page, 0o644)
	}
	return len(r.faults) == 0, err
}

// plan is what a soak does.
type plan struct {
	nodes  int
	length time.Duration
	every  time.Duration // between two strikes
	freeze time.Duration // how long a stopped process lies still
	away   time.Duration // the longest that a killed process, or one that left, is away
	pace   time.Duration // mean time between two messages of one user
	sample time.Duration // between two looks at what a process costs
	seed   uint64
	race   bool
}

func defaults() plan {
	return plan{
		nodes: 20, length: 30 * time.Minute, every: 20 * time.Second, freeze: 30 * time.Second, away: 40 * time.Second,
		pace: 4 * time.Second, sample: 10 * time.Second, seed: 1,
	}
}

// validate says what is wrong with the plan, or returns nil.
func (p *plan) validate() error {
	switch {
	case runtime.GOOS != "linux":
		return errors.New("it needs Linux, to read what a process costs")
	case p.nodes < 3 || p.nodes > 100:
		return fmt.Errorf("-nodes %d: 3 to 100 are possible", p.nodes)
	case p.length < 10*time.Second:
		return fmt.Errorf("-for %v: at least 10s", p.length)
	case p.every < time.Second || p.pace < 10*time.Millisecond:
		return fmt.Errorf("-every %v and -pace %v: at least 1s and 10ms", p.every, p.pace)
	}
	return nil
}

// steady is how many nodes, the first ones, are never struck.
func (p *plan) steady() int { return max(1, p.nodes/4) }

// mostAway is how many nodes are struck at a time at most.
func (p *plan) mostAway() int { return max(1, p.nodes/6) }

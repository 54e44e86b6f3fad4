package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/phyllo-net/phyllo/internal/daemons"
)

// campaign is what is to be measured.
type campaign struct {
	victims     int
	rate        int // honest requests a second at each victim
	calm, storm time.Duration
	aftermath   bool // wait until all is as in calm again, and note how long that took
	floods      []flood
}

// The goals for each flood.
const (
	leastGood   = 0.9 // of the honest requests that are answered in calm
	mostSlower  = 2.0 // 99th percentile against that in calm
	mostRSS     = 256 << 20
	mostFDs     = 512
	mostRestore = 30 * time.Second
)

// result is one flood, measured.
type result struct {
	flood       flood
	calm, storm window
	struck      struck
	restored    time.Duration // until all was as in calm; mostRestore and more: it was not
	faults      int           // contained panics, and errors in the logs
}

// failures says which goals were missed. Speeds count only where they were measured,
// on a machine that does nothing else.
func (r *result) failures(speeds bool) []string {
	var out []string
	miss := func(bad bool, format string, args ...any) {
		if bad {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	miss(r.struck.Done == 0, "the attackers did nothing")
	miss(r.storm.lost > 0, "%d honest requests without an outcome", r.storm.lost)
	miss(r.storm.rss > mostRSS, "%d MiB resident", r.storm.rss>>20)
	miss(r.storm.fds > mostFDs, "%d descriptors", r.storm.fds)
	miss(r.faults > 0, "%d faults of the program", r.faults)
	if speeds {
		miss(r.goodput() < leastGood, "goodput %.0f %%", 100*r.goodput())
		miss(r.slower() > mostSlower, "p99 %.1f times that in calm", r.slower())
		miss(r.restored > mostRestore, "not restored within %v", mostRestore)
	}
	return out
}

// goodput is the share of honest requests that were answered, against calm.
func (r *result) goodput() float64 { return r.storm.share() / max(r.calm.share(), 0.01) }

// slower is the 99th percentile against that in calm.
func (r *result) slower() float64 {
	return float64(r.storm.percentile(99)) / float64(max(r.calm.percentile(99), time.Microsecond))
}

// run starts the victims and measures flood after flood.
func (c *campaign) run(ctx context.Context, done func(*result)) (results []*result, err error) {
	dir, err := os.MkdirTemp("", "phyllo-siege-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program, err := daemons.Build(ctx, dir)
	if err != nil {
		return nil, err
	}
	ring, err := daemons.NewRing(ctx, program, dir, c.victims)
	defer func() { err = errors.Join(err, ring.Close()) }()
	if err != nil {
		return nil, err
	}
	for i := range c.floods {
		r, err := c.measure(ctx, ring, &c.floods[i], dir)
		if err != nil {
			return results, fmt.Errorf("%s: %w", c.floods[i].name, err)
		}
		results = append(results, r)
		done(r)
	}
	return results, nil
}

// measure measures one flood.
func (c *campaign) measure(ctx context.Context, ring *daemons.Ring, f *flood, dir string) (_ *result, err error) {
	r := &result{flood: *f}
	before, err := faults(ctx, ring)
	if err != nil {
		return nil, err
	}
	a, err := recruit(ctx, ring, f, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.dismiss()) }()
	observe(ctx, ring, c.rate, c.calm/2) // what is slow only once
	r.calm = observe(ctx, ring, c.rate, c.calm)
	if err := a.strike(); err != nil {
		return nil, err
	}
	r.storm = observe(ctx, ring, c.rate, c.storm)
	if r.struck, err = a.rest(); err != nil {
		return nil, err
	}
	if c.aftermath {
		r.restored = c.untilRestored(ctx, ring, &r.calm)
	}
	after, err := faults(ctx, ring)
	r.faults = after - before
	for _, d := range ring.Daemons {
		if end, over := d.Ended(); over {
			err = errors.Join(err, end)
		}
	}
	return r, errors.Join(err, ctx.Err())
}

// untilRestored waits until honest requests are answered as in calm and the
// descriptors are free again, and returns how long that took.
func (c *campaign) untilRestored(ctx context.Context, ring *daemons.Ring, calm *window) time.Duration {
	const spell = 2 * time.Second
	begun := time.Now()
	for time.Since(begun) <= mostRestore && ctx.Err() == nil {
		at := time.Since(begun)
		w := observe(ctx, ring, c.rate, spell)
		slow := float64(w.percentile(90)) > mostSlower*float64(calm.percentile(90))
		if w.share() >= leastGood*calm.share() && !slow && w.fdsAtEnd <= calm.fds+calm.fds/10+16 {
			return at
		}
	}
	return time.Since(begun)
}

// faults counts what must never be: contained panics, and errors in logs.
func faults(ctx context.Context, ring *daemons.Ring) (int, error) {
	n := 0
	for _, d := range ring.Daemons {
		m, err := d.Metrics(ctx)
		if err != nil {
			return 0, err
		}
		n += int(m["phyllo_contained_faults_total"])
		lines, err := d.Log()
		if err != nil {
			return 0, err
		}
		for _, l := range lines {
			if l.Level == "ERROR" {
				n++
			}
		}
	}
	return n, nil
}

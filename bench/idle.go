package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/bench/computer"
	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/bench/row"
)

// idleRows measure what a ring costs in which nobody does anything. They take minutes.
func idleRows() []row.Row {
	return []row.Row{
		{
			Name: "idle", What: "idle traffic after 5 minutes, 49 peers", Transports: row.Links, Rounds: 1, FreePastry: "275 B/s", Slow: true, Apart: true,
			Counted: "bytes on the loopback device of a network namespace of its own, headers too, a node and second, in the 2 minutes that follow",
			Goals:   []row.Goal{{Metric: "traffic", Limit: 275}}, Measure: measureIdle,
		},
		{
			Name: "daemon", What: "an idle `phyllo up` in a ring of 20 such processes, after 10 minutes", Rounds: 1, Slow: true, Apart: true,
			Counted: "the worst of the 20: resident memory and connections at the end, processor time of the last 4 minutes",
			Goals:   []row.Goal{{Metric: "RSS", Limit: 60}, {Metric: "CPU", Limit: 1}, {Metric: "connections", Limit: 60}}, Measure: measureDaemon,
		},
	}
}

// Times of the row "idle": until the count begins, and of the count. Shorter ones are
// for a look: then QUIC still searches for the largest packets.
const (
	calmTime, calmQuick   = 5 * time.Minute, 20 * time.Second
	countTime, countQuick = 2 * time.Minute, 40 * time.Second
)

// notFull says that a row was shortened.
func notFull(e *row.Env, quick, full time.Duration) string {
	if !e.Quick {
		return ""
	}
	return fmt.Sprintf("not at full length: after %s in place of %s", quick, full)
}

func measureIdle(ctx context.Context, e *row.Env) ([]row.Round, error) {
	calm, count := calmTime, countTime
	if e.Quick {
		calm, count = calmQuick, countQuick
	}
	return withRing(ctx, e, ring.Options{}, func(r *ring.Ring) ([]row.Round, error) {
		if err := pause(ctx, calm); err != nil {
			return nil, err
		}
		before, err := loopback()
		if err != nil {
			return nil, err
		}
		sent, used, begun := traffic(r.Nodes()), computer.ProcessorTime(), time.Now()
		if err := pause(ctx, count); err != nil {
			return nil, err
		}
		after, err := loopback()
		if err != nil {
			return nil, err
		}
		seconds := time.Since(begun).Seconds() * nodes
		own := traffic(r.Nodes()).less(sent)
		links := 0
		for _, n := range r.Nodes() {
			links += n.Stats().Links
		}
		return []row.Round{{
			Figures: []row.Figure{
				{Metric: "traffic", Value: float64(after.bytes-before.bytes) / seconds, Unit: "B/s"}, {Metric: "packets", Value: float64(after.packets-before.packets) / seconds, Unit: "/s"},
				{Metric: "frames", Value: float64(own.frames) / seconds, Unit: "/s"}, {Metric: "in frames", Value: float64(own.bytes) / seconds, Unit: "B/s"},
				{Metric: "CPU", Value: (computer.ProcessorTime() - used).Seconds() * 1000 / seconds, Unit: "ms/s"}, {Metric: "links", Value: float64(links) / nodes},
			},
			Bound: fmt.Sprintf("%.0f B/s of it are frames of links; the rest are their seals, headers, acknowledgements and keep-alives of TCP or QUIC", float64(own.bytes)/seconds),
			Note:  notFull(e, calm, calmTime),
		}}, nil
	})
}

// device is what went over the loopback device since it is up.
type device struct{ bytes, packets uint64 }

// loopback reads what this process's loopback device has received.
func loopback() (d device, err error) {
	b, err := os.ReadFile("/proc/self/net/dev")
	if err != nil {
		return d, fmt.Errorf("counting bytes needs Linux: %w", err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		name, counts, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) != "lo" {
			continue
		}
		fields := strings.Fields(counts) // received: bytes, packets, …
		if len(fields) < 2 {
			break
		}
		if d.bytes, err = strconv.ParseUint(fields[0], 10, 64); err != nil {
			return d, err
		}
		d.packets, err = strconv.ParseUint(fields[1], 10, 64)
		return d, err
	}
	return d, errors.New("this system does not count what the loopback device carries")
}

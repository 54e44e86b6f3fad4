package main

import (
	"context"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/internal/daemons"
)

// watch looks at what the nodes cost, and whether they live, until it is over.
func (f *field) watch(ctx context.Context) {
	for !ended(f.over) && ctx.Err() == nil {
		for _, n := range f.nodes {
			f.look(ctx, n)
		}
		f.pause(ctx, f.sample, f.over)
	}
}

// look takes a sample of a node that is not struck.
func (f *field) look(ctx context.Context, n *node) {
	began, struck := n.turn()
	if struck {
		return
	}
	s := sample{at: time.Since(f.begun)}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	usage, err := n.Usage()
	var m map[string]float64
	if err == nil {
		m, err = n.Metrics(ctx)
	}
	if err != nil {
		if ctx.Err() != context.Canceled {
			f.failed(n, began, "measuring", err)
		}
		return
	}
	s.rss, s.fds, s.cpu = float64(usage.RSS), float64(usage.FDs), usage.CPU
	s.goroutines, s.heap = m["go_goroutines"], m["go_memstats_heap_alloc_bytes"]
	if faults := m["phyllo_contained_faults_total"]; faults > 0 {
		f.blame("%s has contained %.0f panics: see its log", n.user, faults)
	}
	n.mu.Lock()
	n.samples = append(n.samples, s)
	n.mu.Unlock()
}

// conclude judges all that can be judged while the nodes run.
func (f *field) conclude(ctx context.Context) {
	if ctx.Err() != nil {
		f.blame("it was broken off")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	inboxes := make([][]api.Message, len(f.nodes))
	for i, n := range f.nodes {
		all, err := n.reread(ctx)
		if err != nil {
			f.blame("the inbox of %s cannot be read: %v", n.user, err)
			all = n.inbox
		}
		if fault := compare(n.inbox, all); fault != "" {
			f.blame("%s: %s", n.user, fault)
		}
		n.inbox, inboxes[i] = all, all
	}
	for _, fault := range f.book.judge(f.ring.Users, inboxes) {
		f.blame("%s", fault)
	}
	for _, n := range f.nodes[:f.steady()] {
		for _, fault := range growth(n.samples, !f.race) {
			f.blame("%s was never struck, but %s", n.user, fault)
		}
	}
	if err := f.ring.AwaitNames(ctx, namesTime); err != nil {
		f.blame("%v", err)
	}
}

// compare says whether what was shown before is still there, at its place.
func compare(shown, now []api.Message) string {
	for i := range shown {
		if i >= len(now) || now[i].ID != shown[i].ID {
			return fmt.Sprintf("message %d of %d that were shown is not at its place any more", i+1, len(shown))
		}
	}
	return ""
}

// readLogs looks for what must not be in a log.
func (f *field) readLogs() {
	for _, n := range f.nodes {
		lines, err := n.Log()
		if err != nil {
			f.blame("the log of %s: %v", n.user, err)
		}
		for _, fault := range logFaults(lines) {
			f.blame("the log of %s: %s", n.user, fault)
		}
	}
}

// logFaults are the lines of errors, and of what is no line of a log, such as the trace
// of a panic or of a data race: the first five, and how many more.
func logFaults(lines []daemons.Line) (out []string) {
	const most = 5
	more := 0
	for _, l := range lines {
		if l.Level != "ERROR" {
			continue
		}
		if len(out) < most {
			out = append(out, l.Text)
		} else {
			more++
		}
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("and %d lines more", more))
	}
	return out
}

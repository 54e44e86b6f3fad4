package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// topicHeads are those of the columns of topics.
var topicHeads = []string{"side", "median ms", "p99 ms", "last member: median ms", "p99 ms", "bytes on the device", "on streams", "CPU µs", "lost", "highest rate without loss"}

func (s *TopicSide) cells() []string {
	return []string{
		s.Side, short(s.Median / 1000), short(s.P99 / 1000), short(s.LastMedian / 1000), short(s.LastP99 / 1000),
		short(s.Bytes) + "×", short(s.Streamed) + "×", short(s.CPU), share(s.Lost, s.Deliveries), s.rate(),
	}
}

// rate writes the highest rate that was held.
func (s *TopicSide) rate() string {
	switch {
	case s.Held == 0:
		return "none"
	case s.Top:
		return fmt.Sprintf("%.0f/s or more", s.Held)
	}
	return fmt.Sprintf("%.0f/s", s.Held)
}

// share writes how many of how many.
func share(n, of int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprintf("%d of %d", n, of)
}

// rungHeads are those of the columns of rates.
var rungHeads = []string{"messages a second", "side", "median ms", "p99 ms", "on streams", "lost", ""}

func (r Rung) cells(side string) []string {
	verdict := "held"
	if !r.Held {
		verdict = "not held"
	}
	return []string{fmt.Sprintf("%.0f", r.Rate), side, short(r.Median / 1000), short(r.P99 / 1000), short(r.Streamed) + "×", share(r.Lost, r.Deliveries), verdict}
}

// String writes an attempt as one line.
func (r Rung) String() string {
	return fmt.Sprintf("%.0f/s: median %s ms, p99 %s ms, lost %s, %d messages refused, %s× on streams", r.Rate, short(r.Median/1000), short(r.P99/1000), share(r.Lost, r.Deliveries), r.Refused, short(r.Streamed))
}

// bound writes one line on what bounds a message in this process.
func (r *TopicRun) bound() string {
	return fmt.Sprintf("all processors verify a signature for each member in %s ms; the library alone takes %s µs for %d bytes there and back",
		short(r.Verify/1000), short(r.Echo.Median), letterSize)
}

func (r *TopicRun) sideRows() (rows [][]string) {
	for _, s := range r.Sides {
		rows = append(rows, s.cells())
	}
	return rows
}

// rungRows are the attempts of all sides, by rate.
func (r *TopicRun) rungRows() (rows [][]string) {
	type attempt struct {
		Rung
		side string
	}
	var all []attempt
	for _, s := range r.Sides {
		for _, x := range s.Rungs {
			all = append(all, attempt{x, s.Side})
		}
	}
	slices.SortStableFunc(all, func(a, b attempt) int { return cmp.Compare(a.Rate, b.Rate) })
	for _, x := range all {
		rows = append(rows, x.cells(x.side))
	}
	return rows
}

// formation writes how long the networks took to form.
func (r *TopicRun) formation() string {
	var all []string
	for _, s := range r.Sides {
		all = append(all, fmt.Sprintf("%s %.2f s", s.Side, s.Formed))
	}
	return strings.Join(all, ", ")
}

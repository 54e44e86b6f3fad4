package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/phyllo-net/phyllo/cmd/phyllo/console"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/config"
)

// number is a flag with a whole number in a range.
type number struct {
	value     int
	low, high int
}

var _ pflag.Value = (*number)(nil)

// String implements pflag.Value.
func (n *number) String() string { return strconv.Itoa(n.value) }

// Type implements pflag.Value.
func (n *number) Type() string { return "N" }

// Hint says which values are good.
func (n *number) Hint() string { return fmt.Sprintf("a whole number from %d to %d,", n.low, n.high) }

// Set implements pflag.Value.
func (n *number) Set(s string) error {
	v, err := strconv.Atoi(s)
	if err != nil || v < n.low || v > n.high {
		return errors.New("out of range")
	}
	n.value = v
	return nil
}

// length is a flag with a length of time in a range; days may be written as 7d.
type length struct {
	value     time.Duration
	low, high time.Duration
}

var _ pflag.Value = (*length)(nil)

// String implements pflag.Value.
func (l *length) String() string { return config.SpanText(l.value) }

// Type implements pflag.Value.
func (l *length) Type() string { return "TIME" }

// Hint says which values are good.
func (l *length) Hint() string {
	return fmt.Sprintf("a time from %s to %s,", config.SpanText(l.low), config.SpanText(l.high))
}

// Set implements pflag.Value.
func (l *length) Set(s string) error {
	v, err := config.ParseSpan(s)
	if err != nil || v < l.low || v > l.high {
		return errors.New("out of range")
	}
	l.value = v
	return nil
}

// parseID reads an id from the command line.
func parseID(s string) (id.ID, error) {
	x, err := id.Parse(s)
	if err != nil {
		return x, console.Usage("%+q is not an id: want 32 hex digits, as `phyllo member list` prints them", plain.Cut(s))
	}
	return x, nil
}

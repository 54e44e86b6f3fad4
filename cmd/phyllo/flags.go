package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"
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
func (l *length) String() string { return short(l.value) }

// Type implements pflag.Value.
func (l *length) Type() string { return "TIME" }

// Hint says which values are good.
func (l *length) Hint() string {
	return fmt.Sprintf("a time from %s to %s,", short(l.low), short(l.high))
}

// Set implements pflag.Value.
func (l *length) Set(s string) error {
	v, err := time.ParseDuration(s)
	if err != nil && len(s) > 1 && s[len(s)-1] == 'd' {
		var days int
		if days, err = strconv.Atoi(s[:len(s)-1]); err == nil && days >= 0 && days <= 10_000 {
			v = time.Duration(days) * 24 * time.Hour
		}
	}
	if err != nil || v < l.low || v > l.high {
		return errors.New("out of range")
	}
	l.value = v
	return nil
}

// short writes a length of time as people type it.
func short(d time.Duration) string {
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	case d >= time.Hour && d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d >= time.Minute && d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	case d%time.Second == 0:
		return strconv.Itoa(int(d/time.Second)) + "s"
	}
	return d.String()
}

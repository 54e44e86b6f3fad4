package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseSpan reads a length of time as people write it: as "90s", "10m" or "1h30m", or in whole days, as
// "30d", up to 10,000 of them.
func ParseSpan(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 10_000 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(s); err == nil {
		return d, nil
	}
	return 0, fmt.Errorf("%+q is not a length of time, as \"90s\", \"10m\" or \"30d\"", clip(s))
}

// SpanText writes a length of time as people type it.
func SpanText(d time.Duration) string {
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

// readSpan and spanText are these for a setting.
func readSpan(s string) (int64, error) {
	d, err := ParseSpan(s)
	return int64(d), err
}

func spanText(n int64) string { return SpanText(time.Duration(n)) }

func checkAbsence(v any) error {
	if d := time.Duration(v.(int64)); d < time.Second || d > 24*time.Hour {
		return errors.New("out of range: 1s to 24h, as in \"10m\"")
	}
	return nil
}

func checkLostAfter(v any) error {
	if d := time.Duration(v.(int64)); d != 0 && (d < time.Hour || d > 3650*24*time.Hour) {
		return errors.New("out of range: 1h to 3650d, as in \"30d\", or 0s for never")
	}
	return nil
}

package command

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

// Number is a flag with a whole number in a range.
type Number struct {
	Value     int
	Low, High int
}

var _ pflag.Value = (*Number)(nil)

// String implements pflag.Value.
func (n *Number) String() string { return strconv.Itoa(n.Value) }

// Type implements pflag.Value.
func (n *Number) Type() string { return "N" }

// Hint says which values are good.
func (n *Number) Hint() string { return fmt.Sprintf("a whole number from %d to %d,", n.Low, n.High) }

// Set implements pflag.Value.
func (n *Number) Set(s string) error {
	v, err := strconv.Atoi(s)
	if err != nil || v < n.Low || v > n.High {
		return errors.New("out of range")
	}
	n.Value = v
	return nil
}

// Length is a flag with a length of time in a range; days may be written as 7d.
type Length struct {
	Value     time.Duration
	Low, High time.Duration
}

var _ pflag.Value = (*Length)(nil)

// String implements pflag.Value.
func (l *Length) String() string { return config.SpanText(l.Value) }

// Type implements pflag.Value.
func (l *Length) Type() string { return "TIME" }

// Hint says which values are good.
func (l *Length) Hint() string {
	return fmt.Sprintf("a time from %s to %s,", config.SpanText(l.Low), config.SpanText(l.High))
}

// Set implements pflag.Value.
func (l *Length) Set(s string) error {
	v, err := config.ParseSpan(s)
	if err != nil || v < l.Low || v > l.High {
		return errors.New("out of range")
	}
	l.Value = v
	return nil
}

// ParseID reads an id from the command line.
func ParseID(s string) (id.ID, error) {
	x, err := id.Parse(s)
	if err != nil {
		return x, console.Usage("%+q is not an id: want 32 hex digits, as `phyllo member list` prints them", plain.Cut(s))
	}
	return x, nil
}

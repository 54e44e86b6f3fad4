package cause_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/phyllo-net/phyllo/cause"
)

func TestJoin(t *testing.T) {
	full := errors.New("the disk is full")
	many := make([]error, 190)
	var other []error
	for i := range many {
		many[i] = fmt.Errorf("a piece: %w", full)
		other = append(other, fmt.Errorf("piece %d: %w", i, full))
	}
	for _, c := range []struct {
		name string
		errs []error
		want string // "": no error
	}{
		{"none", nil, ""},
		{"nothing failed", []error{nil, nil}, ""},
		{"one", []error{nil, full}, "the disk is full"},
		{"one cause", many, "a piece: the disk is full"},
		{"two causes", append(many, io.EOF, many[3]), "a piece: the disk is full; EOF"},
		{"four", other[:4], "piece 0: the disk is full; piece 1: the disk is full; piece 2: the disk is full; piece 3: the disk is full"},
		{"ever other ones", other, "piece 0: the disk is full; piece 1: the disk is full; piece 2: the disk is full; piece 3: the disk is full; and 186 more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var one error
			for _, err := range c.errs {
				one = cause.Join(one, err)
			}
			for how, err := range map[string]error{"at once": cause.Join(c.errs...), "one after another": one} {
				if got := text(err); got != c.want {
					t.Errorf("%s: %q, want %q", how, got, c.want)
				}
				for _, e := range c.errs {
					if e == io.EOF && !errors.Is(err, io.EOF) || errors.Is(e, full) && !errors.Is(err, full) {
						t.Errorf("%s: it is not %v", how, e)
					}
				}
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestKindsBeyondTheText: what is not shown is there for errors.Is.
func TestKindsBeyondTheText(t *testing.T) {
	var err error
	for i := range 20 {
		err = cause.Join(err, fmt.Errorf("number %d", i))
	}
	if err = cause.Join(err, io.ErrUnexpectedEOF); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the last error is lost")
	}
}

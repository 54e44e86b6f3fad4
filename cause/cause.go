package cause

import (
	"fmt"
	"slices"
	"strings"
)

// shown is how many different errors are told; of the others only how many there are.
const shown = 4

// Join is nil if all errors are, one of them if all others say the same, and else an
// error that is each of them for errors.Is and errors.As. Its text has each text once,
// the first four of them, in the order of the errors, and how many more there are.
// Errors of one text are taken to be of one kind. Join may be called again with what it
// returned, as errors come in one after another.
func Join(errs ...error) error {
	var all joined
	for _, err := range errs {
		if before, is := err.(*joined); is {
			for _, e := range before.errs {
				all.add(e)
			}
		} else if err != nil {
			all.add(err)
		}
	}
	switch len(all.errs) {
	case 0:
		return nil
	case 1:
		return all.errs[0]
	}
	return &all
}

// joined are at least two errors of different texts.
type joined struct {
	errs  []error
	texts []string
}

func (j *joined) add(err error) {
	if text := err.Error(); !slices.Contains(j.texts, text) {
		j.errs, j.texts = append(j.errs, err), append(j.texts, text)
	}
}

// Error implements error.
func (j *joined) Error() string {
	text := strings.Join(j.texts[:min(shown, len(j.texts))], "; ")
	if more := len(j.texts) - shown; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// Unwrap serves errors.Is and errors.As.
func (j *joined) Unwrap() []error { return j.errs }

package msg

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckName returns what is wrong with a ring's name, or nil.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > MaxName:
		return fmt.Errorf("a name of %d bytes, want 1 to %d", len(name), MaxName)
	case !utf8.ValidString(name) || strings.TrimSpace(name) != name:
		return errors.New("a name that is not plain text")
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("a name with characters that cannot be shown")
	}
	return nil
}

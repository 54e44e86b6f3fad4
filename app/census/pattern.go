package census

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/phyllo-net/phyllo/app/directory"
)

// MaxPattern is the longest pattern, in bytes.
const MaxPattern = directory.MaxNameBytes

// Pattern says which names are wanted: * stands for any characters, also none, and ? for
// one. The empty pattern wants all.
type Pattern string

// ParsePattern reads what a person typed: case does not count, as in names. The error
// names the rule that was broken.
func ParsePattern(typed string) (Pattern, error) {
	if len(typed) > MaxPattern {
		return "", fmt.Errorf("a pattern of %d bytes, at most %d", len(typed), MaxPattern)
	}
	p := Pattern(norm.NFC.String(strings.ToLower(strings.ToValidUTF8(typed, "?"))))
	return p, p.Check()
}

// Check implements wire.Checker.
func (p Pattern) Check() error {
	if len(p) > MaxPattern || !utf8.ValidString(string(p)) {
		return fmt.Errorf("%w: a pattern of %d bytes", errMessage, len(p))
	}
	return nil
}

// Match reports whether a name fits. It takes time in proportion to the lengths of the two
// multiplied, at most.
func (p Pattern) Match(name directory.Name) bool {
	if p == "" {
		return true
	}
	want, s := []rune(p), []rune(name)
	i, j, star, from := 0, 0, -1, 0
	for j < len(s) {
		switch {
		case i < len(want) && want[i] == '*':
			star, from = i, j
			i++
		case i < len(want) && (want[i] == '?' || want[i] == s[j]):
			i, j = i+1, j+1
		case star >= 0: // the last star takes one character more
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	for i < len(want) && want[i] == '*' {
		i++
	}
	return i == len(want)
}

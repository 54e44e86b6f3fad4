package plain_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

// Whatever others send, a terminal is told nothing but text.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"hello", "\x1b[2J", "\u202eabc", "a\u0301\u0301\u0301", "\xff\xfe", "\ufffd", "line\nline\ttab\r", "\u2028", "👩‍👩‍👧", "\x9b31m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, out := range []string{plain.Clean(s), strings.ReplaceAll(plain.Body(s, "    "), "\n    ", "")} {
			if !utf8.ValidString(out) {
				t.Fatalf("%q became invalid UTF-8", s)
			}
			for _, r := range out {
				if unicode.Is(unicode.C, r) && r != '\u200c' && r != '\u200d' || r == '\u2028' || r == '\u2029' {
					t.Fatalf("%q lets %U through", s, r)
				}
			}
		}
	})
}

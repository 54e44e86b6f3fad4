package main

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestCleanIsHarmless: whatever comes in, nothing goes out that a terminal obeys.
func TestCleanIsHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		check := func(out string) {
			if !utf8.ValidString(out) {
				t.Fatalf("%q became invalid UTF-8", in)
			}
			for _, r := range out {
				if unicode.Is(unicode.C, r) && r != '\u200c' && r != '\u200d' || r == '\u2028' || r == '\u2029' {
					t.Fatalf("%q lets %U through", in, r)
				}
			}
		}
		check(clean(in))
		check(strings.ReplaceAll(body(in, "    "), "\n    ", ""))
	})
}

func TestCleanLeavesWordsAlone(t *testing.T) {
	for _, s := range []string{"hello bob", "Ünïcødé", "日本語", "مرحبا", "👩‍👩‍👧 🇩🇪 ❤️", "a\u00a0b", "हिन्दी"} {
		if got := clean(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

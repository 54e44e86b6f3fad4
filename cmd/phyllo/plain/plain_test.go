package plain_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
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
		check(plain.Clean(in))
		check(strings.ReplaceAll(plain.Body(in, "    "), "\n    ", ""))
	})
}

func TestCleanLeavesWordsAlone(t *testing.T) {
	for _, s := range []string{"hello bob", "Ünïcødé", "日本語", "مرحبا", "👩‍👩‍👧 🇩🇪 ❤️", "a\u00a0b", "हिन्दी"} {
		if got := plain.Clean(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// TestBeyond: who uses more than he may is told what helps, and nobody else.
func TestBeyond(t *testing.T) {
	if got := plain.Beyond(5, 5); got != "" {
		t.Errorf("of one within his limit: %q", got)
	}
	if got := plain.Beyond(7e6, 5e6); !strings.Contains(got, "2.0 MB too much") || !strings.Contains(got, "`phyllo offer SIZE`") {
		t.Errorf("of one beyond his limit: %q", got)
	}
}

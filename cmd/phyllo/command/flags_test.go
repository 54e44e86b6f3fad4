package command

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/phyllo-net/phyllo/id"
)

// A length of time that is taken is in its range, means what was typed, and is
// shown so that it can be typed again.
func FuzzLength(f *testing.F) {
	for _, s := range []string{"10s", "1h30m", "7d", "365d", "0", "-1h", "-213503982d", "106751992d", "1e9s", "9223372036854775807ns", "d", "1.5h", "2540400h10m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l := &Length{Low: 0, High: 366 * 24 * time.Hour}
		if l.Set(s) != nil {
			if l.Value != 0 {
				t.Fatalf("%q was refused and is %v", s, l.Value)
			}
			return
		}
		if l.Value < l.Low || l.Value > l.High || strings.HasPrefix(s, "-") && l.Value != 0 {
			t.Fatalf("%q became %v", s, l.Value)
		}
		again := &Length{Low: l.Low, High: l.High}
		if err := again.Set(l.String()); err != nil || again.Value != l.Value {
			t.Fatalf("%q is %v, shown as %q, and that is %v, %v", s, l.Value, l.String(), again.Value, err)
		}
	})
}

// What is no id is refused with one line, however long it was.
func FuzzParseID(f *testing.F) {
	f.Add("00000000000000000000000000000001")
	f.Add(strings.Repeat("x", 1000))
	f.Add("\n\x1b[31m")
	f.Fuzz(func(t *testing.T, s string) {
		x, err := ParseID(s)
		if err == nil {
			if back, err := id.Parse(x.String()); err != nil || back != x {
				t.Fatalf("%q is %v, which is %v, %v", s, x, back, err)
			}
			return
		}
		if text := err.Error(); strings.ContainsFunc(text, unicode.IsControl) || len(text) > 2000 {
			t.Fatalf("%q gives the message %q", s, text)
		}
	})
}

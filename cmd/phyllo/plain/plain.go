package plain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Clean makes text of others harmless in one line of a terminal: what could move the
// cursor, turn the direction of writing or hide itself is shown as an escape.
func Clean(s string) string {
	var b strings.Builder
	marks := 0
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
			continue
		case unicode.Is(unicode.M, r):
			if marks++; marks > maxMarks {
				continue
			}
		default:
			marks = 0
		}
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case harmless(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u{%04x}`, r)
		}
	}
	return b.String()
}

// maxMarks is how many combining marks one letter keeps: no script needs more, and
// more are used to draw over other lines.
const maxMarks = 4

// harmless reports whether a character is shown as it is. Joiners are part of words
// in some scripts, and of emoji.
func harmless(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return unicode.IsPrint(r) || unicode.Is(unicode.Zs, r) || r == nonJoiner || r == joiner
}

// Body is clean for a text of several lines, of which those after the first are
// indented, so that none can look like a line of ours.
func Body(s, indent string) string {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), "\n"), "\n")
	for i := range lines {
		parts := strings.Split(lines[i], "\t")
		for j := range parts {
			parts[j] = Clean(parts[j])
		}
		lines[i] = strings.Join(parts, "    ")
	}
	return strings.Join(lines, "\n"+indent)
}

// Cells is the number of columns that a clean text takes.
func Cells(s string) int {
	n := 0
	for _, r := range s {
		switch k := width.LookupRune(r).Kind(); {
		case unicode.Is(unicode.M, r), unicode.Is(unicode.Cf, r):
		case k == width.EastAsianWide, k == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// Bytes is a size for people.
func Bytes(n uint64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 999_950:
		return fmt.Sprintf("%.1f KB", float64(n)/1e3)
	case n < 999_950_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// Beyond says, after what somebody uses of what he may, that this is too much, and what helps; "" if it is
// not. Both are in bytes.
func Beyond(used, limit int64) string {
	if used <= limit {
		return ""
	}
	return ", which is " + Bytes(uint64(used-limit)) + " too much: nothing more is stored until you remove something (`phyllo rm NAME`) or offer more (`phyllo offer SIZE`)"
}

// RTT is a round trip of so many microseconds for people; none is zero or less.
func RTT(micros int64) string {
	switch {
	case micros <= 0:
		return "?"
	case micros < 10_000:
		return fmt.Sprintf("%.1f ms", float64(micros)/1e3)
	}
	return fmt.Sprintf("%d ms", (micros+500)/1000)
}

// Span is a length of time for people.
func Span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return Plural(int(d.Seconds()), "second")
	case d < 2*time.Hour:
		return Plural(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return Plural(int(d.Hours()), "hour")
	}
	return Plural(int(d.Hours()/24), "day")
}

// Plural is how many there are of something, whose plural is made with an s.
func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// Join lists names as a sentence does.
func Join(names []string) string {
	names = slices.Clone(names)
	for i := range names {
		names[i] = Clean(names[i])
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// Cut shortens what is quoted in a message to about 80 bytes.
func Cut(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

// Grouped writes a fingerprint in groups of four.
func Grouped(hex string) string {
	var b strings.Builder
	for i, r := range Clean(hex) {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Name is how a person is shown whose name may be his claim only.
func Name(name, claimed, key string) string {
	switch {
	case name != "":
		return name
	case claimed != "":
		return key + " (calls himself \"" + claimed + "\")"
	}
	return key
}

// Apart says that a majority of those who keep something had no say in it; nothing, if it had.
func Apart(of int) string {
	if of == 0 {
		return ""
	}
	return fmt.Sprintf("; made without the majority of the %d that keep it, which is away: both sides' changes meet when it is back", of)
}

// Copies says how many copies there are of those that are wanted.
func Copies(have, wanted int) string {
	if have < wanted {
		return fmt.Sprintf("%d of %d copies, more when more machines join", have, wanted)
	}
	return fmt.Sprintf("%d of %d copies", have, wanted)
}

package main

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

// clean makes text of others harmless in one line of a terminal: what could move the
// cursor, turn the direction of writing or hide itself is shown as an escape.
func clean(s string) string {
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

// body is clean for a text of several lines, of which those after the first are
// indented, so that none can look like a line of ours.
func body(s, indent string) string {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), "\n"), "\n")
	for i := range lines {
		parts := strings.Split(lines[i], "\t")
		for j := range parts {
			parts[j] = clean(parts[j])
		}
		lines[i] = strings.Join(parts, "    ")
	}
	return strings.Join(lines, "\n"+indent)
}

// cells is the number of columns that a clean text takes.
func cells(s string) int {
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

// bytesText is a size for people.
func bytesText(n uint64) string {
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

// rtt is a round trip for people.
func rtt(micros int64) string {
	switch {
	case micros <= 0:
		return "?"
	case micros < 10_000:
		return fmt.Sprintf("%.1f ms", float64(micros)/1e3)
	}
	return fmt.Sprintf("%d ms", (micros+500)/1000)
}

// span is a length of time for people.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return plural(int(d.Seconds()), "second")
	case d < 2*time.Hour:
		return plural(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return plural(int(d.Hours()), "hour")
	}
	return plural(int(d.Hours()/24), "day")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// join lists names as a sentence does.
func join(names []string) string {
	names = slices.Clone(names)
	for i := range names {
		names[i] = clean(names[i])
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// cut shortens what is quoted in a message.
func cut(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

// grouped writes a fingerprint in groups of four.
func grouped(hex string) string {
	var b strings.Builder
	for i, r := range clean(hex) {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// nameOf is how a person is shown whose name may be his claim only.
func nameOf(name, claimed, key string) string {
	switch {
	case name != "":
		return name
	case claimed != "":
		return key + " (calls himself \"" + claimed + "\")"
	}
	return key
}

// apartText says that a majority of those who keep something had no say in it; nothing, if it had.
func apartText(of int) string {
	if of == 0 {
		return ""
	}
	return fmt.Sprintf("; made without the majority of the %d that keep it, which is away: both sides' changes meet when it is back", of)
}

func copiesOf(have, wanted int) string {
	if have < wanted {
		return fmt.Sprintf("%d of %d copies, more when more machines join", have, wanted)
	}
	return fmt.Sprintf("%d of %d copies", have, wanted)
}

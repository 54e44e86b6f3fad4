package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/phyllo-net/phyllo/id"
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

// table prints rows in aligned columns, the first row as the head. All text is
// cleaned.
func (w *world) table(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i := range row {
			row[i] = clean(row[i])
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], cells(row[i]))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, c := range row {
			b.WriteString(c)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-cells(c)+2))
			}
		}
		w.printf("%s\n", strings.TrimRight(b.String(), " "))
	}
}

// line prints v as one line of JSON.
func (w *world) line(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.printf("%s\n", b)
	return nil
}

// lines prints a list, one JSON object in each line.
func lines[V any](w *world, list []V) error {
	for _, v := range list {
		if err := w.line(v); err != nil {
			return err
		}
	}
	return nil
}

// listing prints what the node was asked for: JSON lines, the sentence none if there is
// nothing, else a table with its head.
func listing[V any](w *world, list []V, none string, head []string, row func(V) []string) error {
	switch {
	case w.json:
		return lines(w, list)
	case len(list) == 0:
		w.printf("%s\n", none)
		return nil
	}
	rows := [][]string{head}
	for _, v := range list {
		rows = append(rows, row(v))
	}
	w.table(rows)
	return nil
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

// ago is a time in the past for people.
func (w *world) ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := w.now().Sub(t)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return plural(int(d/time.Minute), "minute") + " ago"
	case d < 48*time.Hour:
		return plural(int(d/time.Hour), "hour") + " ago"
	}
	return plural(int(d/(24*time.Hour)), "day") + " ago"
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

// parseID reads an id from the command line.
func parseID(s string) (id.ID, error) {
	x, err := id.Parse(s)
	if err != nil {
		return x, usage("%+q is not an id: want 32 hex digits, as `phyllo member list` prints them", cut(s))
	}
	return x, nil
}

// cut shortens what is quoted in a message.
func cut(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

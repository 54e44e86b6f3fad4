package main

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

// table prints rows in aligned columns, the first row as the head. All text is
// cleaned.
func (w *world) table(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i := range row {
			row[i] = plain.Clean(row[i])
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], plain.Cells(row[i]))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, c := range row {
			b.WriteString(c)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-plain.Cells(c)+2))
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
		return plain.Plural(int(d/time.Minute), "minute") + " ago"
	case d < 48*time.Hour:
		return plain.Plural(int(d/time.Hour), "hour") + " ago"
	}
	return plain.Plural(int(d/(24*time.Hour)), "day") + " ago"
}

// moment is a time of day, with the date if it is another day's.
func (w *world) moment(t time.Time) string {
	now, t := w.now().Local(), t.Local()
	if now.Format(time.DateOnly) == t.Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// reached says of how many nodes' word an answer is.
func (w *world) reached(nodes, about int) {
	if nodes >= about {
		w.printf("%s %s answered: all that are known\n", w.mark(api.Good), plain.Plural(nodes, "node"))
		return
	}
	w.printf("%s %d of about %s answered\n", w.mark(api.Warn), nodes, plain.Plural(about, "node"))
}

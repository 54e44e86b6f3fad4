package console

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cmd/phyllo/plain"
)

// Table prints rows in aligned columns, the first row as the head. All text is
// cleaned.
func (w *World) Table(rows [][]string) {
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
		w.Printf("%s\n", strings.TrimRight(b.String(), " "))
	}
}

// Line prints v as one line of JSON.
func (w *World) Line(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Printf("%s\n", b)
	return nil
}

// Lines prints a list as JSON, one object in each line.
func Lines[V any](w *World, list []V) error {
	for _, v := range list {
		if err := w.Line(v); err != nil {
			return err
		}
	}
	return nil
}

// Listing prints what the node was asked for: JSON lines, the sentence none if there is
// nothing, else a table with its head.
func Listing[V any](w *World, list []V, none string, head []string, row func(V) []string) error {
	switch {
	case w.JSON:
		return Lines(w, list)
	case len(list) == 0:
		w.Printf("%s\n", none)
		return nil
	}
	rows := [][]string{head}
	for _, v := range list {
		rows = append(rows, row(v))
	}
	w.Table(rows)
	return nil
}

// Ago is a time in the past for people.
func (w *World) Ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := w.Now().Sub(t)
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

// Moment is a time of day, with the date if it is another day's.
func (w *World) Moment(t time.Time) string {
	now, t := w.Now().Local(), t.Local()
	if now.Format(time.DateOnly) == t.Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// Reached says of how many nodes' word an answer is.
func (w *World) Reached(nodes, about int) {
	if nodes >= about {
		w.Printf("%s %s answered: all that are known\n", w.Mark(api.Good), plain.Plural(nodes, "node"))
		return
	}
	w.Printf("%s %d of about %s answered\n", w.Mark(api.Warn), nodes, plain.Plural(about, "node"))
}

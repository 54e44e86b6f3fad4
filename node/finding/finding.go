// Package finding is how the rooms of a node say what they found when the doctor asked them to look.
package finding

import (
	"strconv"
	"time"

	"github.com/phyllo-net/phyllo/id"
)

// Say tells of one thing that was looked at: what it is about, a verdict of package api, and a sentence.
type Say func(about, verdict, format string, args ...any)

// Most is how many things are named of which one thing is said.
const Most = 3

// Many is a number of things in words.
func Many(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// Few names some members.
func Few(ids []id.ID) (text string) {
	for i, n := range ids[:min(len(ids), Most)] {
		if i > 0 {
			text += ", "
		}
		text += n.Short()
	}
	if more := len(ids) - Most; more > 0 {
		text += ", " + strconv.Itoa(more) + " more"
	}
	return text
}

// Within is a small length of time in words, rounded up.
func Within(d time.Duration) string {
	d = d.Abs()
	if d < time.Second {
		return strconv.FormatInt(int64(d/(10*time.Millisecond)+1)*10, 10) + " ms"
	}
	return strconv.FormatInt(int64(d/time.Second+1), 10) + " s"
}

// About is a length of time in words, without its sign, in the unit that fits.
func About(d time.Duration) string {
	d = d.Abs()
	const day = 24 * time.Hour
	for _, unit := range []struct {
		name       string
		from, size time.Duration
	}{{"year", 2 * 365 * day, 365 * day}, {"day", 2 * day, day}, {"hour", time.Hour, time.Hour}} {
		if d >= unit.from {
			return Many(int((d+unit.size/2)/unit.size), unit.name)
		}
	}
	return Many(max(1, int((d+time.Minute/2)/time.Minute)), "minute")
}

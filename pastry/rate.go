package pastry

import (
	"time"

	"github.com/phyllo-net/phyllo/task"
)

// rate is how often something may happen: so many times a second, and so many times at
// once.
type rate struct{ second, burst float64 }

// Rates of what others can make this node do for them that costs more than a message.
var (
	joinRate   = rate{20, 20} // joins served as a root
	originRate = rate{4, 16}  // broadcasts of one origin
	viaRate    = rate{40, 80} // broadcasts that one neighbour hands over
)

// bucket counts what happened against a rate. The zero bucket is full.
type bucket struct {
	used float64
	at   task.Instant
}

// take reports whether it may happen once more now, and counts it if so.
func (b *bucket) take(r rate, now task.Instant) bool {
	if !b.has(r, now) {
		return false
	}
	b.used++
	return true
}

// has reports whether it may happen once more now.
func (b *bucket) has(r rate, now task.Instant) bool {
	b.used = max(0, b.used-r.second*now.Sub(b.at).Seconds())
	b.at = now
	return b.used+1 <= r.burst
}

// idle reports whether the bucket is full again, so that it can be forgotten.
func (b *bucket) idle(r rate, now task.Instant) bool {
	return now.Sub(b.at) > time.Duration(b.used/r.second*float64(time.Second))
}

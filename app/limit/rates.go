// Package limit bounds how often each neighbour is served, the same way in every
// application that keeps what others send.
package limit

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// Rates are token buckets, one for each neighbour, full at first. Not for several
// goroutines at once.
type Rates struct {
	perMinute int
	buckets   map[id.ID]bucket
}

type bucket struct {
	tokens float64
	at     task.Instant
}

// maxBuckets bounds the memory. When there are more all are forgotten: nobody has
// that many neighbours within minutes.
const maxBuckets = 4096

// New returns Rates that let each neighbour have so many tokens at once, and as many a
// minute.
func New(perMinute int) Rates {
	return Rates{perMinute: perMinute, buckets: make(map[id.ID]bucket)}
}

// Take takes a token of neighbour n, if there is one.
func (r *Rates) Take(n id.ID, now task.Instant) bool {
	full := float64(r.perMinute)
	b, have := r.buckets[n]
	if !have {
		if len(r.buckets) >= maxBuckets {
			clear(r.buckets)
		}
		b = bucket{full, now}
	}
	b.tokens = min(full, b.tokens+full*float64(now.Sub(b.at))/float64(time.Minute))
	b.at = now
	ok := b.tokens >= 1
	if ok {
		b.tokens--
	}
	r.buckets[n] = b
	return ok
}

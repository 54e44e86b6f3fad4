package past

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// rates are token buckets, one for each neighbour.
type rates struct {
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

func newRates(perMinute int) rates {
	return rates{perMinute: perMinute, buckets: make(map[id.ID]bucket)}
}

// take takes a token, if there is one.
func (r *rates) take(n id.ID, now task.Instant) bool {
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

package bulk

import (
	"testing"
	"time"
)

// line is a way with a bandwidth: what is sent waits for what was sent before.
type line struct {
	perSecond float64
	delay     time.Duration
}

// run sends for a while and returns how many bytes arrived in that time, and the longest
// time that a byte of another stream would have waited, of the second half.
func (l line) run(d time.Duration) (bytes uint64, wait time.Duration) {
	type arrival struct {
		at  time.Duration
		end uint64
	}
	p := newPacer()
	epoch := time.Unix(0, 0)
	var now, free time.Duration
	var way []arrival
	for now < d {
		if n := p.piece(); n > 0 {
			p.send(n, epoch.Add(now))
			free = max(free, now) + time.Duration(float64(n)/l.perSecond*float64(time.Second))
			way = append(way, arrival{free + 2*l.delay, p.sent})
			if now > d/2 {
				wait = max(wait, free-now)
			}
			continue
		}
		now = max(now, way[0].at)
		p.ack(way[0].end, epoch.Add(now))
		way = way[1:]
	}
	return p.acked, wait
}

// On any line what is on the way is small enough for a heartbeat to pass soon, and the
// line is used.
func TestPace(t *testing.T) {
	for _, l := range []line{
		{32e3, 50 * time.Millisecond}, {125e3, 10 * time.Millisecond}, {1e6, 20 * time.Millisecond},
		{12.5e6, 5 * time.Millisecond}, {12.5e6, 100 * time.Millisecond}, {1e9, 50 * time.Microsecond},
	} {
		bytes, wait := l.run(60 * time.Second)
		most := queueing*3/2 + time.Duration(minWindow/l.perSecond*float64(time.Second))
		if wait > most {
			t.Errorf("%+v: a heartbeat waits for %v, want %v", l, wait, most)
		}
		ideal := min(l.perSecond, maxWindow/(2*l.delay).Seconds())
		if rate := float64(bytes) / 60; rate < 0.7*ideal {
			t.Errorf("%+v: %.0f bytes a second", l, rate)
		}
	}
}

func TestPacerDoubtsAcks(t *testing.T) {
	p := newPacer()
	now := time.Unix(0, 0)
	p.send(100, now)
	if p.ack(101, now) {
		t.Error("more than was sent")
	}
	if !p.ack(100, now) || p.ack(99, now) {
		t.Error("less than before")
	}
}

package reach

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/peer"
)

// firstDoubt is after which time a member is asked again that called back and did not
// get through: it, or this machine, may only have been busy. It doubles with each call
// in a row that fails, up to a quarter of the time for which other answers hold.
const firstDoubt = 5 * time.Second

// answers is what members said of how they see this node, and found when they called
// it back.
//
// Of those who did not get through one at a time is asked again, the one that was asked
// longest ago; the others as soon as it gets through. As long as it does not they would
// change nothing, and a call that a router drops is not cheap: QUIC repeats its first
// packets, which are large, for as long as the call lasts.
type answers struct {
	m      map[peer.Key]*answer
	hold   time.Duration // for which an answer holds
	doubts int           // calls in a row that did not get through
}

// life is how long an answer holds.
func (as *answers) life(a *answer) time.Duration {
	if as.doubts > 0 && a.missed() {
		return min(firstDoubt<<min(as.doubts-1, 16), as.hold/4)
	}
	return as.hold
}

// forget drops all answers: they are about addresses of the past.
func (as *answers) forget() {
	clear(as.m)
	as.doubts = 0
}

// old drops old answers of members without a link, and returns who of the others is to
// be asked again now, and after which time there will be somebody.
func (as *answers) old(now time.Time, linked map[peer.Key]bool) (next time.Duration, ask []peer.Key) {
	next = as.hold
	doubter, last := as.doubter(linked)
	for key, a := range as.m {
		when := a.when
		if a.missed() && linked[key] && !when.IsZero() {
			if key != doubter {
				continue
			}
			when = last
		}
		left := when.Add(as.life(a)).Sub(now)
		switch {
		case left > 0:
			next = min(next, left)
		case linked[key]:
			ask = append(ask, key)
		default:
			delete(as.m, key)
		}
	}
	return next, ask
}

// doubter returns who of the members that did not get through was asked longest ago,
// and when the last of them was asked.
func (as *answers) doubter(linked map[peer.Key]bool) (key peer.Key, last time.Time) {
	var first time.Time
	for k, a := range as.m {
		if !a.missed() || !linked[k] {
			continue
		}
		if key.IsZero() || a.when.Before(first) || a.when.Equal(first) && slices.Compare(k[:], key[:]) < 0 {
			key, first = k, a.when
		}
		if a.when.After(last) {
			last = a.when
		}
	}
	return key, last
}

// found takes what a member found that has called back.
func (as *answers) found(key peer.Key, a *answer) {
	before := as.m[key]
	again := before != nil && before.missed()
	as.m[key] = a
	switch {
	case a.missed() && again:
		as.doubts++
	case a.missed():
		as.doubts = max(as.doubts, 1) // several are asked at the same time at first
	case again:
		for _, other := range as.m {
			if other.missed() {
				other.when = time.Time{} // now they may get through, too
			}
		}
	}
	if !as.anyMissed() {
		as.doubts = 0
	}
}

func (as *answers) anyMissed() bool {
	for _, a := range as.m {
		if a.missed() {
			return true
		}
	}
	return false
}

// later has a member that was too busy to call back asked again after a time.
func (as *answers) later(a *answer, now time.Time, wait time.Duration) {
	a.when = now.Add(wait - as.life(a))
}

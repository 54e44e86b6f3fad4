package host

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/id"
)

// A peer may put so many questions (wire.Question) in a second, and so many at once
// after a rest. Above that its reader waits before each, which pushes back on it; who
// was held up so often without a rest floods, and loses the link.
const (
	askRate   = 200
	askBurst  = 400
	maxHeldUp = 10 * askRate // ten seconds of it
)

var errFlood = errors.New("more questions than a node has, for ten seconds")

// asked is what one link has put of its questions. Guarded by inbox.mu.
type asked struct {
	left float64 // tokens
	at   time.Time
	held int // questions in a row that had to wait
}

// take counts a question, and returns how long it is to wait, or that it is one too
// many.
func (a *asked) take(now time.Time) (wait time.Duration, flood bool) {
	if a.at.IsZero() {
		a.left = askBurst
	} else {
		a.left = min(askBurst, a.left+askRate*now.Sub(a.at).Seconds())
	}
	a.at = now
	a.left--
	switch {
	case a.left >= askBurst/2:
		a.held = 0
		return 0, false
	case a.left >= 0:
		return 0, false
	}
	a.held++
	return time.Duration(-a.left / askRate * float64(time.Second)), a.held > maxHeldUp
}

// ask counts a question that came over the link to a node.
func (b *inbox) ask(node id.ID, now time.Time) (wait time.Duration, flood bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.link(node).asked.take(now)
}

// tired reports whether a question of a node would have to wait now.
func (b *inbox) tired(node id.ID, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := &b.link(node).asked
	return !a.at.IsZero() && a.left+askRate*now.Sub(a.at).Seconds() < 1
}

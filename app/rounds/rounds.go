// Package rounds is when a node compares what it keeps with its fellow keepers, the same
// way in every application that keeps something in common with its neighbours: soon after
// these change, in a while when nothing does, and again, ever less often, where somebody
// was not heard.
//
// It also tells when a node knows what it should keep. It is *settled* when, since the last
// change among its fellows, it has heard all of them; or half, who are no newcomers; or,
// after two minutes, half, as there may be nothing better to be had. Until then it does not
// say of anything that it does not exist.
package rounds

import (
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// Calm is the time after a change among the fellows before they are asked, so that
	// several changes cost one round.
	Calm = 300 * time.Millisecond
	// unready is the time until a node that is not in the ring yet looks again.
	unready = time.Second
	// again is the time after a round that failed, or in which somebody was not heard; after
	// each further one of these it doubles.
	again = 3 * time.Second
	// stubborn is the time after which a node no longer waits for fellows that are not
	// newcomers: perhaps the whole ring started at once, and one is silent.
	stubborn = 2 * time.Minute
)

// Rounds are those of one application on one node. The zero value waits for Start. It
// belongs to the node's loop.
type Rounds struct {
	ep    kbr.Endpoint
	every time.Duration
	run   func(*task.T, *Round) error

	begun   bool
	running bool
	settled bool
	old     bool         // it was settled once
	unsure  task.Instant // since when it is not settled
	epoch   uint64       // counts changes among the fellows
	failed  int          // rounds in which somebody was not heard, one after another
	timer   task.Timer
}

// Start says what a round is, and how long after one that went well the next one follows:
// half of every at least, and three halves at most. The first round waits for Begin.
//
// An error of run is one of the node's own, as of its disk: there is another round soon.
func (r *Rounds) Start(ep kbr.Endpoint, every time.Duration, run func(*task.T, *Round) error) {
	r.ep, r.every, r.run, r.unsure = ep, every, run, ep.Now()
}

// Begin starts the first round: the node knows what lies on its own disk.
func (r *Rounds) Begin() {
	r.begun = true
	r.Soon(0)
}

// Begun reports whether Begin was called.
func (r *Rounds) Begun() bool { return r.begun }

// Settled reports whether the fellows were heard since the last of them changed.
func (r *Rounds) Settled() bool { return r.settled }

// Old reports whether the node was settled once: it is no newcomer.
func (r *Rounds) Old() bool { return r.old }

// Unsettle notes that the fellows, or what lies on the own disk, have changed.
func (r *Rounds) Unsettle() {
	r.epoch++
	r.failed = 0
	if r.settled {
		r.settled, r.unsure = false, r.ep.Now()
	}
	r.Soon(Calm)
}

// Soon starts a round in a while, unless one is under way: that will see to it.
func (r *Rounds) Soon(in time.Duration) {
	if r.running || !r.begun {
		return
	}
	r.timer.Stop()
	r.timer = r.ep.After(in, r.one)
}

func (r *Rounds) one() {
	r.running = true
	x := &Round{of: r, epoch: r.epoch}
	r.ep.Go(func(t *task.T) error {
		if !r.ep.Ready() {
			x.next = unready
			return nil
		}
		err := r.run(t, x)
		if err == nil && x.all { // not all nodes at the same moment
			x.next = r.every/2 + time.Duration(r.ep.Rand().Int64N(int64(r.every)))
		}
		return err
	}, func(err error) {
		r.running = false
		next := x.next
		switch {
		case errors.Is(err, task.ErrStopped):
			return
		case err != nil:
			next = again
		case r.epoch != x.epoch:
			next = Calm
		}
		r.Soon(next)
	})
}

// Round is one round, for the task that runs it.
type Round struct {
	of      *Rounds
	epoch   uint64
	next    time.Duration
	all     bool // were heard
	fellows int
	whole   int // were heard to the end
	sure    int // and are no newcomers
}

// Heard tells how it went with one fellow: that he was heard to the end and gave what he
// listed, and that he is no newcomer.
func (x *Round) Heard(whole, old bool) {
	x.fellows++
	if whole {
		x.whole++
	}
	if whole && old {
		x.sure++
	}
}

// Again ends the round, whose outcome counts for nothing, and has another one follow.
func (x *Round) Again(in time.Duration) { x.next = in }

// Settle is called when all fellows were asked. It reports whether all were heard: only
// then may the node forget something because of what they said, or did not say. What is over by its
// date, or follows from answers to other questions, needs no fellow's word.
func (x *Round) Settle() (all bool) {
	r := x.of
	if r.epoch == x.epoch && (x.whole == x.fellows || 2*x.sure >= x.fellows ||
		2*x.whole >= x.fellows && r.ep.Now().Sub(r.unsure) > stubborn) {
		r.settled, r.old = true, true
	}
	if x.whole < x.fellows {
		r.failed++
		x.next = min(again<<min(r.failed-1, 10), r.every)
		return false
	}
	r.failed, x.all = 0, true
	return true
}

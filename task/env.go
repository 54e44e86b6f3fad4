// Package task gives protocol code straight-line multi-step work, and declares
// all that protocol code may ask of the world.
//
// Protocol code has no clock, no I/O, no goroutine and no randomness of its own:
// it is handed an Env. The driver below it (a simulator or a real host) runs one
// node's code in one place at a time, so nothing here needs a lock.
//
// A T is a coroutine (see Group): it gives way only in Sleep, Await and Gather,
// and is resumed by the node's own events, one at a time and in the same order in
// simulation and in production. What a task read from its node before it gave
// way may have changed when it goes on: read it again. Every wait has a time-out
// and returns ErrStopped when the node stops.
package task

import (
	"math/rand/v2"
	"time"
)

// Instant is a time on a node's boot clock, in nanoseconds since an unspecified
// start. The clock never jumps, and goes on while the machine sleeps
// (CLOCK_BOOTTIME), so that a lease also ends for a laptop whose lid is closed.
// Instants of different nodes, or of one node before and after a restart of its
// machine, cannot be compared.
type Instant int64

// Add returns the instant d later.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d) }

// Sub returns the time from j to i.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i - j) }

// Before reports whether i is earlier than j.
func (i Instant) Before(j Instant) bool { return i < j }

// Env is what protocol code may ask of the world. It is valid only while the
// driver runs the node: in handlers, in callbacks that Env calls, and in tasks.
type Env interface {
	// Now is the boot clock; it stands still while one input is handled.
	Now() Instant
	// Wall is the time of day, which may be wrong and may jump. It is for
	// certificates and for people, never for timers.
	Wall() time.Time
	// Rand is the node's own random source, seeded by the driver.
	Rand() *rand.Rand
	// After calls f once, d from now, unless the timer is stopped first. d <= 0
	// means as soon as the present input is handled.
	After(d time.Duration, f func()) Timer
	// Work lets the driver run f off the loop, and calls done with its result
	// on the loop later (or never, if the node stops first). f gets values and
	// returns values: it must not touch the node's state. Disk and heavy
	// cryptography belong here.
	Work(f func() any, done func(any))
	// Bulk lets the driver move chunks of a content to or from a peer that gave out a
	// ticket for it, and calls done with the outcome on the loop later (or never, if the
	// node stops first). The transfer is given up when the returned function is called;
	// done is called then too.
	Bulk(tr Transfer, done func(Moved)) (stop func())
	// Admit expects that the peer opens a transfer, once, of the Part or of some of it,
	// with the ticket that is returned, which the peer must be told. done is called as
	// with Bulk: with ErrTimeout if the peer does not come within TicketTime.
	Admit(tr Transfer, done func(Moved)) (ticket Ticket, stop func())
	// Save keeps a small snapshot of the overlay's own state (remembered peers,
	// incarnation) that the assembly hands back at the next start. The callee
	// keeps the slice.
	Save(snapshot []byte)
}

// Timer is a pending call of Env.After. The zero Timer is one that never runs.
type Timer struct {
	owner Stopper
	slot  uint32
	round uint32
}

// Stopper is what stands behind timers; only makers of an Env implement it.
type Stopper interface {
	// StopTimer forgets the timer in slot if it is still of that round, and
	// reports whether it was pending.
	StopTimer(slot, round uint32) bool
}

// MakeTimer is for makers of an Env.
func MakeTimer(owner Stopper, slot, round uint32) Timer { return Timer{owner, slot, round} }

// Stop forgets the timer. It reports whether the call was still to come. To stop
// twice, or a zero Timer, does nothing.
func (t Timer) Stop() bool {
	return t.owner != nil && t.owner.StopTimer(t.slot, t.round)
}

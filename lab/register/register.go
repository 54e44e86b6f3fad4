// Package register tells whether what clients saw of one mutable object can have happened. It knows time and content,
// and nothing of rings.
package register

import (
	"fmt"
	"math"
	"time"
)

// Register is what clients saw of one mutable object, whose versions 1, 2, 3 … are changed
// by put if version = v, each to content of its own. It tells whether all that could have
// been seen one after another (it is linearizable). For registers in general that takes time
// that grows exponentially; as here each version is made once, it takes little.
type Register struct{ ops []registerOp }

// registerOp is an operation: a read, or a change of a version.
type registerOp struct {
	read       bool
	version    uint64 // that was read, or that the change makes
	content    string
	base       *string // of a change: the content that it replaces; nil: it is not known
	call, done time.Duration
	outcome    outcome // of a change
}

type outcome uint8

const (
	unknown outcome = iota
	made
	conflict
)

// never is when an operation ended that has no outcome.
const never = time.Duration(math.MaxInt64)

// Read begins a read, at a time of the simulation, and returns its number.
func (r *Register) Read(now time.Duration) int {
	r.ops = append(r.ops, registerOp{read: true, call: now, done: never})
	return len(r.ops) - 1
}

// Change begins a change of a version to other content, and returns its number.
func (r *Register) Change(now time.Duration, replaces uint64, content string) int {
	r.ops = append(r.ops, registerOp{version: replaces + 1, content: content, call: now, done: never})
	return len(r.ops) - 1
}

// Saw ends a read: version 0 is that there was nothing.
func (r *Register) Saw(op int, now time.Duration, version uint64, content string) {
	o := &r.ops[op]
	o.version, o.content, o.done = version, content, now
}

// Made ends a change that was made.
func (r *Register) Made(op int, now time.Duration) { r.ops[op].outcome, r.ops[op].done = made, now }

// Refused ends a change that was not made, as another version was current. A change without
// an end may have been made, at any time.
func (r *Register) Refused(op int, now time.Duration) {
	r.ops[op].outcome, r.ops[op].done = conflict, now
}

// Changes is how many changes were made for sure.
func (r *Register) Changes() (n int) {
	for _, op := range r.ops {
		if op.outcome == made {
			n++
		}
	}
	return n
}

// turn is when a version became current: between two moments.
type turn struct{ from, to time.Duration }

// Check returns an error if what was seen could not have been seen one after another: then a
// change was lost, or made twice, or a reader went back in time.
func (r *Register) Check() error {
	turns, err := r.turns()
	if err != nil {
		return err
	}
	// Each version as early as it can be. A refusal that no such time explains by the
	// version that it would have made came before the version that it was to replace.
	for {
		for v := 1; v < len(turns); v++ {
			turns[v].from = max(turns[v].from, turns[v-1].from)
			if turns[v].from > turns[v].to {
				return fmt.Errorf("register: version %d was made after %v, and seen before %v", v, turns[v].from, turns[v].to)
			}
		}
		moved := false
		for _, op := range r.ops {
			old := int(op.version) - 1
			switch {
			case op.outcome != conflict, old >= len(turns), old+1 < len(turns) && turns[old+1].from <= op.done:
			case old == 0:
				return fmt.Errorf("register: a first version was refused, and there was none before %v", op.done)
			case turns[old].from < op.call:
				turns[old].from, moved = op.call, true
			}
		}
		if !moved {
			return nil
		}
	}
}

// turns returns, for each version that was made, between which moments that was, by the
// operations that made it and that saw it, or the one before it.
func (r *Register) turns() ([]turn, error) {
	turns := []turn{{}}
	last := uint64(0)
	for _, op := range r.ops {
		if op.outcome == made || op.read && op.done != never {
			last = max(last, op.version)
		}
	}
	for v := uint64(1); ; v++ {
		w, err := r.maker(v)
		switch {
		case err != nil:
			return nil, err
		case w == nil && v <= last:
			return nil, fmt.Errorf("register: nobody made version %d", v)
		case w == nil:
			return turns, nil
		}
		t := turn{w.call, w.done}
		for _, op := range r.ops {
			switch {
			case !op.read || op.done == never:
			case op.version == v-1:
				t.from = max(t.from, op.call)
			case op.version == v:
				t.to = min(t.to, op.done)
			}
		}
		turns = append(turns, t)
	}
}

// maker returns the change that made a version: which is known to have, or whose content was
// read, or the first that may have; nil if there is none.
func (r *Register) maker(v uint64) (w *registerOp, err error) {
	better := func(a, b *registerOp) bool {
		return b == nil || a.outcome == made && b.outcome != made || a.outcome == b.outcome && a.call < b.call
	}
	var seen *string
	for i, op := range r.ops {
		if op.read && op.done != never && op.version == v {
			if seen != nil && *seen != op.content {
				return nil, fmt.Errorf("register: version %d is %q, and %q", v, *seen, op.content)
			}
			seen = &r.ops[i].content
		}
	}
	for i := range r.ops {
		op := &r.ops[i]
		switch {
		case op.read || op.version != v || op.outcome == conflict:
		case op.outcome == made && w != nil && w.outcome == made:
			return nil, fmt.Errorf("register: version %d was made twice, as %q and %q", v, w.content, op.content)
		case op.outcome == made && seen != nil && *seen != op.content:
			return nil, fmt.Errorf("register: version %d was made as %q, and is %q", v, op.content, *seen)
		case (seen == nil || *seen == op.content) && better(op, w):
			w = op
		}
	}
	return w, nil
}

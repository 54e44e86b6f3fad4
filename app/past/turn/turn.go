// Package turn lets the tasks of one node take turns at changing an object.
package turn

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// Wait bounds how long a task waits for its turn: as long as one piece of work may take.
const Wait = 30 * time.Second

// Turns lets one task at a time change an object; the others wait in the order in which
// they came. It belongs to the node's loop.
type Turns map[id.Hash][]*waiting

type waiting struct {
	wake   func()
	turn   bool // it is its turn
	absent bool // it waited for too long
}

// Take waits for the task's turn, for up to Wait. The error is task.ErrTimeout or
// task.ErrStopped; without one, Leave must follow.
func (l Turns) Take(t *task.T, o id.Hash) error {
	if _, held := l[o]; !held {
		l[o] = nil
		return nil
	}
	w := new(waiting)
	_, err := task.Await(t, Wait, func(resolve func(struct{}, error)) {
		w.wake = func() { resolve(struct{}{}, nil) }
		l[o] = append(l[o], w)
	})
	switch {
	case err == nil:
		return nil
	case w.turn:
		l.Leave(o) // its turn came at the very moment when it gave up
	default:
		w.absent = true
	}
	return err
}

// Leave gives the turn to the next who waits.
func (l Turns) Leave(o id.Hash) {
	queue := l[o]
	for i, w := range queue {
		if !w.absent {
			l[o] = queue[i+1:]
			w.turn = true
			w.wake()
			return
		}
	}
	delete(l, o)
}

// Hold takes the turn at an object that nobody is changing, for who does not wait.
func (l Turns) Hold(o id.Hash) { l[o] = nil }

// Held reports whether an object is being changed.
func (l Turns) Held(o id.Hash) bool {
	_, held := l[o]
	return held
}

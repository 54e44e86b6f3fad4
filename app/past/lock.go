package past

import (
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// locks lets one task at a time change an object; the others wait in the order in which
// they came.
type locks map[id.Hash][]*waiting

type waiting struct {
	wake   func()
	turn   bool // it has the lock
	absent bool // it waited for too long
}

// take waits until the task has the lock, for as long as one piece of work may take.
func (l locks) take(t *task.T, o id.Hash) error {
	if _, held := l[o]; !held {
		l[o] = nil
		return nil
	}
	w := new(waiting)
	_, err := task.Await(t, disk, func(resolve func(struct{}, error)) {
		w.wake = func() { resolve(struct{}{}, nil) }
		l[o] = append(l[o], w)
	})
	switch {
	case err == nil:
		return nil
	case w.turn:
		l.leave(o) // its turn came at the very moment when it gave up
	default:
		w.absent = true
	}
	return err
}

// leave gives the lock to the next who waits.
func (l locks) leave(o id.Hash) {
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

// held reports whether an object is being changed.
func (l locks) held(o id.Hash) bool {
	_, held := l[o]
	return held
}

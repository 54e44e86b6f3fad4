package dht

import (
	"errors"
	"slices"

	"github.com/phyllo-net/phyllo/task"
)

// maxWatched is how many entries are watched: those that were changed last.
const maxWatched = 64

// Watch is what a node looks after to tell those who use it when a value that they put may have
// lost its place: the entries that were changed through its tables since it runs. The zero
// Watch is empty. Its methods belong to the node's loop.
type Watch struct {
	list []Watched // the last one last
}

// Watched is an entry that has rivals.
type Watched struct {
	Key    string
	Copies uint8
	Rivals int
	New    bool // more than when it was looked at before
}

// Watched returns the table, whose changes are watched from now on.
func (d Table) Watched(w *Watch) Table {
	d.watch = w
	return d
}

// note has an entry watched that was changed, and has no rivals since.
func (w *Watch) note(key string, copies uint8) {
	if w == nil {
		return
	}
	w.list = slices.DeleteFunc(w.list, func(x Watched) bool { return x.Key == key && x.Copies == copies })
	w.list = append(w.list, Watched{Key: key, Copies: copies})
	w.list = w.list[max(0, len(w.list)-maxWatched):]
}

// Look reads the watched entries, and returns those that have rivals. What cannot be read now is
// looked at next time. of is the table with so many copies. The error is task.ErrStopped.
func (w *Watch) Look(t *task.T, of func(copies uint8) Table) (met []Watched, err error) {
	for _, x := range slices.Clone(w.list) { // others change entries meanwhile
		s, err := of(x.Copies).read(t, x.Key)
		i := slices.IndexFunc(w.list, func(y Watched) bool { return y.Key == x.Key && y.Copies == x.Copies })
		switch {
		case errors.Is(err, task.ErrStopped):
			return nil, err
		case err != nil || i < 0:
			continue
		}
		now := &w.list[i]
		now.New = len(s.open()) > now.Rivals
		now.Rivals = len(s.open())
		if now.Rivals > 0 {
			met = append(met, *now)
		}
	}
	return met, nil
}

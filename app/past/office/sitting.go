package office

import (
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// Sittings are the roots that a holder has lately promised a term, or taken a ruling of. While one of them is there
// nobody farther from the object disturbs it with a later term: a neighbour could do so again and again, and
// stop the object. A holder need not promise anything, so no ruling is complete for that which else were none.
type Sittings map[id.Hash]sitting

type sitting struct {
	root id.ID
	at   task.Instant
}

const (
	// sits is how long a root is not disturbed after it was heard of last. Who comes after one that went waits
	// for longer, for the verdict.
	sits = 10 * time.Second
	// maxSittings bounds the memory: so many objects are not changed in that time.
	maxSittings = 4096
)

// Note notes that a root was heard of now.
func (s Sittings) Note(o id.Hash, root id.ID, now task.Instant) {
	if _, have := s[o]; !have && len(s) >= maxSittings {
		clear(s)
	}
	s[o] = sitting{root, now}
}

// Before returns the root that was heard of a moment ago and is nearer to the object than another node; false if
// there is none.
func (s Sittings) Before(o id.Hash, node id.ID, now task.Instant) (root id.ID, ok bool) {
	x, ok := s[o]
	return x.root, ok && now.Sub(x.at) < sits && id.Closer(o.Place(), x.root, node)
}

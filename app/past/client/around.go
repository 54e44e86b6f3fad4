package client

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Who stores many files asks again and again who is near places that lie side by side. What was
// named a moment ago answers that for some of them.

const (
	// aroundTime is for how long it does. Whoever is not near any more by then refuses, or is
	// silent, and the next try asks anew.
	aroundTime = 10 * time.Second
	// maxAround is how many answers are remembered.
	maxAround = 16
	// aroundCopies is for how many copies nodes are asked for at least, when they will be
	// asked for again: so an answer goes far.
	aroundCopies = 8
)

// surroundings are the nodes that were named as near to a key.
type surroundings struct {
	key   id.ID
	nodes []*peer.Handle
	reach id.ID // so far from the key all who answered know all nodes
	at    task.Instant
}

func farthest(key id.ID, nodes []*peer.Handle) (far id.ID) {
	for _, h := range nodes {
		if d := key.Distance(h.ID); far.Less(d) {
			far = d
		}
	}
	return far
}

// around are the last surroundings, the oldest first.
type around []surroundings

func (a *around) note(s surroundings) {
	if len(*a) >= maxAround {
		*a = slices.Delete(*a, 0, 1)
	}
	*a = append(*a, s)
}

// find returns the nodes nearest to a key, nearest first: k of which it is sure, and up to more
// of which it is not; nil if it does not know so many.
func (a around) find(key id.ID, k, more int, now task.Instant) []*peer.Handle {
	for _, s := range slices.Backward(a) {
		off := key.Distance(s.key)
		if now.Sub(s.at) > aroundTime || s.reach.Less(off) {
			continue
		}
		// Whoever was not named is farther from s.key than reach, and so farther than this from
		// the key.
		sure := s.reach.Sub(off)
		near := slices.Clone(s.nodes)
		sortByDistance(key, near)
		if len(near) >= k && !sure.Less(key.Distance(near[k-1].ID)) {
			return near[:min(len(near), k+more)]
		}
	}
	return nil
}

// search is one for the nodes near a far key that is under way, and who waits for it.
type search struct {
	key     id.ID
	waiting []func()
}

// searchFor returns the search whose answer may do for a key, as far as the last answer went; nil
// if there is none.
func (cl *Client) searchFor(key id.ID) *search {
	known := cl.asker.around
	if len(known) == 0 {
		return nil
	}
	half := known[len(known)-1].reach.Half()
	for _, s := range cl.searches {
		if !half.Less(key.Distance(s.key)) {
			return s
		}
	}
	return nil
}

// nearby is Asker.Near for who will ask the same for places beside this one, and asks anew if it
// was wrong.
func (cl *Client) nearby(t *task.T, key id.ID, k int) ([]*peer.Handle, error) {
	a := cl.asker
	if !a.ep.Ready() {
		return nil, ErrNotReachable
	}
	if set := a.Replicas(key, k, Spare); len(set) > 0 {
		return set, nil
	}
	if set := a.around.find(key, k, Spare, a.ep.Now()); set != nil {
		return set, nil
	}
	if s := cl.searchFor(key); s != nil {
		_, err := task.Await(t, a.timeout+Grace, func(resolve func(struct{}, error)) {
			s.waiting = append(s.waiting, func() { resolve(struct{}{}, nil) })
		})
		if errors.Is(err, task.ErrStopped) {
			return nil, err
		}
		if set := a.around.find(key, k, Spare, a.ep.Now()); set != nil {
			return set, nil
		}
	}
	s := &search{key: key}
	cl.searches = append(cl.searches, s)
	near, err := a.askAround(t, key, max(k, aroundCopies))
	cl.searches = slices.DeleteFunc(cl.searches, func(x *search) bool { return x == s })
	for _, wake := range s.waiting {
		wake()
	}
	return near[:min(len(near), k+Spare)], err
}

package bulk

import (
	"context"
	"sync"

	"github.com/phyllo-net/phyllo/id"
)

// Transfers that are under way, of those opened here and as many of those that others
// opened, and with one peer. Each takes up to task.InFlight chunks of memory.
const (
	maxMoving     = 12
	maxMovingWith = 4
)

// seats bounds how many transfers are under way. The zero seats are free.
type seats struct {
	mu      sync.Mutex
	taken   int
	with    map[id.ID]int
	waiting []*waiter // in the order in which they came
}

type waiter struct {
	peer id.ID
	let  chan struct{} // closed when it has a seat
}

// take waits for a seat for a transfer with a peer.
func (s *seats) take(ctx context.Context, peer id.ID) error {
	s.mu.Lock()
	if s.with == nil {
		s.with = make(map[id.ID]int)
	}
	if s.free(peer) {
		s.sit(peer)
		s.mu.Unlock()
		return nil
	}
	w := &waiter{peer, make(chan struct{})}
	s.waiting = append(s.waiting, w)
	s.mu.Unlock()
	select {
	case <-w.let:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, x := range s.waiting {
		if x == w {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			return context.Cause(ctx)
		}
	}
	s.leave(peer) // it got its seat at the same moment
	return context.Cause(ctx)
}

func (s *seats) free(peer id.ID) bool { return s.taken < maxMoving && s.with[peer] < maxMovingWith }

func (s *seats) sit(peer id.ID) {
	s.taken++
	s.with[peer]++
}

// give gives a seat back.
func (s *seats) give(peer id.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave(peer)
}

// leave frees a seat for who has waited longest and may have it. s is locked.
func (s *seats) leave(peer id.ID) {
	s.taken--
	if s.with[peer]--; s.with[peer] == 0 {
		delete(s.with, peer)
	}
	for i, w := range s.waiting {
		if s.free(w.peer) {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			s.sit(w.peer)
			close(w.let)
			return
		}
	}
}

package loop

import (
	"context"
	"sync"
)

// Unread is what the loop tells a program that reads it as fast as it can: the loop never waits for
// it. Who adds bounds what waits. Make it with NewUnread. Its fields are touched in Change and Look only;
// its methods may be called from any goroutine.
type Unread[E any] struct {
	Queue []E
	Over  bool  // what waits is the last
	Err   error // why, when over

	mu   sync.Mutex
	come chan struct{}
}

// NewUnread returns one of which nothing was told yet.
func NewUnread[E any]() *Unread[E] {
	return &Unread[E]{come: make(chan struct{}, 1)}
}

// Change calls f, which may change what it holds, and lets the reader look.
func (s *Unread[E]) Change(f func()) {
	s.mu.Lock()
	f()
	s.mu.Unlock()
	select {
	case s.come <- struct{}{}:
	default:
	}
}

// Look calls f, which may see what it holds.
func (s *Unread[E]) Look(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Take returns what waits; over: there will be no more, and err is why.
func (s *Unread[E]) Take() (events []E, over bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, s.Queue = s.Queue, nil
	return events, s.Over, s.Err
}

// Deliver calls each with what was told, until that or the context ends, or each fails; with
// ErrNoPlace when done is closed.
func (s *Unread[E]) Deliver(ctx context.Context, done <-chan struct{}, each func(E) error) error {
	for {
		events, over, err := s.Take()
		for _, e := range events {
			if err := each(e); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if over {
			return err
		}
		select {
		case <-s.come:
		case <-ctx.Done():
			return ctx.Err()
		case <-done:
			return ErrNoPlace
		}
	}
}

package node

import (
	"context"
	"sync"
)

// feed is what the loop tells a program that reads it as fast as it can: the loop never waits for
// it. Who adds bounds what waits.
type feed[E any] struct {
	mu    sync.Mutex
	queue []E
	over  bool  // what waits is the last
	err   error // why, when over
	come  chan struct{}
}

func newFeed[E any]() *feed[E] {
	return &feed[E]{come: make(chan struct{}, 1)}
}

// change calls f, which may change what the feed holds, and lets the reader look.
func (s *feed[E]) change(f func()) {
	s.mu.Lock()
	f()
	s.mu.Unlock()
	select {
	case s.come <- struct{}{}:
	default:
	}
}

// take returns what waits; over: there will be no more, and err is why.
func (s *feed[E]) take() (events []E, over bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, s.queue = s.queue, nil
	return events, s.over, s.err
}

// deliver calls each with what was told, until the feed or the context ends, or each fails; with
// errNoPlace when done is closed.
func (s *feed[E]) deliver(ctx context.Context, done <-chan struct{}, each func(E) error) error {
	for {
		events, over, err := s.take()
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
			return errNoPlace
		}
	}
}

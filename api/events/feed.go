package events

import (
	"context"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// FeedSize is how many events wait for one follower before further ones are
// dropped.
const FeedSize = 1024

// Feed hands events on to any number of followers, each at its own pace. It is
// what an api.Node needs for Events: the side that publishes never waits. Make one with
// NewFeed; its methods may be called from any goroutine.
type Feed struct {
	mu        sync.Mutex
	followers map[*follower]bool
	closed    bool
	over      chan struct{}
}

type follower struct {
	mu     sync.Mutex
	queue  []*api.Event
	lost   int
	signal chan struct{} // has room for one
}

// NewFeed returns a feed without followers.
func NewFeed() *Feed {
	return &Feed{followers: map[*follower]bool{}, over: make(chan struct{})}
}

// Publish hands e on to everybody who follows now. It returns at once; e and what
// it points to must not be changed afterwards.
func (d *Feed) Publish(e *api.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for f := range d.followers {
		f.push(e)
	}
}

// Followers is how many follow now.
func (d *Feed) Followers() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.followers)
}

// Close ends the feed: followers get what waits for them, then Follow returns nil.
func (d *Feed) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.closed = true
		close(d.over)
	}
}

// Follow is api.Node.Events: it calls f with api.EventBegin, and then for each event that is
// published from now on.
func (d *Feed) Follow(ctx context.Context, f func(*api.Event) error) error {
	me := &follower{signal: make(chan struct{}, 1), queue: []*api.Event{{Kind: api.EventBegin, Time: time.Now().UTC()}}}
	d.mu.Lock()
	d.followers[me] = true
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.followers, me)
		d.mu.Unlock()
	}()
	for {
		for _, e := range me.take() {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := f(e); err != nil {
				return err
			}
		}
		select {
		case <-me.signal:
			continue
		default:
		}
		select {
		case <-me.signal:
		case <-ctx.Done():
			return ctx.Err()
		case <-d.over:
			if me.empty() {
				return nil
			}
		}
	}
}

func (f *follower) push(e *api.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) >= FeedSize {
		f.lost++
	} else {
		f.queue = append(f.queue, e)
	}
	select {
	case f.signal <- struct{}{}:
	default: // it is awake
	}
}

// take returns what waits, and after it what was dropped.
func (f *follower) take() []*api.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.queue
	if f.lost > 0 {
		out = append(out, &api.Event{Kind: api.EventLost, Time: time.Now().UTC(), Lost: f.lost})
	}
	f.queue, f.lost = nil, 0
	return out
}

func (f *follower) empty() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.queue) == 0 && f.lost == 0
}

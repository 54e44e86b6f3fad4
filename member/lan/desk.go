package lan

import (
	"context"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

const (
	// Time is how long a request to join stays open.
	Time = 60 * time.Second
	// PerHour is how many requests an admitter hears in an hour.
	PerHour = 5
)

// Request is one node that asks to join.
type Request struct {
	Key  peer.Key
	Addr string    // where it asks from
	Ends time.Time // when it is too late

	digits string // guarded by the desk's mutex
	said   chan bool
	// node and err are what came of it, when over is closed.
	node id.ID
	err  error
	over chan struct{}
}

// Said gets whether the admitter's people typed the digits.
func (r *Request) Said() <-chan bool { return r.said }

// Outcome waits until the request is over, and returns whom it admitted, or why it did
// not.
func (r *Request) Outcome(ctx context.Context) (id.ID, error) {
	select {
	case <-r.over:
		return r.node, r.err
	case <-ctx.Done():
		return id.ID{}, ctx.Err()
	}
}

// Desk is where an admitter hears requests, one at a time. The zero value is ready; many
// goroutines may use it.
type Desk struct {
	mu    sync.Mutex
	open  *Request
	times []time.Time // when the last ones were
}

// Open makes this the open request; nil: there is one, or there were too many.
func (d *Desk) Open(key peer.Key, addr string) *Request {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.times) > 0 && now.Sub(d.times[0]) >= time.Hour {
		d.times = d.times[1:]
	}
	if d.open != nil || len(d.times) >= PerHour {
		return nil
	}
	d.open = &Request{Key: key, Addr: addr, Ends: now.Add(Time), said: make(chan bool, 1), over: make(chan struct{})}
	d.times = append(d.times, now)
	return d.open
}

// Show says which digits the other side shows: from now on they can be typed.
func (d *Desk) Show(r *Request, digits string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r.digits = digits
}

// Close ends a request, which admitted a node, or failed for the reason why. It is called
// once.
func (d *Desk) Close(r *Request, node id.ID, why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == r {
		d.open = nil
	}
	r.node, r.err = node, why
	close(r.over)
}

// Pending returns the request that is open, nil if there is none.
func (d *Desk) Pending() *Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open
}

// Type takes what an admitter's people typed, and returns for which request (nil: there is
// none, or nothing is shown yet) and whether it is right. There is one try: the request
// goes on or is refused by it.
func (d *Desk) Type(code string) (r *Request, right bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r = d.open
	if r == nil || r.digits == "" || time.Now().After(r.Ends) {
		return nil, false
	}
	d.open = nil
	right = onlyDigits(code) == r.digits
	r.said <- right
	return r, right
}

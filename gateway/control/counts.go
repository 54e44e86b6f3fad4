package control

import (
	"log/slog"
	"maps"
	"sync"
	"time"
)

// counts are what the server counts.
type counts struct {
	log      *slog.Logger
	mu       sync.Mutex
	bad      map[string]uint64
	requests map[request]uint64
	logged   map[string]time.Time // by kind of bad input
}

// request sorts requests by operation and outcome ("ok" or an api.Kind).
type request struct{ op, result string }

func newCounts(log *slog.Logger) *counts {
	return &counts{log: log, bad: map[string]uint64{}, requests: map[request]uint64{}, logged: map[string]time.Time{}}
}

// refused counts bad input, and logs it unless that was done in the last minute.
// Nothing that came from outside may be among args but numbers.
func (c *counts) refused(kind, what string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bad[kind]++
	if now := time.Now(); now.Sub(c.logged[kind]) >= time.Minute {
		c.logged[kind] = now
		c.log.Warn("the control interface refused "+what, append([]any{"kind", kind, "count", c.bad[kind]}, args...)...)
	}
}

func (c *counts) request(op, result string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests[request{op, result}]++
}

// copies returns what was counted so far.
func (c *counts) copies() (bad map[string]uint64, requests map[request]uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.bad), maps.Clone(c.requests)
}

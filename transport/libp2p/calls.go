package libp2p

import (
	"context"
	"sync"

	"github.com/phyllo-net/phyllo/transport"
)

// calls are those of the library's calls that go on. When its host is closed it takes
// the ways to call away from those that have just begun, and one that looks for a
// way then ends the whole process. So none may go on then.
type calls struct {
	life context.Context // ends when no call is wanted any more
	end  context.CancelFunc

	mu     sync.Mutex
	closed bool
	open   sync.WaitGroup
}

func newCalls() *calls {
	c := &calls{}
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

// begin returns the context of a call, and what to do at its end; or ErrClosed, or
// the error of a context that has ended.
func (c *calls) begin(ctx context.Context) (context.Context, func(), error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, transport.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	c.open.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	unwatch := context.AfterFunc(c.life, cancel)
	return ctx, func() {
		unwatch()
		cancel()
		c.open.Done()
	}, nil
}

// close ends all calls, lets none begin, and returns when the last one has ended.
func (c *calls) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.end()
	c.open.Wait()
}

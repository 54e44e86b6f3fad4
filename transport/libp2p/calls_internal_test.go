package libp2p

import (
	"context"
	"errors"
	"testing"

	"github.com/phyllo-net/phyllo/transport"
)

// TestCallsEndBeforeTheHost: close ends the calls that go on and waits for them, and
// none begins afterwards.
func TestCallsEndBeforeTheHost(t *testing.T) {
	c := newCalls()
	ctx, done, err := c.begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	ended := make(chan bool, 1)
	go func() {
		<-ctx.Done()
		select {
		case <-over:
			ended <- false
		default:
			ended <- true
		}
		done()
	}()
	c.close()
	close(over)
	if !<-ended {
		t.Error("close did not wait for a call")
	}
	if _, _, err := c.begin(context.Background()); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("a call after the end: %v", err)
	}
	c.close() // once more does nothing
}

// TestCallsOfTheDead: who does not wait any more does not begin a call, and the end
// of a context ends its call alone.
func TestCallsOfTheDead(t *testing.T) {
	c := newCalls()
	defer c.close()
	dead, cancel := context.WithCancel(context.Background())
	ctx, done, err := c.begin(dead)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	other, otherDone, err := c.begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer otherDone()
	cancel()
	if <-ctx.Done(); other.Err() != nil {
		t.Error("another call has ended too")
	}
	if _, _, err := c.begin(dead); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that nobody waits for: %v", err)
	}
}

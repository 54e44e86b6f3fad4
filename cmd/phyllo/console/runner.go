package console

import (
	"context"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// Runner is a node in this process. *node.Node is one.
type Runner interface {
	// API is what the node offers.
	API() api.Node
	// Start returns when the node is in its ring.
	Start(ctx context.Context) error
	// Done is closed when somebody has asked the node to stop, or it broke.
	Done() <-chan struct{}
	// Stop stops the node in order, within the context's time, and says what it
	// broke of, if it did.
	Stop(ctx context.Context) error
	// Kill ends it without a word to anybody, as a power cut does.
	Kill()
}

// StopTime is how long a node may take to stop in order.
const StopTime = 5 * time.Second

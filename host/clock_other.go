//go:build !linux

package host

import (
	"time"

	"github.com/phyllo-net/phyllo/task"
)

var start = time.Now()

// boot reads the monotonic clock: the best that package time offers here. Where it
// stands still during sleep, the loop sees no pause, and leases end late.
func boot() task.Instant { return task.Instant(time.Since(start)) }

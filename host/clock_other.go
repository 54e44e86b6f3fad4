//go:build !linux

package host

import (
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/task"
)

var start = time.Now()

// system reads the monotonic clock for the boot clock: the best that package time offers here.
// Where it stands still during sleep, the loop sees no pause, and leases end late.
func system() func() machine.Clock {
	return func() machine.Clock {
		now := time.Now()
		return machine.Clock{Boot: task.Instant(now.Sub(start)), Wall: now}
	}
}

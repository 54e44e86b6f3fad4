package host

import (
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/task"
)

// System reads the clocks of the system: the boot clock, where there is one, and
// the time of day.
func System() func() machine.Clock { return system() }

// Monotonic reads the monotonic clock of package time in place of the boot clock,
// so that a test in a bubble of testing/synctest has the bubble's time. It stands
// still while a machine sleeps.
func Monotonic() func() machine.Clock {
	start := time.Now()
	return func() machine.Clock {
		now := time.Now()
		return machine.Clock{Boot: task.Instant(now.Sub(start)), Wall: now}
	}
}

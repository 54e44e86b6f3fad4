package pastry_test

import (
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/task"
)

// clockAt is what a node's clocks say at d.
func clockAt(d time.Duration) machine.Clock {
	return machine.Clock{Boot: task.Instant(time.Hour + d), Wall: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(d)}
}

package host

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/phyllo-net/phyllo/task"
)

// boot reads CLOCK_BOOTTIME, which goes on while the machine is suspended.
func boot() task.Instant {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(fmt.Sprintf("host: this kernel has no CLOCK_BOOTTIME: %v", err)) // there since 2.6.39
	}
	return task.Instant(t.Nano())
}

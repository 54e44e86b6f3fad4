package main

import (
	"os"
	"syscall"
	"time"
)

// Signals that stop a process, and let it go on.
var sigStop, sigContinue os.Signal = syscall.SIGSTOP, syscall.SIGCONT

// ownCPU is the time of processors that this process took, and its children that have
// ended.
func ownCPU() (sum time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err == nil { // it fails only for another who
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}

package main

import (
	"fmt"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// startIdle starts a program that gets a processor only while nobody else wants one.
func startIdle(cmd *exec.Cmd) error {
	done := make(chan error)
	go func() {
		// The policy is the thread's, and its children's. The thread is not given
		// back: it ends with this goroutine.
		runtime.LockOSThread()
		err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0)
		if err != nil {
			done <- fmt.Errorf("making the attackers idle: %w", err)
			return
		}
		done <- cmd.Start()
	}()
	return <-done
}

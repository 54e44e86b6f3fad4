//go:build unix

package main

import (
	"syscall"

	"github.com/phyllo-net/phyllo/bench/witness"
)

// stop lets the process stand still; wake lets it go on.
func stop(v *witness.Victim) error { return v.Cmd.Process.Signal(syscall.SIGSTOP) }
func wake(v *witness.Victim) error { return v.Cmd.Process.Signal(syscall.SIGCONT) }

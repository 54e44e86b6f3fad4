//go:build unix

package main

import "syscall"

// stop lets the process stand still; wake lets it go on.
func (v *victim) stop() error { return v.cmd.Process.Signal(syscall.SIGSTOP) }
func (v *victim) wake() error { return v.cmd.Process.Signal(syscall.SIGCONT) }

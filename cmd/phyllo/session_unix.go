//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ownSession keeps signals of this terminal from a child.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// neverStopForInput lets a program in the background of a shell read nothing from the
// keyboard, where it would be stopped otherwise.
func neverStopForInput() { signal.Ignore(syscall.SIGTTIN) }

//go:build unix

package demo

import (
	"os/signal"
	"syscall"
)

// neverStopForInput lets a program in the background of a shell read nothing from the
// keyboard, where it would be stopped otherwise.
func neverStopForInput() { signal.Ignore(syscall.SIGTTIN) }

//go:build !unix

package main

import "syscall"

// ownSession leaves a child as it is: this system has no sessions.
func ownSession() *syscall.SysProcAttr { return nil }

// neverStopForInput does nothing: this system does not stop programs.
func neverStopForInput() {}

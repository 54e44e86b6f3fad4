//go:build unix

package main

import "syscall"

// ownSession keeps signals of this terminal from a child.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

//go:build unix

package main

import (
	"os"
	"os/exec"
	"syscall"
)

// ownSession keeps signals of this terminal from a child.
func ownSession(child *exec.Cmd) { child.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// handOn lets a child have an open file, and returns its number there.
func handOn(child *exec.Cmd, f *os.File) (int, error) {
	child.ExtraFiles = append(child.ExtraFiles, f)
	return 2 + len(child.ExtraFiles), nil
}

// interrupt asks a process to end in order.
func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }

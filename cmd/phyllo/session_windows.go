package main

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// ownSession takes a child away from this console, with which it would end.
func ownSession(child *exec.Cmd) {
	child.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP}
}

// handOn lets a child have an open file, and returns its number there. ownSession
// comes before it.
func handOn(child *exec.Cmd, f *os.File) (int, error) {
	h := syscall.Handle(f.Fd())
	if err := syscall.SetHandleInformation(h, syscall.HANDLE_FLAG_INHERIT, syscall.HANDLE_FLAG_INHERIT); err != nil {
		return 0, err
	}
	child.SysProcAttr.AdditionalInheritedHandles = append(child.SysProcAttr.AdditionalInheritedHandles, h)
	return int(h), nil
}

// interrupt ends a process: this system has no way to ask one of another console. What
// a node has acknowledged is on its disk.
func interrupt(p *os.Process) error { return p.Kill() }

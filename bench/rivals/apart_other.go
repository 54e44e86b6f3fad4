//go:build !linux

package main

import (
	"errors"
	"os/exec"
)

// setApart: only Linux has networks that a program can make for itself.
func setApart(*exec.Cmd) bool { return false }

func raiseLoopback() error { return errors.ErrUnsupported }

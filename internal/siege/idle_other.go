//go:build !linux

package main

import (
	"errors"
	"os/exec"
)

func startIdle(*exec.Cmd) error { return errors.New("a siege needs Linux") }

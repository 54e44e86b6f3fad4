//go:build unix

package home

import (
	"errors"
	"os"
	"syscall"
)

// errHeld: another process has the lock.
var errHeld = errors.New("locked by another process")

// lockFile locks f for this process until it is closed.
func lockFile(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errHeld
	}
	return err
}

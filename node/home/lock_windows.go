package home

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// errHeld: another process has the lock.
var errHeld = errors.New("locked by another process")

// lockFile locks f for this process until it is closed. What is locked is a byte far
// behind the end: locks of this system keep others from reading, too, and they shall
// read whose lock it is.
func lockFile(f *os.File) error {
	at := windows.Overlapped{Offset: 1 << 30}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return errHeld
	}
	return err
}

//go:build unix

package keys

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// hasModes: the system knows owners and modes of files.
const hasModes = true

// openFlags: a link is not followed, and a pipe does not make us wait.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

func isLink(err error) bool { return errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EMLINK) }

func isOurs(st fs.FileInfo) bool {
	s, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid()
}

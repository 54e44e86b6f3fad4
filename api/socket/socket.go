// Package socket is where the control socket of a node is, and whose process is at its other
// end.
package socket

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Name is the control socket's name in the home folder. Where the home's path
// is too long for a socket, it is a symbolic link to one in a folder of ShortFolder.
const Name = "control.sock"

// MaxPath is the longest path of a control socket, in bytes. All systems take
// 103, and it is made under a name that is one longer.
const MaxPath = 102

// ShortFolder is where the socket goes if the home's path is too long:
// $XDG_RUNTIME_DIR/phyllo, or /tmp/phyllo-UID. getenv is os.Getenv outside tests.
func ShortFolder(getenv func(string) string) string {
	if run := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(run) && len(run) < MaxPath-40 {
		return filepath.Join(run, "phyllo")
	}
	return "/tmp/phyllo-" + strconv.Itoa(os.Getuid())
}

// Short is the socket's name there: each home has its own.
func Short(home string) string {
	sum := sha256.Sum256([]byte(home))
	return hex.EncodeToString(sum[:8]) + ".sock"
}

// Find returns the path to dial.
func Find(home string) (string, error) {
	path := filepath.Join(home, Name)
	if len(path) <= MaxPath {
		return path, nil
	}
	target, err := os.Readlink(path)
	if err != nil {
		return "", err
	}
	if len(target) > MaxPath || !filepath.IsAbs(target) {
		return "", fmt.Errorf("%s leads to %q, which is no control socket", path, target)
	}
	return target, nil
}

package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// SocketName is the control socket's name in the home folder. Where the home's path
// is too long for a socket, it is a symbolic link to one in a folder of ShortFolder.
const SocketName = "control.sock"

// MaxSocketPath is the longest path of a control socket, in bytes. All systems take
// 103, and it is made under a name that is one longer.
const MaxSocketPath = 102

// ShortFolder is where the socket goes if the home's path is too long:
// $XDG_RUNTIME_DIR/phyllo, or /tmp/phyllo-UID. getenv is os.Getenv outside tests.
func ShortFolder(getenv func(string) string) string {
	if run := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(run) && len(run) < MaxSocketPath-40 {
		return filepath.Join(run, "phyllo")
	}
	return "/tmp/phyllo-" + strconv.Itoa(os.Getuid())
}

// ShortSocket is the socket's name there: each home has its own.
func ShortSocket(home string) string {
	sum := sha256.Sum256([]byte(home))
	return hex.EncodeToString(sum[:8]) + ".sock"
}

// findSocket returns the path to dial.
func findSocket(home string) (string, error) {
	path := filepath.Join(home, SocketName)
	if len(path) <= MaxSocketPath {
		return path, nil
	}
	target, err := os.Readlink(path)
	if err != nil {
		return "", err
	}
	if len(target) > MaxSocketPath || !filepath.IsAbs(target) {
		return "", fmt.Errorf("%s leads to %q, which is no control socket", path, target)
	}
	return target, nil
}

// dial connects to the control socket and makes sure that the other end runs as
// this user: passphrases go over it.
func dial(ctx context.Context, home string) (net.Conn, error) {
	path, err := findSocket(home)
	if err != nil {
		return nil, socketError(home, err)
	}
	d := net.Dialer{Timeout: 5 * time.Second}
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, socketError(home, err)
	}
	uid, known, err := PeerUID(conn.(*net.UnixConn))
	if err == nil && known && uid != os.Getuid() {
		err = fmt.Errorf("it belongs to the user with number %d", uid)
	}
	if err != nil {
		conn.Close()
		return nil, Errorf(Denied, "the control socket of %s is not this user's: %w: run the command as the user who runs the node", home, err)
	}
	return conn, nil
}

func socketError(home string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EINVAL):
		return Errorf(NotRunning, "no node is running at %s: start one with `phyllo up`", home)
	case errors.Is(err, fs.ErrPermission):
		return Errorf(Denied, "this user may not use the control socket of %s: run the command as the user who runs the node", home)
	}
	return fmt.Errorf("connecting to the node at %s: %w: does it hang? its log is phyllo.log there", home, err)
}

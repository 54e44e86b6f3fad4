package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/phyllo-net/phyllo/api/socket"
)

// dial connects to the control socket and makes sure that the other end runs as
// this user: passphrases go over it.
func dial(ctx context.Context, home string) (net.Conn, error) {
	path, err := socket.Find(home)
	if err != nil {
		return nil, socketError(home, err)
	}
	d := net.Dialer{Timeout: 5 * time.Second}
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, socketError(home, err)
	}
	uid, known, err := socket.PeerUID(conn.(*net.UnixConn))
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

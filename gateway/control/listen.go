package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/api/socket"
)

// listenSocket makes the control socket of a home. A socket that a killed process
// left behind is replaced: that no other process uses the home is made sure by the
// node's lock, which its owner holds.
func listenSocket(home string, getenv func(string) string) (net.Listener, string, error) {
	if err := checkHome(home); err != nil {
		return nil, "", err
	}
	name := filepath.Join(home, socket.Name)
	path := name
	if len(path) > socket.MaxPath {
		folder := socket.ShortFolder(getenv)
		if err := privateFolder(folder); err != nil {
			return nil, "", err
		}
		path = filepath.Join(folder, socket.Short(home))
		if err := replaceLink(path, name); err != nil {
			return nil, "", fmt.Errorf("linking the control socket into %s: %w: choose a shorter --home, or one that this user may write to", home, err)
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("removing an old control socket: %w: remove it by hand, or choose another --home", err)
	}
	l, err := listenPrivately(path)
	if err != nil {
		return nil, "", fmt.Errorf("making the control socket %s: %w: is the folder on a disk that allows sockets? choose another with --home", path, err)
	}
	return l, path, nil
}

// listenPrivately makes a socket with mode 0600: it gets its name only when it has
// its mode, so there is no moment at which others could use it.
func listenPrivately(path string) (net.Listener, error) {
	early := path + "~"
	if err := os.Remove(early); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: early, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err = os.Chmod(early, 0o600); err == nil {
		err = os.Rename(early, path)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(early))
	}
	return l, nil
}

// checkHome refuses a home in which others could put a socket of theirs.
func checkHome(home string) error {
	st, err := os.Stat(home)
	switch {
	case err != nil:
		return fmt.Errorf("looking at the home folder: %w: choose another with --home", err)
	case !st.IsDir():
		return fmt.Errorf("the home %s is not a folder: choose another with --home", home)
	case !isOwn(st):
		return fmt.Errorf("the home %s belongs to another user: choose another with --home", home)
	case st.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others can write to the home %s: run `chmod 700 %s`", home, home)
	}
	return nil
}

func replaceLink(target, name string) error {
	early := name + "~"
	if err := os.Remove(early); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, early); err != nil {
		return err
	}
	return os.Rename(early, name)
}

// removeSocket takes away what listenSocket made. It may be gone already.
func removeSocket(home, path string) {
	os.Remove(path)
	os.Remove(filepath.Join(home, socket.Name))
}

// privateFolder makes a folder that only this user can use, or checks that it is
// one: in /tmp anybody could have made it before.
func privateFolder(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("making a folder for the control socket: %w: choose a shorter --home", err)
	}
	st, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("looking at the folder for the control socket: %w: choose a shorter --home", err)
	}
	if !st.IsDir() || st.Mode().Perm()&0o077 != 0 || !isOwn(st) {
		return fmt.Errorf("%s is not a private folder of this user (it should be a folder, mode 0700): remove it, or choose a --home with a path shorter than %d characters",
			path, socket.MaxPath-len(socket.Name))
	}
	return nil
}

// listenPage opens the page's address.
func listenPage(addr string) (net.Listener, error) {
	if addr == "" {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(DefaultUIPort)))
		if err == nil {
			return l, nil
		}
		addr = "127.0.0.1:0"
	}
	if err := CheckUI(addr); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serving the page on %s: %w: choose another port with --ui, or --ui off", addr, err)
	}
	return l, nil
}

// CheckUI reports what is wrong with a setting of the page's address.
func CheckUI(addr string) error {
	if addr == "" || addr == "off" {
		return nil
	}
	a, err := netip.ParseAddrPort(addr)
	if err != nil {
		return api.Errorf(api.Usage, "%q is not an address for the page: give an IP of this computer and a port, as 127.0.0.1:%d, or off", addr, DefaultUIPort)
	}
	if !a.Addr().IsLoopback() {
		return api.Errorf(api.Usage, "the page is for this computer only, and %s can be reached from others: give 127.0.0.1:%d, and use `ssh -L` from elsewhere", a.Addr(), a.Port())
	}
	return nil
}

// sameUser lets in only programs of the user who runs the node.
type sameUser struct {
	net.Listener
	uid    int
	counts *counts
}

// Accept implements net.Listener.
func (l *sameUser) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, known, err := socket.PeerUID(c.(*net.UnixConn))
		if err == nil && (!known || uid == l.uid) {
			return c, nil
		}
		l.counts.refused("control-user", "another user's program", "uid", uid)
		c.Close()
	}
}

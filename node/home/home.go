package home

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/keys"
)

// What is in a home folder, besides what the rooms put there themselves
// (phyllo.toml, control.sock, ring-ID.key).
const (
	lockName    = "lock"     // locked by the process that uses the home; holds its number
	versionName = "version"  // of the folder's form
	KeyName     = "node.key" // of the node
	StoreName   = "store"
	UsersName   = "users"

	PasswordsName = "passwords" // that open the doors
)

// homeVersion is the form of the home folder that this program writes.
const homeVersion = 1

// Home is a folder that is locked by this process.
type Home struct {
	Dir  string
	lock *os.File
}

// Open makes the folder if need be and locks it. A folder of a newer version is
// not touched (kind NewerState); one that another process uses is left alone (kind
// Locked).
func Open(dir string) (*Home, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("where is %q: %w", dir, err)
	}
	if err := Check(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the home folder: %w: choose another with --home DIR", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the home folder: %w: choose another with --home DIR", err)
	}
	if err := lockFile(f); err != nil {
		defer f.Close()
		if !errors.Is(err, errHeld) {
			return nil, fmt.Errorf("locking %s: %w: is the folder on a disk that has locks? choose another with --home DIR", f.Name(), err)
		}
		b, readErr := io.ReadAll(io.LimitReader(f, 32))
		holder := strings.TrimSpace(string(b))
		if _, bad := strconv.Atoi(holder); readErr != nil || bad != nil {
			holder = "unknown"
		}
		return nil, api.Errorf(api.Locked, "the home %s is in use by process %s: stop it with `phyllo down`, or use another --home", dir, holder)
	}
	h := &Home{Dir: dir, lock: f}
	if err := h.begin(); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// begin notes who holds the lock, and in which form the folder is.
func (h *Home) begin() error {
	if err := h.lock.Truncate(0); err != nil {
		return err
	}
	if _, err := h.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return err
	}
	// Keys are in it: nobody else needs to look.
	if err := os.Chmod(h.Dir, 0o700); err != nil {
		return fmt.Errorf("making the home folder private: %w: choose another with --home DIR", err)
	}
	err := keys.WritePrivate(filepath.Join(h.Dir, versionName), []byte(strconv.Itoa(homeVersion)+"\n"))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Check refuses the home folder of a newer program (kind NewerState), and changes
// nothing in it. A folder that does not exist is good.
func Check(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, versionName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the home folder: %w: choose another with --home DIR", err)
	}
	v, err := strconv.Atoi(strings.TrimSpace(string(b[:min(len(b), 32)])))
	switch {
	case err != nil || v < 1:
		return fmt.Errorf("%s does not hold a version: restore the folder from a backup, or choose another with --home DIR", filepath.Join(dir, versionName))
	case v > homeVersion:
		return api.Errorf(api.NewerState, "the home %s was written by a newer phyllo (form %d, this program knows %d): update phyllo; nothing was changed", dir, v, homeVersion)
	}
	return nil
}

// Beside is a path that a setting names, as seen from the home.
func (h *Home) Beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return h.Path(path)
}

// Path is that of a file of this name in it.
func (h *Home) Path(name string) string { return filepath.Join(h.Dir, name) }

// Close lets other processes use the home.
func (h *Home) Close() error { return h.lock.Close() }

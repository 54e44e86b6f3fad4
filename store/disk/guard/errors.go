package guard

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"github.com/phyllo-net/phyllo/store"
)

// ReadError gives the error of a read its type.
func ReadError(err error) error {
	switch {
	case err == nil:
		return nil
	case pebble.IsCorruptionError(err), IsNotExist(err):
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	return fmt.Errorf("store: reading failed: %w", err)
}

// OpenError gives an error at opening its type. What the operating system
// refuses stays what it is; everything else means that the files are not what
// they should be.
func OpenError(path string, err error) error {
	var errno syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrFull), errors.Is(err, store.ErrFailed):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: opening %s: %w; make room, then start again", store.ErrFull, path, err)
	case IsNotExist(err), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTDIR), pebble.IsCorruptionError(err):
		// A missing file, or a folder in its place, inside a store's folder.
	case errors.As(err, &errno):
		return fmt.Errorf("store: opening %s: %w", path, err)
	}
	return fmt.Errorf("%w: %s: %w", store.ErrCorrupt, path, err)
}

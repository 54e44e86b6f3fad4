package disk

import (
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk/guard"
)

const (
	formatName = "FORMAT"
	formatHead = "phyllo store format"
	maxFormat  = 4 << 10

	// formatVersion is the format that this program writes. Raise it, and say
	// here how the older one is read, with every change of the folder that an
	// older program would misread. That includes pebbleFormat.
	//
	// 1: LOCK, FORMAT, LEDGER; records in Pebble under records/, among them the
	// index of blobs, whose files are under blobs/.
	formatVersion = 1

	// pebbleFormat is the version of Pebble's files. From
	// FormatWALSyncChunks on Pebble can tell damage in the midst of a log from
	// its end, from FormatTableFormatV6 on the footers of tables have a
	// checksum.
	pebbleFormat = pebble.FormatValueSeparation
)

// The states in FORMAT. A folder that is still new has never acknowledged
// anything: creating it was interrupted, and starts again.
const (
	stateNew   = "new"
	stateReady = "ready"
)

// readFormat returns the state of the folder, empty if it has no FORMAT.
//
// The first line is the same in all versions: the head, the version, the state,
// and the last line is a checksum. In between a newer version may write what it
// likes.
func readFormat(fsys vfs.FS, path string) (state string, err error) {
	if _, err := fsys.Stat(path); guard.IsNotExist(err) {
		return "", nil
	}
	text, err := guard.ReadSealed(fsys, path, maxFormat)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(text, "\n")
	var version int
	if n, _ := fmt.Sscanf(line, formatHead+" %d %s", &version, &state); n != 2 || version < 1 {
		return "", fmt.Errorf("%w: %s is not ours: %q", store.ErrCorrupt, path, line)
	}
	if version > formatVersion {
		return "", fmt.Errorf("%w: %s has format %d, this program knows up to %d; install a newer phyllo",
			store.ErrNewerVersion, fsys.PathDir(path), version, formatVersion)
	}
	if state != stateNew && state != stateReady {
		return "", fmt.Errorf("%w: %s: state %q", store.ErrCorrupt, path, state)
	}
	return state, nil
}

func writeFormat(fsys vfs.FS, path, state string) error {
	return guard.WriteWhole(fsys, path, guard.Sealed(fmt.Sprintf("%s %d %s\n", formatHead, formatVersion, state)))
}

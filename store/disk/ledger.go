package disk

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/phyllo-net/phyllo/store"
)

const (
	ledgerName = "LEDGER"
	ledgerHead = "phyllo store ledger 1"
	// maxLedger bounds what is read, in bytes. A ledger has about 200, with some
	// 20 for each log that waits for its table.
	maxLedger = 64 << 10
)

// ledger is the durable list of what must be found in records/ at the next
// opening. Pebble cannot tell a damaged or missing end of its list of tables
// (the manifest) or of its log from one that a crash has cut off. The ledger
// can: it is written after Pebble's sync and before Pebble, and thus any writer,
// learns of it. It changes with each flush of about 2 MB and each compaction,
// never with a single batch.
type ledger struct {
	fs   vfs.FS
	path string

	mu        sync.Mutex
	manifests []manifestEntry // the current one, and for a moment its successor
	logs      []string        // logs with content, until they are removed
}

// manifestEntry says how long a manifest is at least and what the checksum of
// that part is.
type manifestEntry struct {
	name string
	size int64
	sum  uint32
}

// manifestSynced notes the length and checksum that a manifest has reached.
func (l *ledger) manifestSynced(e manifestEntry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := []manifestEntry{e}
	for _, old := range l.manifests[max(0, len(l.manifests)-2):] {
		if old.name != e.name {
			next = []manifestEntry{old, e}
		}
	}
	return l.change(next, l.logs)
}

// logSynced notes that a log has content.
func (l *ledger) logSynced(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.change(l.manifests, append(slices.Clone(l.logs), name))
}

// forget is called before a file goes: Pebble does not need it any more.
func (l *ledger) forget(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.logs, name)
	if i < 0 {
		return nil
	}
	return l.change(l.manifests, slices.Delete(slices.Clone(l.logs), i, i+1))
}

func (l *ledger) change(manifests []manifestEntry, logs []string) error {
	var b strings.Builder
	fmt.Fprintln(&b, ledgerHead)
	for _, e := range manifests {
		fmt.Fprintf(&b, "manifest %s %d %08x\n", e.name, e.size, e.sum)
	}
	for _, name := range logs {
		fmt.Fprintf(&b, "log %s\n", name)
	}
	if err := writeWhole(l.fs, l.path, sealed(b.String())); err != nil {
		return err
	}
	l.manifests, l.logs = manifests, logs
	return nil
}

// readLedger reads the ledger of a folder and compares it with what is there.
func readLedger(fsys vfs.FS, path, records string) (*ledger, error) {
	text, err := readSealed(fsys, path, maxLedger)
	if err != nil {
		return nil, err
	}
	l, err := parseLedger(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", store.ErrCorrupt, path, err)
	}
	l.fs, l.path = fsys, path
	desc, err := pebble.Peek(records, fsys)
	if err != nil {
		return nil, openError(records, err)
	}
	if !desc.Exists {
		return nil, fmt.Errorf("%w: %s has no list of tables", store.ErrCorrupt, records)
	}
	current := fsys.PathBase(desc.ManifestFilename)
	for _, e := range l.manifests {
		if e.name != current {
			continue
		}
		// A second entry belongs to a manifest that never became the current one.
		l.manifests = []manifestEntry{e}
		if err := e.verify(fsys, desc.ManifestFilename); err != nil {
			return nil, err
		}
		return l, l.verifyLogs(records)
	}
	return nil, fmt.Errorf("%w: %s does not know %s", store.ErrCorrupt, path, current)
}

func (e manifestEntry) verify(fsys vfs.FS, path string) error {
	f, err := fsys.Open(path)
	if err != nil {
		return openError(path, err)
	}
	defer f.Close()
	sum := crc32.New(castagnoli)
	n, err := io.Copy(sum, io.LimitReader(f, e.size))
	if err != nil {
		return openError(path, err)
	}
	if n != e.size || sum.Sum32() != e.sum {
		return fmt.Errorf("%w: %s is cut or changed", store.ErrCorrupt, path)
	}
	return nil
}

func (l *ledger) verifyLogs(records string) error {
	for _, name := range l.logs {
		path := l.fs.PathJoin(records, name)
		info, err := l.fs.Stat(path)
		if err != nil {
			return openError(path, err)
		}
		if info.Size() == 0 {
			return fmt.Errorf("%w: %s is empty", store.ErrCorrupt, path)
		}
	}
	return nil
}

func parseLedger(text string) (*ledger, error) {
	l := &ledger{}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != ledgerHead {
		return nil, errors.New("it is not a ledger")
	}
	for _, line := range lines[1:] {
		kind, rest, _ := strings.Cut(line, " ")
		switch {
		case kind == "manifest" && len(l.manifests) < 2:
			var e manifestEntry
			if _, err := fmt.Sscanf(rest, "%s %d %x", &e.name, &e.size, &e.sum); err != nil || e.size < 0 {
				return nil, fmt.Errorf("line %q", line)
			}
			l.manifests = append(l.manifests, e)
		case kind == "log" && isLog(rest) && !strings.ContainsAny(rest, `/\`):
			l.logs = append(l.logs, rest)
		default:
			return nil, fmt.Errorf("line %q", line)
		}
	}
	return l, nil
}

// sealed appends a line with a checksum.
func sealed(text string) string {
	return fmt.Sprintf("%scheck %08x\n", text, crc32.Checksum([]byte(text), castagnoli))
}

// readSealed reads a small file that writeWhole has written from sealed, and
// returns the text without its last line.
func readSealed(fsys vfs.FS, path string, limit int64) (string, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return "", openError(path, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return "", openError(path, err)
	}
	text := string(b)
	if i := strings.LastIndex(text, "check "); int64(len(b)) <= limit && i >= 0 && sealed(text[:i]) == text {
		return text[:i], nil
	}
	return "", fmt.Errorf("%w: %s is cut or changed", store.ErrCorrupt, path)
}

// writeWhole replaces a small file: the old content or the new is there after a
// crash, and the new one once it has returned.
func writeWhole(fsys vfs.FS, path, text string) error {
	tmp := path + ".tmp"
	f, err := fsys.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(text))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(tmp, path); err != nil {
		return err
	}
	return syncFolder(fsys, fsys.PathDir(path))
}

func syncFolder(fsys vfs.FS, path string) error {
	d, err := fsys.OpenDir(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

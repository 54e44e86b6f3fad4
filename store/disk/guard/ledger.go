package guard

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
	// LedgerName is the ledger's file in the folder of a store.
	LedgerName = "LEDGER"
	ledgerHead = "phyllo store ledger 1"
	// maxLedger bounds what is read, in bytes. A ledger has about 200, with some
	// 20 for each log that waits for its table.
	maxLedger = 64 << 10
)

// Ledger is the durable list of what must be found in records/ at the next
// opening. Pebble cannot tell a damaged or missing end of its list of tables
// (the manifest) or of its log from one that a crash has cut off. The ledger
// can: it is written after Pebble's sync and before Pebble, and thus any writer,
// learns of it. It changes with each flush of about 2 MB and each compaction,
// never with a single batch.
type Ledger struct {
	FS   vfs.FS
	Path string

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
func (l *Ledger) manifestSynced(e manifestEntry) error {
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
func (l *Ledger) logSynced(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.change(l.manifests, append(slices.Clone(l.logs), name))
}

// forget is called before a file goes: Pebble does not need it any more.
func (l *Ledger) forget(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.logs, name)
	if i < 0 {
		return nil
	}
	return l.change(l.manifests, slices.Delete(slices.Clone(l.logs), i, i+1))
}

func (l *Ledger) change(manifests []manifestEntry, logs []string) error {
	var b strings.Builder
	fmt.Fprintln(&b, ledgerHead)
	for _, e := range manifests {
		fmt.Fprintf(&b, "manifest %s %d %08x\n", e.name, e.size, e.sum)
	}
	for _, name := range logs {
		fmt.Fprintf(&b, "log %s\n", name)
	}
	if err := WriteWhole(l.FS, l.Path, Sealed(b.String())); err != nil {
		return err
	}
	l.manifests, l.logs = manifests, logs
	return nil
}

// ReadLedger reads the ledger of a folder and compares it with what is there.
func ReadLedger(fsys vfs.FS, path, records string) (*Ledger, error) {
	text, err := ReadSealed(fsys, path, maxLedger)
	if err != nil {
		return nil, err
	}
	l, err := parseLedger(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", store.ErrCorrupt, path, err)
	}
	l.FS, l.Path = fsys, path
	desc, err := pebble.Peek(records, fsys)
	if err != nil {
		return nil, OpenError(records, err)
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
		return OpenError(path, err)
	}
	defer f.Close()
	sum := crc32.New(castagnoli)
	n, err := io.Copy(sum, io.LimitReader(f, e.size))
	if err != nil {
		return OpenError(path, err)
	}
	if n != e.size || sum.Sum32() != e.sum {
		return fmt.Errorf("%w: %s is cut or changed", store.ErrCorrupt, path)
	}
	return nil
}

func (l *Ledger) verifyLogs(records string) error {
	for _, name := range l.logs {
		path := l.FS.PathJoin(records, name)
		info, err := l.FS.Stat(path)
		if err != nil {
			return OpenError(path, err)
		}
		if info.Size() == 0 {
			return fmt.Errorf("%w: %s is empty", store.ErrCorrupt, path)
		}
	}
	return nil
}

func parseLedger(text string) (*Ledger, error) {
	l := &Ledger{}
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

// Sealed appends a line with a checksum.
func Sealed(text string) string {
	return fmt.Sprintf("%scheck %08x\n", text, crc32.Checksum([]byte(text), castagnoli))
}

// ReadSealed reads a small file that writeWhole has written from sealed, and
// returns the text without its last line.
func ReadSealed(fsys vfs.FS, path string, limit int64) (string, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return "", OpenError(path, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return "", OpenError(path, err)
	}
	text := string(b)
	if i := strings.LastIndex(text, "check "); int64(len(b)) <= limit && i >= 0 && Sealed(text[:i]) == text {
		return text[:i], nil
	}
	return "", fmt.Errorf("%w: %s is cut or changed", store.ErrCorrupt, path)
}

// WriteWhole replaces a small file: the old content or the new is there after a
// crash, and the new one once it has returned.
func WriteWhole(fsys vfs.FS, path, text string) error {
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
	return SyncFolder(fsys, fsys.PathDir(path))
}

// SyncFolder makes the names in a folder durable.
func SyncFolder(fsys vfs.FS, path string) error {
	d, err := fsys.OpenDir(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// IsNotExist reports whether there was no such file.
func IsNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

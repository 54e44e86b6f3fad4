package disk

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk/guard"
)

// Config says how to open a store. All sizes are in bytes. Zero values mean the
// defaults, which keep an idle store below 20 MB of memory.
type Config struct {
	// Dir is the store's folder. It is created, for its owner only, if it is
	// not there. Nothing else may be in it.
	Dir string
	// Log gets what a person should know. Nil: nothing is logged.
	Log *slog.Logger
	// Cache is for blocks read from tables, and shares its room with the
	// records that are not in a table yet. 1 MiB to 1 GiB, default 8 MiB.
	Cache int64
	// MemTable is how much is written before it goes from memory and log into
	// a table. 256 KiB to 64 MiB, default 2 MiB.
	MemTable int
	// Reserve is the free space of the disk below which writes are refused
	// with store.ErrFull. Default 64 MiB; negative: none.
	Reserve int64
	// FS is the file system, for tests. Nil: the operating system's.
	FS vfs.FS
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Cache == 0 {
		c.Cache = 8 << 20
	}
	if c.MemTable == 0 {
		c.MemTable = 2 << 20
	}
	if c.Reserve == 0 {
		c.Reserve = 64 << 20
	}
	c.Reserve = max(c.Reserve, 0)
	if c.FS == nil {
		c.FS = vfs.Default
	}
	return c
}

// Validate returns what is wrong, or nil.
func (c Config) Validate() error {
	d := c.withDefaults()
	switch {
	case c.Dir == "":
		return errors.New("store: no folder given")
	case d.Cache < 1<<20 || d.Cache > 1<<30:
		return fmt.Errorf("store: cache of %d bytes, it may have 1 MiB to 1 GiB", d.Cache)
	case d.MemTable < 256<<10 || d.MemTable > 64<<20:
		return fmt.Errorf("store: memtable of %d bytes, it may have 256 KiB to 64 MiB", d.MemTable)
	}
	return nil
}

// The store waits by itself when Pebble falls behind (see Store.breathe), so
// that no writer is ever caught inside Pebble. These switch Pebble's own stops
// off.
const (
	neverStopMemTables = 1 << 12
	neverStopL0        = 1 << 20
)

// options are Pebble's settings. progress is called when background work has
// got on; Pebble holds its own lock then, so it must not block.
func (c Config) options(g *guard.Guard, create bool, progress func()) *pebble.Options {
	o := &pebble.Options{
		FS:                          g,
		FormatMajorVersion:          pebbleFormat,
		ErrorIfExists:               create,
		ErrorIfNotExists:            !create,
		CacheSize:                   c.Cache,
		MemTableSize:                uint64(c.MemTable),
		MemTableStopWritesThreshold: neverStopMemTables,
		L0StopWritesThreshold:       neverStopL0,
		L0CompactionThreshold:       4,
		LBaseMaxBytes:               16 << 20,
		MaxOpenFiles:                100,
		MaxManifestFileSize:         1 << 20,
		Logger:                      logger{c.Log, g},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { c.Log.Warn("store: background work failed", "err", err) },
			DataCorruption: func(i pebble.DataCorruptionInfo) {
				c.Log.Error("store: damaged file", "path", i.Path, "err", i.Details)
				// As with readErrorPause; Pebble holds no lock here.
				time.Sleep(guard.ReadErrorPause)
			},
			FlushEnd:      func(pebble.FlushInfo) { progress() },
			CompactionEnd: func(pebble.CompactionInfo) { progress() },
		},
	}
	o.Experimental.FileCacheShards = min(2, runtime.GOMAXPROCS(0))
	for i := range o.Levels {
		// Most lookups of a node are for things it has not seen yet.
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return o
}

// logger is Pebble's log. Pebble calls Fatalf, and does not expect it to come
// back, for failed writes, which the guard keeps from it, and when it finds that
// its own state cannot be. After that nothing read or written can be trusted.
type logger struct {
	log *slog.Logger
	g   *guard.Guard
}

// Infof implements pebble.Logger.
func (l logger) Infof(format string, args ...any) {
	l.log.Debug("store: " + fmt.Sprintf(format, args...))
}

// Errorf implements pebble.Logger.
func (l logger) Errorf(format string, args ...any) {
	l.log.Warn("store: " + fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger.
func (l logger) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.log.Error("store: the engine gave up", "reason", text)
	l.g.GiveUp(fmt.Errorf("%w: the engine gave up: %s", store.ErrCorrupt, text))
}

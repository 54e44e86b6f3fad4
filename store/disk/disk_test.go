package disk_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk"
	"github.com/phyllo-net/phyllo/store/storetest"
)

func open(t testing.TB, c disk.Config) *disk.Store {
	t.Helper()
	s, err := disk.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openMemory(t *testing.T) store.Store {
	s, err := disk.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContractInMemory(t *testing.T) { storetest.Run(t, openMemory) }

func TestContractOnDisk(t *testing.T) {
	n := 0
	dir := t.TempDir()
	openDisk := func(t *testing.T) store.Store {
		n++
		return open(t, disk.Config{Dir: filepath.Join(dir, fmt.Sprint(n))})
	}
	storetest.RunConcurrent(t, openDisk)
	if !small() { // a disk's syncs take long
		storetest.Run(t, openDisk)
	}
}

func TestContractWithManyGoroutines(t *testing.T) { storetest.RunConcurrent(t, openMemory) }

func TestContractAfterReopening(t *testing.T) {
	storetest.RunReopen(t, func(t *testing.T) (store.Store, func() (store.Store, error)) {
		c := disk.Config{Dir: "a/b/store", FS: vfs.NewMem()}
		return open(t, c), func() (store.Store, error) { return disk.Open(c) }
	})
}

func put(t testing.TB, s store.Store, key, value string) {
	t.Helper()
	if err := s.Put("t", []byte(key), []byte(value)); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, s store.Store, key string) string {
	t.Helper()
	v, err := s.Get("t", []byte(key))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return string(v)
}

func closeStore(t testing.TB, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestLockedAgainstASecondOpening(t *testing.T) {
	dir := t.TempDir()
	s := open(t, disk.Config{Dir: dir})
	for _, other := range []string{dir, dir + "/.", dir + "/../" + filepath.Base(dir)} {
		_, err := disk.Open(disk.Config{Dir: other})
		if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), dir) {
			t.Errorf("second opening as %s: %v", other, err)
		}
	}
	put(t, s, "k", "v")
	closeStore(t, s)
	s = open(t, disk.Config{Dir: dir})
	if get(t, s, "k") != "v" {
		t.Error("record lost")
	}
	closeStore(t, s)
}

func TestMoreThanAMemTable(t *testing.T) {
	c := disk.Config{Dir: "s", FS: vfs.NewMem(), MemTable: 256 << 10, Cache: 1 << 20}
	s := open(t, c)
	value := bytes.Repeat([]byte("v"), 10<<10)
	for i := range 600 { // 6 MB, 23 memtables, over a smaller set of keys
		put(t, s, fmt.Sprint(i%200), fmt.Sprint(i)+string(value))
	}
	var b store.Batch
	for i := range 100 {
		b.Delete("t", fmt.Append(nil, i))
	}
	if err := s.Apply(&b); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for i := range 200 {
			want := fmt.Sprint(i+400) + string(value)
			if i < 100 {
				want = ""
			}
			if got := get(t, s, fmt.Sprint(i)); got != want {
				t.Fatalf("record %d: %.10q, want %.10q", i, got, want)
			}
		}
		closeStore(t, s)
		s = open(t, c)
	}
	closeStore(t, s)
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		config disk.Config
		want   string
	}{
		{disk.Config{}, "no folder"},
		{disk.Config{Dir: "x", Cache: 1}, "cache"},
		{disk.Config{Dir: "x", Cache: 2 << 30}, "cache"},
		{disk.Config{Dir: "x", MemTable: 1}, "memtable"},
		{disk.Config{Dir: "x", MemTable: 1 << 30}, "memtable"},
	} {
		c.config.FS = vfs.NewMem()
		if _, err := disk.Open(c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want something about %q", c.config, err, c.want)
		}
	}
	if err := (disk.Config{Dir: "x"}).Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
}

func TestOrdinaryLifeLogsNothing(t *testing.T) {
	var out bytes.Buffer
	c := disk.Config{Dir: "s", FS: vfs.NewMem(), Log: slog.New(slog.NewTextHandler(&out, nil))}
	for i := range 3 {
		s := open(t, c)
		put(t, s, fmt.Sprint(i), "v")
		closeStore(t, s)
	}
	if out.Len() > 0 {
		t.Errorf("log: %s", out.String())
	}
}

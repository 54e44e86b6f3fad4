package disk_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk"
)

// folder is a store's files, by path.
type folder map[string][]byte

func readFolder(t testing.TB, fs vfs.FS, dir string, into folder) folder {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		path := fs.PathJoin(dir, n)
		info, err := fs.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			readFolder(t, fs, path, into)
			continue
		}
		f, err := fs.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, info.Size())
		if _, err := f.ReadAt(b, 0); err != nil && len(b) > 0 {
			t.Fatal(err)
		}
		f.Close()
		into[path] = b
	}
	return into
}

func (f folder) fs(t testing.TB) *vfs.MemFS {
	t.Helper()
	mem := vfs.NewMem()
	for path, b := range f {
		if err := mem.MkdirAll(mem.PathDir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		w, err := mem.Create(path, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(slices.Clone(b)); err != nil {
			t.Fatal(err)
		}
		w.Close()
	}
	return mem
}

// filled returns the files of a store with n batches of writer 0, after an
// orderly Close or after a crash.
func filled(t testing.TB, n int, orderly bool) folder {
	t.Helper()
	mem := vfs.NewCrashableMem()
	c := smallMemTable
	c.Dir, c.FS = "s", mem
	s := open(t, c)
	for i := range n {
		if err := s.Apply(numbered(0, i)); err != nil {
			t.Fatal(err)
		}
	}
	left := mem.CrashClone(vfs.CrashCloneCfg{})
	closeStore(t, s)
	if orderly {
		left = mem
	}
	return readFolder(t, left, "s", folder{})
}

// judge opens a damaged store and reads everything. Nothing wrong may come out
// of it: the store is whole, or it says that it is damaged, or, after a crash
// only, the last batches are missing.
func judge(t *testing.T, what string, f folder, n int, orderly bool) (damaged bool) {
	t.Helper()
	c := smallMemTable
	c.Dir, c.FS = "s", f.fs(t)
	s, err := disk.Open(c)
	if err != nil {
		if !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: Open: %v, want ErrCorrupt", what, err)
		}
		return true
	}
	defer s.Close() // it may report damage met in the background
	for _, table := range []store.Table{"a", "b"} {
		found := 0
		err := s.Scan(table, store.Prefix([]byte("0/")), func(k, v []byte) bool {
			op := numbered(0, found).Ops()[0]
			if string(k) != string(op.Key) || string(v) != string(op.Value) {
				t.Errorf("%s: wrong record %q at place %d", what, k, found)
			}
			found++
			return true
		})
		switch {
		case errors.Is(err, store.ErrCorrupt):
			damaged = true
		case err != nil:
			t.Errorf("%s: Scan: %v", what, err)
		case found < n && orderly || found > n:
			t.Errorf("%s: table %s has %d records, want %d", what, table, found, n)
		}
	}
	for i := 0; i < n; i += 7 {
		op := numbered(0, i).Ops()[0]
		v, err := s.Get(op.Table, op.Key)
		switch {
		case err == nil && string(v) != string(op.Value):
			t.Errorf("%s: wrong value of %s", what, op.Key)
		case errors.Is(err, store.ErrCorrupt):
			damaged = true
		case errors.Is(err, store.ErrNotFound) && orderly, err != nil && !errors.Is(err, store.ErrNotFound):
			t.Errorf("%s: Get: %v", what, err)
		}
	}
	return damaged
}

func TestDamagedFiles(t *testing.T) {
	simtest.WithoutRace(t)
	rounds := 150
	if small() {
		rounds = 60
	}
	for _, orderly := range []bool{true, false} {
		t.Run(fmt.Sprintf("orderly=%v", orderly), func(t *testing.T) {
			const n = 300
			whole := filled(t, n, orderly)
			if judge(t, "whole", whole, n, orderly) {
				t.Fatal("a whole store is called damaged")
			}
			paths := slices.Sorted(maps.Keys(whole))
			rng := rand.New(rand.NewPCG(4, 4))
			noticed := map[string]int{}
			for i := range rounds {
				path := paths[i%len(paths)]
				f := maps.Clone(whole)
				what := spoilFile(f, path, i/len(paths), rng)
				if what == "" {
					continue
				}
				if judge(t, what, f, n, orderly) {
					noticed[kindOfFile(path)]++
				}
				if t.Failed() {
					return
				}
			}
			t.Logf("noticed: %v", noticed)
			for _, kind := range []string{"FORMAT", "LEDGER", "MANIFEST", ".sst"} {
				if noticed[kind] == 0 {
					t.Errorf("no damage of %s was noticed", kind)
				}
			}
		})
	}
}

func kindOfFile(path string) string {
	base := filepath.Base(path)
	if i := strings.IndexByte(base, '-'); i > 0 {
		return base[:i]
	}
	if ext := filepath.Ext(base); ext != "" {
		return ext
	}
	return base
}

// spoilFile damages a file in one of several ways and says how, or returns
// nothing if it is too short for that.
func spoilFile(f folder, path string, way int, rng *rand.Rand) string {
	b := slices.Clone(f[path])
	switch way {
	case 0:
		delete(f, path)
		return "without " + path
	case 1:
		f[path] = nil
		return "empty " + path
	case 2:
		f[path] = slices.Concat([]byte("\x7fELF\x02\x01\x01\x00 this is another kind of file\n"), b)
		return "foreign " + path
	}
	if len(b) == 0 {
		return ""
	}
	i := rng.IntN(len(b))
	switch way % 3 {
	case 0:
		f[path] = b[:i]
		return fmt.Sprintf("%s cut at %d of %d", path, i, len(b))
	case 1:
		clear(b[i:min(len(b), i+512)])
		if slices.Equal(b, f[path]) {
			return ""
		}
		f[path] = b
		return fmt.Sprintf("%s zeroed from %d of %d", path, i, len(b))
	}
	bit := byte(1) << rng.IntN(8)
	b[i] ^= bit
	f[path] = b
	return fmt.Sprintf("%s with bit %#x of byte %d of %d flipped", path, bit, i, len(b))
}

// newestLog is the path of the log that was written last.
func newestLog(t *testing.T, f folder) string {
	t.Helper()
	var logs []string
	for path := range f {
		if kindOfFile(path) == ".log" {
			logs = append(logs, path)
		}
	}
	if len(logs) == 0 {
		t.Fatal("there is no log")
	}
	return slices.Max(logs)
}

func TestEmptyOrMissingLogAfterACrash(t *testing.T) {
	whole := filled(t, 3, false)
	for _, way := range []int{0, 1} {
		f := maps.Clone(whole)
		what := spoilFile(f, newestLog(t, whole), way, nil)
		if !judge(t, what, f, 3, false) {
			t.Errorf("%s: not noticed", what)
		}
	}
}

func TestDamageInTheMiddleOfTheLog(t *testing.T) {
	whole := filled(t, 30, false)
	f, path := maps.Clone(whole), newestLog(t, whole)
	f[path] = slices.Clone(f[path])
	f[path][len(f[path])/3] ^= 1
	if !judge(t, "flipped bit in the log", f, 30, false) {
		t.Error("not noticed")
	}
}

func TestOpenRefusesWhatIsNotAStore(t *testing.T) {
	ours := filled(t, 1, true)
	newer := func(version string) folder {
		f := maps.Clone(ours)
		f["s/FORMAT"] = []byte(disk.Sealed("phyllo store format " + version + "\nwhatever this means\n"))
		return f
	}
	for _, c := range []struct {
		name  string
		files folder
		want  error
		says  string
	}{
		{"newer format", newer("2 ready"), store.ErrNewerVersion, "newer phyllo"},
		{"much newer format", newer("1000000 other-state more words"), store.ErrNewerVersion, "newer phyllo"},
		{"format 0", newer("0 ready"), store.ErrCorrupt, "FORMAT"},
		{"negative format", newer("-1 ready"), store.ErrCorrupt, "FORMAT"},
		{"unknown state", newer("1 other"), store.ErrCorrupt, "FORMAT"},
		{"endless format", newer("1 ready" + strings.Repeat("x", 1<<20)), store.ErrCorrupt, "FORMAT"},
		{"foreign format", folder{"s/FORMAT": []byte("\x89PNG\r\n")}, store.ErrCorrupt, "FORMAT"},
		{"other files", folder{"s/holiday.jpg": nil}, store.ErrCorrupt, "empty folder"},
		{"name with a newline", folder{"s/a\nb": nil}, store.ErrCorrupt, `"a\nb"`},
		{"lost FORMAT", without(ours, "s/FORMAT"), store.ErrCorrupt, "FORMAT"},
		{"folder in place of FORMAT", with(without(ours, "s/FORMAT"), "s/FORMAT/x"), store.ErrCorrupt, "FORMAT"},
		{"folder in place of LEDGER", with(without(ours, "s/LEDGER"), "s/LEDGER/x"), store.ErrCorrupt, "LEDGER"},
		{"no records", folder{"s/FORMAT": ours["s/FORMAT"], "s/LEDGER": ours["s/LEDGER"]}, store.ErrCorrupt, "records"},
		{"file in place of the folder", folder{"s": nil}, store.ErrCorrupt, "s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, onDisk := range []bool{false, true} {
				config := disk.Config{Dir: "s", FS: c.files.fs(t)}
				if onDisk {
					dir := t.TempDir()
					c.files.write(t, dir)
					config = disk.Config{Dir: filepath.Join(dir, "s")}
				}
				s, err := disk.Open(config)
				if err == nil {
					s.Close()
				}
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("on disk %v: %v, want %v and a word about %s", onDisk, err, c.want, c.says)
				}
				if !onDisk {
					after := readFolder(t, config.FS, "", folder{})
					delete(after, "s/LOCK")
					before := maps.Clone(c.files)
					delete(before, "s/LOCK")
					if !maps.EqualFunc(before, after, slices.Equal) {
						t.Errorf("the folder was changed")
					}
				}
			}
		})
	}
}

func (f folder) write(t testing.TB, dir string) {
	t.Helper()
	for path, b := range f {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func without(f folder, path string) folder {
	f = maps.Clone(f)
	delete(f, path)
	return f
}

func with(f folder, path string) folder {
	f[path] = nil
	return f
}

func FuzzLedger(f *testing.F) {
	f.Add("phyllo store ledger 1\nmanifest MANIFEST-000001 123 0a1b2c3d\nlog 000002.log\n")
	f.Add("phyllo store ledger 1\nmanifest x 18446744073709551615 ffffffffff\n")
	f.Add("phyllo store ledger 1\nlog ../../x.log\n")
	whole := filled(f, 1, true)
	f.Fuzz(func(t *testing.T, text string) {
		files := maps.Clone(whole)
		files["s/LEDGER"] = []byte(disk.Sealed(text))
		c := disk.Config{Dir: "s", FS: files.fs(t)}
		s, err := disk.Open(c)
		if err == nil {
			closeStore(t, s)
		} else if !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("ledger %q: %v", text, err)
		}
	})
}

func FuzzFormat(f *testing.F) {
	f.Add("phyllo store format 1 ready\n")
	f.Add("phyllo store format 99999999999999999999 ready\n")
	whole := filled(f, 1, true)
	f.Fuzz(func(t *testing.T, text string) {
		files := maps.Clone(whole)
		files["s/FORMAT"] = []byte(text)
		for _, b := range []string{text, disk.Sealed(text)} {
			files["s/FORMAT"] = []byte(b)
			s, err := disk.Open(disk.Config{Dir: "s", FS: files.fs(t)})
			if err == nil {
				closeStore(t, s)
			} else if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrNewerVersion) {
				t.Errorf("format %q: %v", b, err)
			}
		}
	})
}

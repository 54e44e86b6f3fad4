package guard_test

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk/guard"
)

// A small file is read as it was written; one that is longer than it may be, cut or changed
// is damage.
func TestSealed(t *testing.T) {
	fs := vfs.NewMem()
	if err := guard.WriteWhole(fs, "f", guard.Sealed("text\n")); err != nil {
		t.Fatal(err)
	}
	if text, err := guard.ReadSealed(fs, "f", 100); text != "text\n" || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
	if _, err := guard.ReadSealed(fs, "f", 10); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("longer than it may be: %v", err)
	}
	whole := guard.Sealed("text\n")
	for name, bad := range map[string]string{"cut": whole[:len(whole)-1], "changed": "t" + whole, "empty": ""} {
		if err := guard.WriteWhole(fs, "f", bad); err != nil {
			t.Fatal(err)
		}
		if text, err := guard.ReadSealed(fs, "f", 100); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: read %q, %v", name, text, err)
		}
	}
}

// After the first failure nothing is written any more, and writers are not told.
func TestFrozen(t *testing.T) {
	fs := vfs.NewMem()
	g := guard.New(fs, &guard.Ledger{FS: fs, Path: "LEDGER"})
	f, err := g.Create("before", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("the disk is gone")
	g.Fail(why)
	g.Fail(errors.New("and again"))
	select {
	case <-g.Failed:
	default:
		t.Error("nobody is told of the failure")
	}
	if g.Err() != why || g.ReadErr() != nil {
		t.Errorf("it failed because of %v; reads: %v", g.Err(), g.ReadErr())
	}
	if n, err := f.Write([]byte("lost")); n != 4 || err != nil {
		t.Errorf("a write when frozen: %d, %v", n, err)
	}
	late, err := g.Create("after", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), late.Close()); err != nil {
		t.Error(err)
	}
	if info, err := fs.Stat("before"); err != nil || info.Size() != 0 {
		t.Errorf("what was written when frozen is on the disk: %v, %v", info, err)
	}
	if _, err := fs.Stat("after"); !guard.IsNotExist(err) {
		t.Errorf("a file was made when frozen: %v", err)
	}
	g.GiveUp(why)
	if g.ReadErr() != why {
		t.Errorf("reads when given up: %v", g.ReadErr())
	}
}

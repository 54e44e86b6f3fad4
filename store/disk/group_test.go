package disk_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk"
)

func TestNobodyReadsWhatIsNotDurable(t *testing.T) {
	inSync, goOn := make(chan bool), make(chan bool)
	var slow atomic.Bool
	c := disk.Config{Dir: "s", FS: errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSyncData && slow.CompareAndSwap(true, false) {
			inSync <- true
			<-goOn
		}
		return nil
	}))}
	s := open(t, c)
	put(t, s, "k", "old")
	slow.Store(true)
	done := make(chan error)
	go func() { done <- s.Put("t", []byte("k"), []byte("new")) }()
	<-inSync
	if v := get(t, s, "k"); v != "old" {
		t.Errorf("Get during the sync: %q", v)
	}
	err := s.Scan("t", store.Range{}, func(k, v []byte) bool {
		if string(v) != "old" {
			t.Errorf("Scan during the sync: %q", v)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	goOn <- true
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if v := get(t, s, "k"); v != "new" {
		t.Errorf("Get after the sync: %q", v)
	}
	closeStore(t, s)
}

func TestWritersShareASync(t *testing.T) {
	var syncs atomic.Int64
	inSync, goOn := make(chan bool), make(chan bool)
	var slow atomic.Bool
	c := disk.Config{Dir: "s", FS: errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSyncData {
			syncs.Add(1)
			if slow.CompareAndSwap(true, false) {
				inSync <- true
				<-goOn
			}
		}
		return nil
	}))}
	s := open(t, c)
	put(t, s, "first", "so that the log has begun")
	slow.Store(true)
	var wg sync.WaitGroup
	wg.Go(func() { put(t, s, "leader", "v") })
	<-inSync
	const writers = 50
	for w := range writers {
		wg.Go(func() { put(t, s, fmt.Sprint(w), "v") })
	}
	for s.Waiting() < writers { // they queue behind the slow sync
		runtime.Gosched()
	}
	before := syncs.Load()
	goOn <- true
	wg.Wait()
	if n := syncs.Load() - before; n > 2 {
		t.Errorf("%d writers needed %d syncs", writers, n)
	}
	closeStore(t, s)
}

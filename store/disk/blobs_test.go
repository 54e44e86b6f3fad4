package disk_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store/disk"
	"github.com/phyllo-net/phyllo/store/storetest"
)

func kept(s *disk.Store) storetest.Kept { return storetest.Kept{Blobs: s.Blobs(), Close: s.Close} }

func keptInMemory(t *testing.T) storetest.Kept {
	s, err := disk.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	return kept(s)
}

func TestBlobsInMemory(t *testing.T) { storetest.RunBlobs(t, keptInMemory) }

func TestBlobsAgainstAModel(t *testing.T) { storetest.RunBlobsModel(t, keptInMemory) }

func TestBlobsWithManyGoroutines(t *testing.T) { storetest.RunBlobsConcurrent(t, keptInMemory) }

func TestBlobsOnDisk(t *testing.T) {
	n, dir := 0, t.TempDir()
	openDisk := func(t *testing.T) storetest.Kept {
		n++
		return kept(open(t, disk.Config{Dir: filepath.Join(dir, fmt.Sprint(n))}))
	}
	storetest.RunBlobsConcurrent(t, openDisk)
	if !small() { // a disk's syncs take long
		storetest.RunBlobs(t, openDisk)
	}
}

func TestBlobsAfterReopening(t *testing.T) {
	storetest.RunBlobsReopen(t, func(t *testing.T) (storetest.Kept, func() (storetest.Kept, error)) {
		c := disk.Config{Dir: "a/b/store", FS: vfs.NewMem()}
		return kept(open(t, c)), func() (storetest.Kept, error) {
			s, err := disk.Open(c)
			if err != nil {
				return storetest.Kept{}, err
			}
			return kept(s), nil
		}
	})
}

func TestDamagedBlobs(t *testing.T) {
	storetest.RunBlobsDamage(t, func(t *testing.T) (storetest.Kept, func(id.Hash, int)) {
		c := disk.Config{Dir: "store", FS: vfs.NewMem()}
		s := open(t, c)
		return kept(s), func(h id.Hash, n int) {
			if err := s.Rot(h, n); err != nil {
				t.Error(err)
			}
		}
	})
}

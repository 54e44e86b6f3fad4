package disk_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk"
	"github.com/phyllo-net/phyllo/store/storetest"
)

// blobChildEnv names the folder in which a child process puts and deletes blobs.
const blobChildEnv = "PHYLLO_STORE_TEST_BLOBS"

// Each of the child's writers puts blobs numbered from its own start on, and deletes
// each again when it has put some more.
const (
	blobWriters = 4
	blobsKept   = 3
)

func numberedBlob(round, writer, i int) []byte {
	return storetest.Content(round<<20|writer<<16|i, 1000+(i*7919)%(200<<10))
}

// child starts this program again, to do what an environment variable says.
func child(t testing.TB, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), env...)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewScanner(out)
}

// die ends a child that cannot go on.
func die(err error) {
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

// putUntilKilled is the child. It says "put writer number" for each blob that was
// acknowledged, and "begin" and "gone" around each deletion.
func putUntilKilled() {
	s, err := disk.Open(disk.Config{Dir: os.Getenv(blobChildEnv)})
	die(err)
	var round int
	_, err = fmt.Sscan(os.Getenv(blobRoundEnv), &round)
	die(err)
	for w := range blobWriters {
		go func() {
			for i := 0; ; i++ {
				_, err := store.PutBlob(s.Blobs(), numberedBlob(round, w, i))
				die(err)
				fmt.Println("put", w, i)
				if old := i - blobsKept; old >= 0 {
					fmt.Println("begin", w, old)
					die(s.Blobs().Delete(store.OutlineOf(numberedBlob(round, w, old)).Hash()))
					fmt.Println("gone", w, old)
				}
			}
		}()
	}
	select {}
}

// blobRoundEnv makes the blobs of each child different.
const blobRoundEnv = "PHYLLO_STORE_TEST_ROUND"

// A process that puts and deletes is killed: what it had acknowledged is there, whole,
// what it had deleted is not, and what it was at is one or the other.
func TestKillUnderBlobs(t *testing.T) {
	dir := t.TempDir()
	said := map[id.Hash]string{} // the last word about each blob
	content := map[id.Hash][]byte{}
	for round := range 4 {
		c, lines := child(t, blobChildEnv+"="+dir, fmt.Sprint(blobRoundEnv, "=", round))
		for n := 0; lines.Scan(); n++ {
			var word string
			var w, i int
			if _, err := fmt.Sscan(lines.Text(), &word, &w, &i); err != nil {
				t.Errorf("child says %q", lines.Text())
				continue
			}
			b := numberedBlob(round, w, i)
			h := store.OutlineOf(b).Hash()
			said[h], content[h] = word, b
			if n == 1+round*40 {
				if err := c.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		c.Wait() // "signal: killed"
		s := open(t, disk.Config{Dir: dir})
		checkSaid(t, s, said, content)
		closeStore(t, s)
	}
}

func checkSaid(t *testing.T, s *disk.Store, said map[id.Hash]string, content map[id.Hash][]byte) {
	t.Helper()
	for h, word := range said {
		_, err := s.Blobs().Stat(h)
		there := err == nil
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Stat: %v", err)
		}
		if word == "put" && !there || word == "gone" && there {
			t.Errorf("blob %s: the last word was %q, and it is there: %v", h, word, there)
		}
	}
	var used int64
	err := s.Blobs().List(id.Hash{}, func(stat store.BlobStat) bool {
		used += stat.Size
		got, err := store.GetBlob(s.Blobs(), stat.Hash, store.MaxBlob)
		if want, known := content[stat.Hash]; err != nil || known && string(got) != string(want) {
			t.Errorf("blob %s: %d bytes, %v", stat.Hash, len(got), err)
		}
		return true
	})
	space, spaceErr := s.Blobs().Space()
	if err := errors.Join(err, spaceErr); err != nil || space.Used != used || space.Blobs > len(said)+2*blobWriters {
		t.Errorf("%+v, %v; want %d bytes used", space, err, used)
	}
	if damaged, err := s.Blobs().Damaged(); err != nil || len(damaged) > 0 {
		t.Errorf("damaged: %v, %v", damaged, err)
	}
}

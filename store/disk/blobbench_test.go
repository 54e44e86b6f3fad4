package disk_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/disk"
	"github.com/phyllo-net/phyllo/store/storetest"
)

// rawWrites is how many bytes per second this machine, now, writes into files of a
// size, one after another, each synced.
func rawWrites(b *testing.B, size int, d time.Duration) float64 {
	b.Helper()
	dir, content := b.TempDir(), storetest.Content(0, size)
	n, start := 0, time.Now()
	for time.Since(start) < d {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(n)))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Write(content); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
		n++
	}
	return float64(n*size) / time.Since(start).Seconds()
}

var blobSizes = []struct {
	name string
	size int
}{{"1KB", 1000}, {"100KB", 100 << 10}, {"1MB", 1 << 20}, {"16MB", 16 << 20}}

// numberBlob makes a content and its outline another one, in its first chunk.
func numberBlob(content []byte, o store.Outline, i int) store.Outline {
	copy(content, fmt.Sprintf("%016d", i))
	first := store.OutlineOf(content[:min(len(content), store.ChunkSize)])
	chunks := append([]id.Hash{first.Chunks[0]}, o.Chunks[1:]...)
	return store.Outline{Size: o.Size, Chunks: chunks}
}

// BenchmarkBlobPut puts blobs, and tells beside it what the disk does in the same run:
// raw-MB/s are synced writes into plain files of that size by one writer, syncs/s
// synced appends of 1 KB.
func BenchmarkBlobPut(b *testing.B) {
	for _, c := range blobSizes {
		for _, writers := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/writers=%d", c.name, writers), func(b *testing.B) {
				s := open(b, disk.Config{Dir: filepath.Join(b.TempDir(), "s")})
				raw, syncs := rawWrites(b, c.size, 200*time.Millisecond), rawSyncs(b, 200*time.Millisecond)
				b.SetBytes(int64(c.size))
				b.ResetTimer()
				var wg sync.WaitGroup
				for w := range writers {
					wg.Go(func() {
						content := storetest.Content(w, c.size)
						whole := store.OutlineOf(content)
						for i := w; i < b.N; i += writers {
							putOutline(b, s, content, numberBlob(content, whole, i))
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				raw, syncs = (raw+rawWrites(b, c.size, 200*time.Millisecond))/2, (syncs+rawSyncs(b, 200*time.Millisecond))/2
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
				b.ReportMetric(raw/1e6, "raw-MB/s")
				b.ReportMetric(syncs, "syncs/s")
				b.ReportMetric(0, "ns/op")
				closeStore(b, s)
			})
		}
	}
}

// putOutline puts a content as it comes from the network: with its outline.
func putOutline(b *testing.B, s *disk.Store, content []byte, o store.Outline) {
	d, err := s.Blobs().Create(o)
	for n := range o.Chunks {
		if err == nil {
			at := n * store.ChunkSize
			err = d.WriteChunk(n, content[at:at+o.ChunkLen(n)])
		}
	}
	if err == nil {
		err = d.Commit()
	}
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		b.Error(err)
	}
}

// BenchmarkBlobRead reads blobs that the system has in memory, each byte verified.
func BenchmarkBlobRead(b *testing.B) {
	s := open(b, disk.Config{Dir: filepath.Join(b.TempDir(), "s")})
	for _, c := range blobSizes {
		content := storetest.Content(1, c.size)
		h := putBlob(b, s, content)
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(c.size))
			for b.Loop() {
				got, err := store.GetBlob(s.Blobs(), h, store.MaxBlob)
				if err != nil || len(got) != len(content) || !bytes.Equal(got[:16], content[:16]) {
					b.Fatal(err)
				}
			}
		})
	}
	closeStore(b, s)
}

// fillChildEnv names the folder that a child process fills with 100,000 blobs.
const fillChildEnv = "PHYLLO_STORE_TEST_FILL"

const filled100k = 100_000

// fillUntilKilled is the child.
func fillUntilKilled() {
	s, err := disk.Open(disk.Config{Dir: os.Getenv(fillChildEnv)})
	die(err)
	die(s.Fill(filled100k))
	fmt.Println("filled")
	select {}
}

// BenchmarkOpenAfterKill opens a store of 100,000 blobs, nine of ten with a file, whose
// process was killed. The files have no content: opening reads names only.
func BenchmarkOpenAfterKill(b *testing.B) {
	dir := b.TempDir()
	c, lines := child(b, fillChildEnv+"="+dir)
	if !lines.Scan() || lines.Text() != "filled" {
		b.Fatalf("child says %q", lines.Text())
	}
	if err := c.Process.Kill(); err != nil {
		b.Fatal(err)
	}
	c.Wait() // "signal: killed"
	start := time.Now()
	s := open(b, disk.Config{Dir: dir})
	first := time.Since(start)
	space, err := s.Blobs().Space()
	if err != nil || space.Blobs != filled100k {
		b.Fatalf("%+v, %v", space, err)
	}
	if damaged, err := s.Blobs().Damaged(); err != nil || len(damaged) > 0 {
		b.Fatalf("%d damaged, %v", len(damaged), err)
	}
	closeStore(b, s)
	for b.Loop() {
		s = open(b, disk.Config{Dir: dir})
		b.StopTimer()
		closeStore(b, s)
		b.StartTimer()
	}
	b.ReportMetric(first.Seconds(), "s-after-kill")
}

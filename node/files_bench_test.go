package node_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/node"
)

// copiesInBench is k of what the benchmarks store: each of the three nodes has all of it.
const copiesInBench = 3

// BenchmarkPut stores a file of 100 MB in a ring of three nodes in one process, whose stores are
// on the disk and synced, and reads it back. Beside that it writes as many copies of the same bytes
// to files on the same disk, synced: what the disk alone would allow.
func BenchmarkPut(b *testing.B) {
	ns := ring(b, 3, nil)
	addUser(b, ns[0], "ann")
	content := make([]byte, 100e6)
	rand.NewChaCha8([32]byte{3}).Read(content)
	put(b, ns[0], "warm up", content[:2<<20])
	b.SetBytes(int64(len(content)))
	var putting, getting, writing time.Duration
	for i := 0; b.Loop(); i++ {
		name := fmt.Sprint("film ", i)
		start := time.Now()
		put(b, ns[0], name, content)
		putting += time.Since(start)
		start = time.Now()
		link, err := ns[0].API().FileShare(context.Background(), api.FileName{User: "ann", Name: name})
		if err != nil {
			b.Fatal(err)
		}
		_, r, err := ns[1].API().FileGet(context.Background(), api.FileName{Name: link.Link})
		if err != nil {
			b.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
			b.Fatalf("%d bytes came back: %v", len(got), err)
		}
		r.Close()
		getting += time.Since(start)
		start = time.Now()
		writeFiles(b, content)
		writing += time.Since(start)
	}
	rate := func(d time.Duration) float64 { return float64(len(content)) / 1e6 * float64(b.N) / d.Seconds() }
	b.ReportMetric(rate(putting), "put-MB/s")
	b.ReportMetric(rate(getting), "get-MB/s")
	b.ReportMetric(rate(writing), "disk-MB/s")
	b.ReportMetric(0, "B/s")
}

func put(b *testing.B, n *node.Node, name string, content []byte) {
	b.Helper()
	f, err := n.API().FilePut(context.Background(), api.FilePut{User: "ann", Name: name, Copies: copiesInBench}, bytes.NewReader(content))
	if err != nil || f.Copies != copiesInBench {
		b.Fatalf("put: %+v, %v", f, err)
	}
}

// writeFiles writes copies of a content as files of half a megabyte, eight at once.
func writeFiles(b *testing.B, content []byte) {
	const size, atOnce = 512 << 10, 8
	dir := b.TempDir()
	var wg sync.WaitGroup
	for w := range atOnce {
		wg.Go(func() {
			for i := w; i < copiesInBench*len(content)/size; i += atOnce {
				at := i * size % (len(content) - size)
				f, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
				if err == nil {
					_, err = f.Write(content[at : at+size])
				}
				if err == nil {
					err = f.Sync()
				}
				if err != nil {
					b.Error(err)
					return
				}
				f.Close()
			}
		})
	}
	wg.Wait()
}

// BenchmarkPutSmall stores 1,000 files of 10 KB, four at once as programs do it that copy folders,
// and lists them.
func BenchmarkPutSmall(b *testing.B) {
	ns := ring(b, 3, nil)
	addUser(b, ns[0], "ann")
	put(b, ns[0], "warm up", nil)
	sp, err := ns[0].Files("ann").Space(context.Background(), api.HomeSpace)
	if err != nil {
		b.Fatal(err)
	}
	const count, atOnce = 1000, 4
	content := make([]byte, 10e3)
	var listing time.Duration
	for i := 0; b.Loop(); i++ {
		var wg sync.WaitGroup
		for w := range atOnce {
			wg.Go(func() {
				for j := w; j < count; j += atOnce {
					if err := putSmall(sp, fmt.Sprintf("%d/%d", i, j), content); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		start := time.Now()
		p, err := sp.List(context.Background(), files.Query{Prefix: fmt.Sprint(i, "/"), Limit: count})
		if err != nil || len(p.Entries) != count {
			b.Fatalf("listed %d files, want %d: %v", len(p.Entries), count, err)
		}
		listing += time.Since(start)
	}
	b.ReportMetric(listing.Seconds()*1e3/float64(b.N), "list-ms")
}

func putSmall(sp files.Space, name string, content []byte) error {
	d, err := sp.Draft(context.Background(), int64(len(content)), files.InCopies)
	if err != nil {
		return err
	}
	defer d.Discard()
	if _, err := d.Write(content); err != nil {
		return err
	}
	_, err = sp.Put(context.Background(), name, []files.Draft{d}, files.Attrs{}, files.Cond{})
	return err
}

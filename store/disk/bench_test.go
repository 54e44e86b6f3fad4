package disk_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/store/disk"
)

// rawSyncs is how many times per second this machine, now, can append 1 KB to a
// file and sync it. Half of it is measured before the run and half after.
func rawSyncs(b *testing.B, d time.Duration) float64 {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	kb := bytes.Repeat([]byte("x"), 1024)
	n, start := 0, time.Now()
	for time.Since(start) < d {
		if _, err := f.Write(kb); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		n++
	}
	return float64(n) / time.Since(start).Seconds()
}

// BenchmarkDurablePut writes records of 1 KB. puts/sync is the rate of puts in
// units of the rate of raw syncs on the same disk.
func BenchmarkDurablePut(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := open(b, disk.Config{Dir: filepath.Join(b.TempDir(), "s")})
			value := bytes.Repeat([]byte("v"), 1024)
			raw := rawSyncs(b, 250*time.Millisecond)
			took := make([][]time.Duration, writers)
			b.ResetTimer()
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					for i := w; i < b.N; i += writers {
						start := time.Now()
						if err := s.Put("t", fmt.Appendf(nil, "%d/%09d", w, i), value); err != nil {
							b.Error(err)
							return
						}
						took[w] = append(took[w], time.Since(start))
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			rate := float64(b.N) / b.Elapsed().Seconds()
			raw = (raw + rawSyncs(b, 250*time.Millisecond)) / 2
			all := slices.Sorted(slices.Values(slices.Concat(took...)))
			b.ReportMetric(rate, "puts/s")
			b.ReportMetric(raw, "syncs/s")
			b.ReportMetric(rate/raw, "puts/sync")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(0, "ns/op")
			closeStore(b, s)
		})
	}
}

func BenchmarkGet(b *testing.B) {
	s := open(b, disk.Config{Dir: filepath.Join(b.TempDir(), "s")})
	value := string(bytes.Repeat([]byte("v"), 1024))
	const records = 20000 // 20 MB: more than the cache
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < records; i += 16 {
				put(b, s, fmt.Sprint(i), value)
			}
		})
	}
	wg.Wait()
	for _, c := range []struct {
		name string
		key  func(i int) string
		want int
	}{
		{"found", func(i int) string { return fmt.Sprint(i * 7919 % records) }, 1024},
		{"recent", func(i int) string { return fmt.Sprint(records - 1 - i%100) }, 1024},
		{"absent", func(i int) string { return fmt.Sprint(i, "-") }, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			for i := range b.N {
				if v := get(b, s, c.key(i)); len(v) != c.want {
					b.Fatalf("%d bytes, want %d", len(v), c.want)
				}
			}
		})
	}
	closeStore(b, s)
}

// BenchmarkOpen opens and closes a store of 32 MB, and reports how much memory an
// open one keeps after everything was read once.
func BenchmarkOpen(b *testing.B) {
	c := disk.Config{Dir: filepath.Join(b.TempDir(), "s")}
	s := open(b, c)
	value := string(bytes.Repeat([]byte("v"), 64<<10))
	for i := range 500 {
		put(b, s, fmt.Sprint(i), value)
	}
	closeStore(b, s)
	before := resident(b)
	s = open(b, c)
	for i := range 500 {
		get(b, s, fmt.Sprint(i))
	}
	keeps := resident(b) - before
	closeStore(b, s)
	for b.Loop() {
		closeStore(b, open(b, c))
	}
	b.ReportMetric(keeps, "MB")
}

// resident is the memory of this process, in MB.
func resident(b *testing.B) float64 {
	b.Helper()
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip(err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(status), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return float64(pages*os.Getpagesize()) / (1 << 20)
}

// Package budget holds decoders to the rule for bytes from outside: to decode b
// bytes takes at most 8*b bytes and 4 KiB of memory, whatever they claim to be. So
// nobody can make a node take more memory than he has paid for in bytes.
package budget

import (
	"runtime"
	"testing"
)

// Of how much memory decoding may take, in bytes: Each for each byte of input, and
// Base for what a decoder needs anyway, its errors among it.
const (
	Each = 8
	Base = 4 << 10
)

// tries is how often a decoder is looked at that took too much: another goroutine
// may have taken it, or a cache was filled at the first time.
const tries = 4

// Decode fails the test if decode allocates more than decoding n bytes may. It is
// called at least once, and must do the same each time. Memory counts that is free
// again by then.
func Decode(t testing.TB, n int, decode func()) {
	t.Helper()
	limit := uint64(Each*n + Base)
	least := ^uint64(0)
	for range tries {
		if least = min(least, taken(decode)); least <= limit {
			return
		}
	}
	t.Errorf("decoding %d bytes takes %d bytes of memory, at most %d are good: set limits before memory is taken", n, least, limit)
}

// taken is how much all goroutines allocate meanwhile.
func taken(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

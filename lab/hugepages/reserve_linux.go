package hugepages

import (
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// Reserve asks for huge pages for so many bytes of the heap that come next, and reports
// whether the system takes such wishes. It takes addresses, and no memory.
//
// The runtime keeps the addresses that it has mapped once, and the wish belongs to the
// addresses: so it is enough to allocate a piece of that size, without touching it, and to
// give it back.
func Reserve(bytes int64) bool {
	if bytes < 1 {
		return false
	}
	err := unix.Madvise(make([]byte, bytes), unix.MADV_HUGEPAGE)
	debug.FreeOSMemory() // else the runtime takes the piece for memory that is in use
	return err == nil
}

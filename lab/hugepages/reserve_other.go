//go:build !linux

package hugepages

// Reserve asks for huge pages for so many bytes of the heap that come next, and reports
// whether the system takes such wishes: this one does not.
func Reserve(bytes int64) bool { return false }

package prefetch

import "unsafe"

// lineSize is how many bytes are fetched at once.
const lineSize = 64

// At fetches the 64 bytes around the beginning of what p points to. p may be nil, or point
// to what is no longer in use.
func At[T any](p *T) { line(unsafe.Pointer(p)) }

// All fetches the whole of what p points to.
func All[T any](p *T) {
	Lines(p, (unsafe.Sizeof(*p)+lineSize-1)/lineSize)
}

// Lines fetches the first n lines of what p points to.
func Lines[T any](p *T, n uintptr) {
	if n > 0 {
		lines(unsafe.Pointer(p), n)
	}
}

// Func fetches what a function closes over, which it reads first.
func Func(f func()) { line(*(*unsafe.Pointer)(unsafe.Pointer(&f))) }

// Any fetches the beginning of the value in an interface, if a pointer stands there.
func Any(v any) { line((*[2]unsafe.Pointer)(unsafe.Pointer(&v))[1]) }

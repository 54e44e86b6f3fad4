// Package store is the contract of a node's own durable memory: records, that
// is ordered byte keys with byte values in named tables.
//
// A Store never says yes too early: Put, Delete and Apply return nil only when
// the change is on the disk and will be found again after a crash or a power
// failure. A Batch is all or nothing, over any number of tables.
//
// # What a program may rely on
//
//   - Order. Writes take effect one after another. A write that had returned
//     before another was started comes first.
//   - Reads. A read sees every write that returned nil before the read began,
//     and never a write that is not durable yet: what was read once cannot be
//     taken back by a crash.
//   - Scan sees one moment, whatever is written while it runs.
//   - Memory. Caller and store never share a slice after a call has returned.
//     Arguments may be changed as soon as the call is back, and results belong
//     to the caller. The slices given to a scan's function are the caller's too.
//   - Concurrency. All methods may be called from many goroutines at once, and
//     block until they are done. Protocol code, which may not block, calls them
//     inside the function that it hands to the driver as work. One
//     implementation, store/mem, is for the simulator, has a single owner and
//     says so.
//
// # When a write fails
//
// ErrInvalid, ErrTooLarge and ErrClosed mean that nothing was written. After
// any other error from Put, Delete or Apply the outcome is open: reads do not
// show the change, but after the next opening (or after the store has recovered
// by itself, see ErrFull) it may be there, whole, or not at all. Whoever gets
// such an error must be ready for both.
//
// The suite in store/storetest checks an implementation against all of this.
package store

// Package store is the contract of a node's own durable memory: records, that
// is ordered byte keys with byte values in named tables (Store), and blobs, that
// is contents of up to 1 GiB that never change, each under its hash (Blobs).
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
// # Blobs
//
// A blob is put in chunks of 1 MiB, in any order, as they come. Each is verified
// against the blob's Outline before it is written, and again whenever it is read, so
// that a range can be verified by itself and nobody ever gets a byte that is not
// the blob's. A put that was broken off goes on where it was.
//
//   - Commit is to a blob what Put is to a record: nil means durable. There are no
//     half blobs: before that nobody sees any of it.
//   - After Delete has returned nil, the blob is gone for good. A reader that is in
//     its midst gets ErrNotFound with the next chunk.
//   - Damage, which is what a disk gives back that was not written, is found when a
//     chunk is read or scrubbed. It is told with ErrCorrupt, by Damaged and in
//     BlobStat. The blob is not counted on any more, and a Create of it asks for the
//     chunks that are lost and for no others. Nothing is deleted because of damage.
//   - Records and blobs are apart. A program makes the blob durable first, then the
//     record that speaks of it, and when both go, deletes the record first. After a
//     crash in between there is a blob without a record, which List finds.
//
// What is said above about memory, concurrency and errors holds for blobs too. An
// error of ErrFailed in a blob's own file ends the Draft that met it, and not the
// store.
//
// The suite in store/storetest checks an implementation against all of this.
package store

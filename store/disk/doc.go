// Package disk is the store of a real node: records in Pebble, a log-structured
// engine, and blobs in files, in one folder. It is safe for concurrent use.
//
// # The folder
//
//	LOCK     held while the store is open
//	FORMAT   number of the folder's format, and whether it was completed
//	LEDGER   what must be in records/ (see ledger)
//	records/ Pebble's own files
//	blobs/   the files of large blobs, as blobs/ab/abcd…
//
// # Writing
//
// Writers queue up. The first of them writes everything that waits as one batch
// with one sync, and meanwhile the next ones gather: many writers share a sync.
// Only one goroutine at a time is therefore inside Pebble's commit. Readers look
// at a snapshot that moves on only when a group is durable, so nobody reads what
// a power failure could still take back.
//
// # Failing disks
//
// Pebble answers a failed write or sync of its log by ending the process. Here
// it never sees one. All its writing goes through a guard, a file system that at
// the first error freezes the folder as it is, as if the power had gone at that
// moment: nothing is written, synced or removed any more, and the store refuses
// every write from then on. Nothing is synced again and believed. Reads go on
// from memory and from the files. Background work that would need to write waits
// until Close.
//
//   - After an error of the disk (store.ErrFailed) only a new Open helps.
//   - When the disk is full (store.ErrFull) the store looks again with each
//     write, at most once a second, and when there is room it opens its folder
//     anew, by itself. Most times it does not come so far: below Config.Reserve
//     of free space writes are refused before they reach the disk, and work
//     again as soon as there is more. Batches that only delete pass down to a
//     quarter of the reserve, so that a program can make room.
//   - What a failed write left behind is found at the next opening, whole or not
//     at all, as the contract says.
//
// # Blobs
//
// A blob below 64 KiB is a record. A larger one has a file of its own, and a record in
// an index. The file is written under another name, synced, renamed, its folder is
// synced, and then the entry is written: that is the moment from which the blob is
// there. A deletion takes these steps back, the entry first. So what a crash leaves is
// a file without an entry, which the next opening finds (see sweep).
//
// An error of a blob's own file ends its draft and freezes nothing. What was written
// is not believed afterwards: the next try writes a new file. After a failed sync of a
// folder no blob is put any more until the store is opened again.
//
// # Damage
//
// Every chunk of a blob is verified against the blob's hash when it is read. Every
// block of a table, every record of the log and of the list of tables has
// a checksum. What does not fit gives store.ErrCorrupt, from Open or from the
// read that meets it; other records stay readable. LEDGER closes the gap that
// Pebble leaves: a damaged end of its list of tables looks to it like a write
// cut short, and it would go on without the tables named there.
//
// One gap is inherent. After a crash the end of the log may be cut or torn, and
// damage to just these last bytes looks the same: the last batches are then
// missing, whole. After an orderly Close nothing is left in the log.
package disk

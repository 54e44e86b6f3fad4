// Package shelf is what a node that keeps groups for others writes down of them: charters and
// batches. So what a group keeps outlives the end of all who keep it at once, as by a power
// cut.
//
// What is promised is less than of files, as a message should be with its readers in
// milliseconds: nothing waits for the disk. A node writes what came within Settle together,
// with one sync, so what a keeper has had for Settle and the time of a write is on its disk.
// A message that is acknowledged is in the memory of a majority of the keepers at once; it is
// lost only if all of those die before they have written it, a fifth of a second. Who keeps
// more than one copy of what must never be lost publishes its place and stores it in the ring.
//
// What was written is believed when the node starts again: the store finds damage by its
// own sums, and readers check the publisher's signatures of all they are given, as ever.
package shelf

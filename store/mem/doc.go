// Package mem is the store of a simulated node: the contract of package store,
// in memory and pure. It has no locks: a Store has a single owner, which calls
// it from one goroutine, as the simulator does.
//
// The Store stands for the disk. What a call has returned is "durable", so a
// crash loses nothing that was acknowledged, and the simulator's faults are:
//
//   - crash and restart: Clone, which is the disk as the next start finds it;
//   - a lost disk: Wipe;
//   - a disk that fails, is full, or fails after it has written: Fail;
//   - a bit of a blob that has changed: Blobs.Rot.
package mem

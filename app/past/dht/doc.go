// Package dht is a plain hash table for a ring, with Put, Get and Remove, on the mutable
// objects of package past.
//
// A table belongs to the key that signs its entries. One whose signing key all members know
// is the ring's own: each member can read and change every entry, and no one else. One
// whose signing key a single person has is his.
//
// An entry has a version, 1 for its first value and one more with each change. PutIf and
// RemoveIf change an entry only if it has the version that the caller has seen, so that two
// who change it at once do not undo each other's work: one of them gets a *ConflictError.
// What was acknowledged is on the disks of a majority of the nodes that keep the entry, and
// is what every later Get returns.
//
// How many copies are wanted is part of an entry's place on the ring: all who use an entry
// must name the same number.
package dht

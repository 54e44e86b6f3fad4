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
// Where parts of a ring that had lost sight of each other have each put a value under one key,
// one of these is current when they meet (package past), and the others are its rivals: Get
// says how many there are, and Rivals reads them. PutIf and RemoveIf are refused then, as a
// number does not say which of several values was meant. Put and Remove settle the rivals,
// whether their caller has read them or not, as they replace a value unread, too. A settled
// rival is counted no more, and can still be read until more than MaxRivals are settled;
// then a change lets go of those that were settled the longest time ago.
//
// Where a majority of the nodes that keep an entry has been away for half a minute (one of two laptops sleeps), Put, Remove and Get go on with those who are there, and say so
// (Entry.Apart). PutIf and RemoveIf are past.ErrNotReachable until the majority is back, as they promise
// that nobody else changes the entry. What both sides put meets then: the higher version is current,
// and the other one a rival.
//
// How many copies are wanted is part of an entry's place on the ring: all who use an entry
// must name the same number.
package dht

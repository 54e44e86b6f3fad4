// Package client is the asking half of app/past: what an application does with the storage
// of a ring. It believes no holder: see package past, which is the keeping half, and who
// is believed there.
//
// A Client asks the nodes nearest to an object, over an Asker. A past.Past has one, so
// applications write past.Past.Insert.
//
//	insert.go    Insert, InsertBlock, Store    PAST (SOSP 2001), 2.1
//	together.go  many small files at once: one signature for many (see parcel.go for the messages)
//	lookup.go    Lookup, Inspect               PAST, 2.1
//	reclaim.go   Reclaim                       PAST, 2.1
//	mutable.go   Change, Current               see package past, mutable objects
package client

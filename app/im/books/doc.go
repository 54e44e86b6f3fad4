// Package books is what a user has of his messages on one node, as it stands in the
// store: history, inbox, outbox, the people he knows, the keys to which names are pinned.
// It says what becomes of them when something is written, arrives, is acknowledged or
// read, and knows neither nodes nor the overlay: it gets values and returns values.
//
// All of it is a Ledger: one transaction that reads, changes and is committed as a whole
// or not at all. It runs as work, off the loop; whoever calls lets one run at a time for
// each user (package im). The first error sticks, and then nothing is written. What
// belongs together is in one batch: counter, outbox and history; the id among the seen
// and the message in the inbox; the acknowledgement and the state.
//
//	tx.go       reading and writing      ledger.go  the tables: history, people, totals
//	outbox.go   lines, entries           receive.go what is taken of letters that come
//	inbox.go    what is listed           people.go  requests, contacts, blocks
//	pins.go     names and their keys     types.go   what edges are shown
//	check.go    the promises of package im, held against books, for simulations
//
// Tables begin with im/, and every key with 16 bytes of the user's fingerprint. Forms on
// the disk are structs with integer keys, as on the wire. Values that are returned are the
// caller's.
package books

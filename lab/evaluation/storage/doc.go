// Package storage has the experiments of storage: how full a ring gets, how far a lookup
// goes, how fast lost copies are made again, and whether a file is ever lost.
//
// Where to read what:
//
//	all.go          the list of them
//	utilisation.go  a ring that is filled (farm.go: without messages; files.go: with what)
//	cache.go        lookups and the copies that they leave
//	repair.go       nodes that are lost, or away
//	durability.go   files over weeks, and in storms (disaster.go: when most nodes die at once)
package storage

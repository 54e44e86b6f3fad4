// Package field has the ring that experiments watch from above while its nodes send messages
// and ask questions: what becomes of each is counted, by who is in the ring at that moment.
//
// Where to read what:
//
//	field.go    the ring
//	tally.go    what is counted
//	census.go   who is in the ring
//	exact.go    whether it is as it should be, and for how long keys had nobody
//	traffic.go  what counts as control traffic
package field

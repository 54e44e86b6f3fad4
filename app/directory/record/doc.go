// Package record is what is signed about names: the record that says whose a name is, the
// receipts of those who keep it, and which of two claims is the stronger. It knows no node,
// no overlay and no store.
//
// Where to read what:
//
//	name.go    names, and which ones there may be
//	record.go  records, signed by the person's own key
//	claim.go   receipts of keepers, and claims that have gathered them
package record

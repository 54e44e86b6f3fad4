package store

import "bytes"

// Range says which records of a table a scan visits, and in which order. The
// zero Range is the whole table, smallest key first.
type Range struct {
	// From is the smallest key that belongs to the range. Empty: no lower end.
	From []byte
	// To is the smallest key above the range that does not belong to it.
	// Empty: no upper end.
	To []byte
	// Limit is the largest number of records to visit. 0: no limit.
	Limit int
	// Reverse visits the largest key first. With Limit these are the last
	// records of the range.
	Reverse bool
}

// Prefix is the range of all keys that begin with p.
func Prefix(p []byte) Range {
	r := Range{From: bytes.Clone(p)}
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] != 0xff {
			r.To = bytes.Clone(p[:i+1])
			r.To[i]++
			break
		}
	}
	return r
}

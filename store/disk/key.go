package disk

import "github.com/phyllo-net/phyllo/store"

// A record's key in Pebble is the length of the table's name, the name and the
// key. The length keeps tables apart whose names begin alike.

func appendKey(b []byte, t store.Table, key []byte) []byte {
	b = append(b, byte(len(t)))
	b = append(b, t...)
	return append(b, key...)
}

// bounds returns the range's ends in Pebble.
func bounds(t store.Table, r store.Range) (lower, upper []byte) {
	lower = appendKey(nil, t, r.From)
	if len(r.To) > 0 {
		return lower, appendKey(nil, t, r.To)
	}
	return lower, store.Prefix(appendKey(nil, t, nil)).To
}

func tablePrefix(t store.Table) int { return 1 + len(t) }

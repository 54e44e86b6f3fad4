package shelf

import "github.com/phyllo-net/phyllo/peer"

// Unpack reads what a pack holds.
var UnpackText = unpack

// Open reads a head.
var Open = (*Shelf).open

// Lock seals a head.
func Lock(l peer.Locker, key peer.Secret, room []byte, v any) []byte {
	return lock(l, key, l.NewSecret(), headName, room, v)
}

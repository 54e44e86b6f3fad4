package room

import (
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
)

// Disk is what a node's store has of a room of one of its users, for who checks from outside
// what is kept and who can read it.
type Disk struct {
	Joined  bool
	Entries []*entry.Entry          // those that others name come first
	Keys    map[id.Hash]peer.Secret // of epochs, by their proofs
}

// ReadDisk reads what a store has of a user's room. The error wraps store.ErrNotFound where
// it has nothing.
func ReadDisk(s store.Store, user peer.Key, room id.Hash) (*Disk, error) {
	l, err := books{s, user, room}.load()
	if err != nil {
		return nil, err
	}
	return &Disk{Joined: l.kept.Joined, Entries: l.entries, Keys: l.keys}, nil
}

package room

import (
	"errors"
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/room/cards"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
)

// Config holds the settings of rooms. Start from Default.
type Config struct {
	// SyncEvery is the time between two comparisons of a room's log with another member's.
	// 1 s to 1 h.
	SyncEvery time.Duration
	// AskTimeout bounds one question to one node. 1 s to 1 min.
	AskTimeout time.Duration
	// EpochWithin is the longest that an admin who is there takes to begin an epoch without
	// somebody who is out. 100 ms to 1 min.
	EpochWithin time.Duration
	// KeyPatience bounds the search for a key that is needed to say something. 1 s to 1 min.
	KeyPatience time.Duration
	// ReceiptAfter is about how long receipts gather before they are told. 100 ms to 10 min.
	ReceiptAfter time.Duration
	// ShelveAfter is about how long what is new in a room gathers before it goes into the ring's
	// storage. 100 ms to 10 min.
	ShelveAfter time.Duration
	// MaxRooms is how many rooms one user may be in. 1 to 10,000.
	MaxRooms int
	// MaxInvitations is how many invitations of one user wait. 1 to 1,000.
	MaxInvitations int
	// PerMinute is how many questions, and entries that are pushed, of one node are served in
	// a minute. 10 to 100,000.
	PerMinute int
}

// Default returns the settings that a node has if nobody says otherwise.
func Default() Config {
	return Config{
		SyncEvery:      time.Minute,
		AskTimeout:     10 * time.Second,
		EpochWithin:    4 * time.Second,
		KeyPatience:    15 * time.Second,
		ReceiptAfter:   2 * time.Second,
		ShelveAfter:    10 * time.Second,
		MaxRooms:       256,
		MaxInvitations: 64,
		PerMinute:      3000,
	}
}

// Validate returns all that is wrong with the settings, or nil.
func (c Config) Validate() error {
	var errs []error
	within := func(name string, v, lo, hi time.Duration) {
		if v < lo || v > hi {
			errs = append(errs, fmt.Errorf("room: %s is %v, want %v to %v", name, v, lo, hi))
		}
	}
	count := func(name string, v, lo, hi int) {
		if v < lo || v > hi {
			errs = append(errs, fmt.Errorf("room: %s is %d, want %d to %d", name, v, lo, hi))
		}
	}
	within("SyncEvery", c.SyncEvery, time.Second, time.Hour)
	within("AskTimeout", c.AskTimeout, time.Second, time.Minute)
	within("EpochWithin", c.EpochWithin, 100*time.Millisecond, time.Minute)
	within("KeyPatience", c.KeyPatience, time.Second, time.Minute)
	within("ReceiptAfter", c.ReceiptAfter, 100*time.Millisecond, 10*time.Minute)
	within("ShelveAfter", c.ShelveAfter, 100*time.Millisecond, 10*time.Minute)
	count("MaxRooms", c.MaxRooms, 1, 10_000)
	count("MaxInvitations", c.MaxInvitations, 1, 1_000)
	count("PerMinute", c.PerMinute, 10, 100_000)
	return errors.Join(errs...)
}

// Deps is what the assembly gives to rooms. All but Storage must be set. All but Directory and
// Storage are used off the loop, by several at a time.
type Deps struct {
	Ring      id.Hash
	Store     store.Store
	Directory cards.Directory
	Verifier  peer.Verifier
	Sealer    peer.Sealer
	Locker    peer.Locker
	// Storage is where heads of rooms, and of some the logs, are put; nil: nowhere, and a room is
	// where its members are.
	Storage shelf.Storage
}

// SealPair is one of a user's sealing key pairs.
type SealPair struct {
	Number uint32 // as in the user's record
	Opener peer.Opener
}

// User is somebody who lives on this node. His keys are kept in memory only; they may be used
// off the loop, by several at a time.
type User struct {
	// Name is the name that the user has in the directory: others find his nodes by it.
	Name   string
	Signer peer.Signer
	Seals  []SealPair
}

// Key is the user's identity key.
func (u User) Key() peer.Key { return u.Signer.Public() }

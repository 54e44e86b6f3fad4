// Package keyring is which keys of a room a device has, and which it lacks. Who asks what can be opened with the keys that
// somebody has, and where the current head of the room is looked for with them, reads one room, which knows no other device.
package keyring

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/app/room/shelf"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// diskTimeout bounds one piece of work: disks hang.
	diskTimeout = time.Minute
	// maxWays is how many keys are tried where the current one is not known.
	maxWays = 8
)

// Deps is what Keys see. All must be set.
type Deps struct {
	Book   books.Book // the user's, of the room
	Log    *dag.Log
	Locker peer.Locker
	// Learned is called when a key has come.
	Learned func()
}

// Keys are those of one room. All is called on the node's loop.
type Keys struct {
	Deps
	keys books.Secrets // of epochs, by their proofs
}

// New returns the keys that the store has.
func New(d Deps, keys books.Secrets) *Keys { return &Keys{Deps: d, keys: keys} }

// With returns the key whose proof this is, zero if it is not here.
func (r *Keys) With(proof id.Hash) peer.Secret { return r.keys[proof] }

// Put puts a key among them that is in the store already.
func (r *Keys) Put(proof id.Hash, key peer.Secret) { r.keys[proof] = key }

// All are all keys by their proofs. The caller must not change them.
func (r *Keys) All() books.Secrets { return r.keys }

// maxKeyless is how many keys are asked for at a time.
const maxKeyless = 8

// Keyless are epochs of admins whose keys are not here, the current one and then the latest
// first: of two that began at once, words may be locked with either.
func (r *Keys) Keyless() []id.Hash {
	s := r.Log.State()
	var list []id.Hash
	r.Log.EachEpoch(func(x id.Hash, p *entry.Epoch) {
		if x != s.Epoch.Entry && r.keys[p.Proof].IsZero() && s.Role(r.Log.Author(x)) >= entry.Admin {
			list = append(list, x)
		}
	})
	if s.Epoch.Epoch != nil && r.Of(s.Epoch.Entry).IsZero() {
		list = append(list, s.Epoch.Entry)
	}
	slices.Reverse(list)
	return list[:min(len(list), maxKeyless)]
}

// Of returns the key of an epoch, zero if it is not here.
func (r *Keys) Of(x id.Hash) peer.Secret {
	if p := r.Log.Epoch(x); p != nil {
		return r.keys[p.Proof]
	}
	return peer.Secret{}
}

// WayIn is the key under which the current head lies; zero where it is not here.
func (r *Keys) WayIn() peer.Secret {
	switch s := r.Log.State(); {
	case r.Log.Founding().Public:
		return shelf.PublicKey(r.Book.Room)
	case s.Epoch.Epoch != nil:
		return r.Of(s.Epoch.Entry)
	}
	return peer.Secret{}
}

// Ways are the keys under which heads are looked for: the current one, or where it is not here all
// others, the latest first and before them those of epochs that are not in the log yet.
func (r *Keys) Ways() []peer.Secret {
	if k := r.WayIn(); !k.IsZero() {
		return []peer.Secret{k}
	}
	known := map[id.Hash]bool{}
	var list []peer.Secret
	r.Log.EachEpoch(func(_ id.Hash, p *entry.Epoch) {
		if k := r.keys[p.Proof]; !k.IsZero() && !known[p.Proof] {
			known[p.Proof] = true
			list = append(list, k)
		}
	})
	for _, proof := range slices.SortedFunc(maps.Keys(r.keys), func(a, b id.Hash) int { return bytes.Compare(a[:], b[:]) }) {
		if !known[proof] {
			list = append(list, r.keys[proof])
		}
	}
	slices.Reverse(list)
	return list[:min(len(list), maxWays)]
}

// Remember keeps a key, by its proof.
func (r *Keys) Remember(t *task.T, proof id.Hash, key peer.Secret) error {
	b := r.Book
	_, err := task.Work(t, diskTimeout, func() (struct{}, error) {
		return struct{}{}, b.PutKey(proof, key)
	})
	if err == nil {
		r.keys[proof] = key
		r.Learned()
	}
	return err
}

// Learn keeps the key of an epoch and those of the epochs before it.
func (r *Keys) Learn(t *task.T, p *entry.Epoch, k peer.Secret) error {
	locker, room := r.Locker, r.Book.Room
	for {
		if err := r.Remember(t, p.Proof, k); err != nil {
			return err
		}
		before := r.Log.Epoch(p.Before)
		if before == nil || !r.keys[before.Proof].IsZero() {
			return nil
		}
		this, key := p, k
		older, err := task.Work(t, diskTimeout, func() (peer.Secret, error) {
			older, err := this.KeyBefore(room, key, locker)
			if err == nil && entry.KeyProof(room, older) != before.Proof {
				err = entry.ErrLocked
			}
			return older, err
		})
		if errors.Is(err, entry.ErrLocked) {
			return nil // who began the epoch lied of the one before; others are asked for that
		}
		if err != nil {
			return err
		}
		p, k = before, older
	}
}

// Unchain opens the keys of epochs before those whose keys are here.
func (r *Keys) Unchain(t *task.T) error {
	var list []*entry.Epoch
	r.Log.EachEpoch(func(_ id.Hash, p *entry.Epoch) {
		if before := r.Log.Epoch(p.Before); before != nil && !r.keys[p.Proof].IsZero() && r.keys[before.Proof].IsZero() {
			list = append(list, p)
		}
	})
	for _, p := range slices.Backward(list) {
		if err := r.Learn(t, p, r.keys[p.Proof]); err != nil {
			return err
		}
	}
	return nil
}

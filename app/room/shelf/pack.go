package shelf

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

const (
	// MaxPack is how many bytes of entries one pack holds.
	MaxPack = MaxObject - peer.LockOverhead
	// MaxEntries is how many entries it holds.
	MaxEntries = 1 << 13
	// entryHead is the most that the length of an entry takes before it.
	entryHead = 4
	// entryMost is the most that an entry takes beside its body and parents.
	entryMost = 320
)

// Fill returns how many of the entries, from the first on, one pack holds.
func Fill(list []*entry.Entry) int {
	size := 0
	for i, e := range list {
		if size += len(e.Body) + len(e.Parents) + entryMost + entryHead; size > MaxPack || i == MaxEntries {
			return i
		}
	}
	return len(list)
}

// Pack stores entries, as many as Fill says, each after those that it names, until the pack ends. owner
// alone can remove it before.
func (s *Shelf) Pack(t *task.T, room id.Hash, list []*entry.Entry, ends time.Time, owner peer.Signer) (*Ref, error) {
	key := s.Locker.NewSecret()
	sealed, err := task.Work(t, work, func() ([]byte, error) {
		var text []byte
		for _, e := range list {
			b := wire.MustMarshal(e)
			text = append(binary.BigEndian.AppendUint32(text, uint32(len(b))), b...)
		}
		return s.Locker.Lock(key, packAbout(room), text), nil
	})
	if err != nil {
		return nil, err
	}
	object, err := s.Storage.Put(t, sealed, ends, owner)
	if err != nil {
		return nil, err
	}
	return &Ref{Object: object, Key: key, Size: uint32(len(sealed)), Entries: uint32(len(list)), Ends: ends.UnixMilli()}, nil
}

// Unpack reads a pack. Its entries are within their limits, and must be verified still. The error
// wraps ErrNothing or ErrDamaged where the pack is of no use.
func (s *Shelf) Unpack(t *task.T, room id.Hash, r *Ref) ([]*entry.Entry, error) {
	sealed, err := s.Storage.Get(t, r.Object)
	if err != nil {
		return nil, err
	}
	return task.Work(t, work, func() ([]*entry.Entry, error) {
		text, err := s.Locker.Unlock(r.Key, packAbout(room), sealed)
		if err != nil {
			return nil, errors.Join(ErrDamaged, err)
		}
		return unpack(text)
	})
}

func packAbout(room id.Hash) []byte {
	h := id.HashOf("room pack", room)
	return h[:]
}

func unpack(text []byte) (list []*entry.Entry, err error) {
	for len(text) > 0 {
		if len(text) < entryHead || len(list) == MaxEntries {
			return nil, bad("a pack that is torn, or has too many entries")
		}
		n := binary.BigEndian.Uint32(text)
		if text = text[entryHead:]; uint64(n) > uint64(len(text)) {
			return nil, bad("a pack that is torn")
		}
		e, err := entry.Parse(text[:n])
		if err != nil {
			return nil, errors.Join(ErrDamaged, err)
		}
		list, text = append(list, e), text[n:]
	}
	return list, nil
}

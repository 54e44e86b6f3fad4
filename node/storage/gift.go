package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past/dht"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/task"
)

// The ring's authority says how much every member may store without an offer. It stands in a
// hash table that the authority's key signs, so that every node can read it and no other key
// can change it, and in the store of each node, as it was read last.

// giftKey is the key of a record: the ring, and the gift in bytes.
var giftKey = []byte("gift")

// giftEntry is where the gift stands in the authority's table.
const giftEntry = "gift"

const (
	// giftEvery is how often a node reads it.
	giftEvery = time.Hour
	// giftWait is how long a person waits for it.
	giftWait = 5 * time.Second
)

// Gift is what this node knows of its ring's gift, in bytes.
func (s *Storage) Gift(ring id.Hash) (int64, error) {
	b, err := s.records.Get(giftKey)
	if err != nil || len(b) != len(ring)+8 || id.Hash(b[:len(ring)]) != ring {
		return api.DefaultGift, err
	}
	return int64(binary.BigEndian.Uint64(b[len(ring):])), nil
}

// keepGift writes down what the gift is, where that is new.
func (s *Storage) keepGift(ring id.Hash, bytes int64) error {
	record := binary.BigEndian.AppendUint64(ring[:], uint64(bytes))
	if before, err := s.records.Get(giftKey); err != nil || slices.Equal(before, record) {
		return err
	}
	return s.records.Put(giftKey, record)
}

// takeGift lets a gift hold on this node, from now on and after the next start.
func (h *Here) takeGift(t *task.T, bytes int64) error {
	if err := h.past.Accounts().SetGift(bytes); err != nil {
		return err
	}
	s, ring := h.storage, h.ring
	_, err := task.Work(t, time.Minute, func() (loop.Nothing, error) { return loop.Nothing{}, s.keepGift(ring, bytes) })
	return err
}

// readGift reads what the authority has said last. That it has said nothing is no error.
func (h *Here) readGift(t *task.T) error {
	cert := h.storage.cfg.Certificate()
	if cert == nil {
		return nil
	}
	e, err := dht.Of(h.past, cert.Admission.Authority, dht.Copies).Get(t, giftEntry)
	switch {
	case errors.Is(err, dht.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	if bytes, ok := giftOf(e.Value); ok {
		return h.takeGift(t, bytes)
	}
	return nil // said by a newer version: what was known before holds
}

// giftOf reads the entry.
func giftOf(b []byte) (int64, bool) {
	if len(b) != 8 {
		return 0, false
	}
	bytes := binary.BigEndian.Uint64(b)
	return int64(bytes), fits(int64(bytes))
}

// fits reports whether so many bytes can be a gift.
func fits(bytes int64) bool { return bytes == 0 || bytes >= api.MinOffer && bytes <= api.MaxOffer }

// WatchGift reads the gift when the node begins, and then every hour; sooner while its holders
// cannot be reached. It is a task that goes on until the node stops.
func (h *Here) WatchGift(t *task.T) error {
	for {
		wait := giftEvery
		switch err := h.readGift(t); {
		case errors.Is(err, task.ErrStopped):
			return err
		case err != nil:
			wait /= 60
			h.storage.cfg.Log.Debug("what the ring gives its members is not known now", "err", err)
		}
		if err := t.Sleep(wait); err != nil {
			return err
		}
	}
}

// Gift implements api.Node. If the holders do not answer soon, it is what it was.
func (f Face) Gift(ctx context.Context) (*api.Gift, error) {
	s := f.Storage()
	soon, cancel := context.WithTimeout(ctx, giftWait)
	defer cancel()
	ring, err := loop.Do(soon, s.cfg.Here(), func(t *task.T, h *Here) (id.Hash, error) { return h.ring, h.readGift(t) })
	if err != nil {
		s.cfg.Log.Debug("what the ring gives its members is not known now", "err", err)
		h := s.cfg.Here()
		if h == nil {
			return nil, loop.ErrNoPlace
		}
		ring = h.ring
	}
	bytes, err := s.Gift(ring)
	if err != nil {
		return nil, kind.Give(err)
	}
	return &api.Gift{Bytes: bytes}, nil
}

// SetGift implements api.Node.
func (f Face) SetGift(ctx context.Context, q api.Gift) (*api.Gift, error) {
	if !fits(q.Bytes) {
		return nil, api.Errorf(api.Usage, "%d bytes cannot be given: give 0, or 1MiB to 1TiB, as in `phyllo ring gift 2GiB`", q.Bytes)
	}
	s := f.Storage()
	authority, err := s.cfg.Authority()
	if err != nil {
		return nil, kind.Give(err)
	}
	value := binary.BigEndian.AppendUint64(nil, uint64(q.Bytes))
	_, err = loop.Do(ctx, s.cfg.Here(), func(t *task.T, h *Here) (loop.Nothing, error) {
		if _, err := dht.New(h.past, authority, dht.Copies).Put(t, giftEntry, value); err != nil {
			return loop.Nothing{}, err
		}
		return loop.Nothing{}, h.takeGift(t, q.Bytes)
	})
	if err != nil {
		return nil, kind.Give(err)
	}
	return &q, nil
}

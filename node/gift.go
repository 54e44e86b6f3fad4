package node

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

// gift is what this node knows of its ring's gift, in bytes.
func (n *Node) gift(ring id.Hash) (int64, error) {
	b, err := n.records.Get(giftKey)
	if err != nil || len(b) != len(ring)+8 || id.Hash(b[:len(ring)]) != ring {
		return api.DefaultGift, err
	}
	return int64(binary.BigEndian.Uint64(b[len(ring):])), nil
}

// keepGift writes down what the gift is, where that is new.
func (n *Node) keepGift(ring id.Hash, bytes int64) error {
	record := binary.BigEndian.AppendUint64(ring[:], uint64(bytes))
	if before, err := n.records.Get(giftKey); err != nil || slices.Equal(before, record) {
		return err
	}
	return n.records.Put(giftKey, record)
}

// takeGift lets a gift hold on this node, from now on and after the next start.
func (o *overlay) takeGift(t *task.T, bytes int64) error {
	if err := o.past.Accounts().SetGift(bytes); err != nil {
		return err
	}
	n, ring := o.node, o.ring
	_, err := task.Work(t, time.Minute, func() (nothing, error) { return nothing{}, n.keepGift(ring, bytes) })
	return err
}

// readGift reads what the authority has said last. That it has said nothing is no error.
func (o *overlay) readGift(t *task.T) error {
	cert := o.node.member.Certificate()
	if cert == nil {
		return nil
	}
	e, err := dht.Of(o.past, cert.Admission.Authority, dht.Copies).Get(t, giftEntry)
	switch {
	case errors.Is(err, dht.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	if bytes, ok := giftOf(e.Value); ok {
		return o.takeGift(t, bytes)
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

// watchGift reads the gift when the node begins, and then every hour; sooner while its holders
// cannot be reached. It is a task that goes on until the node stops.
func (o *overlay) watchGift(t *task.T) error {
	for {
		wait := giftEvery
		switch err := o.readGift(t); {
		case errors.Is(err, task.ErrStopped):
			return err
		case err != nil:
			wait /= 60
			o.node.log.Debug("what the ring gives its members is not known now", "err", err)
		}
		if err := t.Sleep(wait); err != nil {
			return err
		}
	}
}

// Gift implements api.Node. If the holders do not answer soon, it is what it was.
func (f face) Gift(ctx context.Context) (*api.Gift, error) {
	soon, cancel := context.WithTimeout(ctx, giftWait)
	defer cancel()
	ring, err := loop.Do(soon, f.n.overlay(), func(t *task.T, o *overlay) (id.Hash, error) { return o.ring, o.readGift(t) })
	if err != nil {
		f.n.log.Debug("what the ring gives its members is not known now", "err", err)
		o := f.n.overlay()
		if o == nil {
			return nil, loop.ErrNoPlace
		}
		ring = o.ring
	}
	bytes, err := f.n.gift(ring)
	if err != nil {
		return nil, kind.Give(err)
	}
	return &api.Gift{Bytes: bytes}, nil
}

// SetGift implements api.Node.
func (f face) SetGift(ctx context.Context, q api.Gift) (*api.Gift, error) {
	if !fits(q.Bytes) {
		return nil, api.Errorf(api.Usage, "%d bytes cannot be given: give 0, or 1MiB to 1TiB, as in `phyllo ring gift 2GiB`", q.Bytes)
	}
	authority, err := f.n.member.Authority()
	if err != nil {
		return nil, kind.Give(err)
	}
	value := binary.BigEndian.AppendUint64(nil, uint64(q.Bytes))
	_, err = loop.Do(ctx, f.n.overlay(), func(t *task.T, o *overlay) (nothing, error) {
		if _, err := dht.New(o.past, authority, dht.Copies).Put(t, giftEntry, value); err != nil {
			return nothing{}, err
		}
		return nothing{}, o.takeGift(t, q.Bytes)
	})
	if err != nil {
		return nil, kind.Give(err)
	}
	return &q, nil
}

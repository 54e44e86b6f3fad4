package anycast

import (
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Limits of items.
const (
	MaxBody   = 4 << 10 // bytes of an item
	MaxAnswer = 4 << 10 // bytes of what a member says who is willing
	MaxWant   = 1024    // members that a manycast looks for
	// MaxAge is how long walks for an item go on.
	MaxAge = 5 * time.Minute
	// maxTime is far beyond any date that a clock may show, in Unix milliseconds.
	maxTime = 1 << 50
)

// Item is what members are asked to take, signed by its publisher. It is frozen.
type Item struct {
	Group     id.Hash      `cbor:"1,keyasint"`
	Asker     *peer.Handle `cbor:"2,keyasint"` // who grants it
	Publisher peer.Key     `cbor:"3,keyasint"`
	Number    uint64       `cbor:"4,keyasint"` // drawn by the asker
	Time      int64        `cbor:"5,keyasint"` // when it was signed, Unix milliseconds
	Body      []byte       `cbor:"6,keyasint,omitempty"`
	Sig       []byte       `cbor:"7,keyasint"`
}

// newItem signs an item.
func newItem(ring, group id.Hash, asker *peer.Handle, number uint64, body []byte, s peer.Signer, now time.Time) *Item {
	i := &Item{Group: group, Asker: asker, Publisher: s.Public(), Number: number, Time: now.UnixMilli(), Body: body}
	h := i.ID(ring)
	i.Sig = s.Sign(h[:])
	return i
}

// ID is the item's id: what its publisher signs.
func (i *Item) ID(ring id.Hash) id.Hash {
	return id.HashOf("scribe anycast", ring, i.Group, i.Asker.ID, i.Publisher[:], i.Number, i.Time, i.Body)
}

// Check implements wire.Checker.
func (i *Item) Check() error {
	switch {
	case i.Asker == nil || i.Publisher.IsZero():
		return fmt.Errorf("%w: item of nobody", ErrMessage)
	case i.Time <= 0 || i.Time > maxTime:
		return fmt.Errorf("%w: impossible time", ErrMessage)
	case len(i.Body) > MaxBody:
		return fmt.Errorf("%w: item of %d bytes, at most %d", ErrMessage, len(i.Body), MaxBody)
	case len(i.Sig) != peer.SignatureSize:
		return fmt.Errorf("%w: signature of %d bytes", ErrMessage, len(i.Sig))
	}
	return i.Asker.Check()
}

// timely reports whether walks for an item may go on now.
func (i *Item) timely(now time.Time) bool {
	at := time.UnixMilli(i.Time)
	return !now.After(at.Add(MaxAge+msg.Skew)) && !at.After(now.Add(msg.Skew))
}

// allowed returns nil if the charter lets the publisher of an item publish, and he signed
// it. The error wraps msg.ErrDenied or msg.ErrClock.
func (i *Item) allowed(c *msg.Charter, ring id.Hash, v peer.Verifier, now time.Time) error {
	switch {
	case c == nil || !c.MayPublish(i.Publisher):
		return fmt.Errorf("%w: the key is not listed", msg.ErrDenied)
	case !i.timely(now):
		return fmt.Errorf("%w: an item of %v", msg.ErrClock, time.UnixMilli(i.Time).UTC())
	}
	if h := i.ID(ring); !v.Verify(i.Publisher, h[:], i.Sig) {
		return fmt.Errorf("%w: wrong signature of an item", msg.ErrDenied)
	}
	return nil
}

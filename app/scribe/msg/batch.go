package msg

import (
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// Limits of a batch.
const (
	// MaxMessage is the largest message of a group, in bytes: what is larger is stored, and
	// its place is published.
	MaxMessage = 32 << 10
	// MaxBody is the most bytes of all messages of a batch.
	MaxBody = MaxMessage
	// MaxMessages is the number of messages of a batch.
	MaxMessages = 256
	// MaxSeq is the highest sequence number: far from overflow.
	MaxSeq = 1 << 62
)

// Stream is all that one publisher publishes in a group from one start of his program to
// the next: sequence numbers of another life begin at 1 again.
type Stream struct {
	Publisher peer.Key
	Life      uint64
}

// Less orders streams, so that no order of a map shows.
func (s Stream) Less(o Stream) bool {
	if s.Publisher != o.Publisher {
		return string(s.Publisher[:]) < string(o.Publisher[:])
	}
	return s.Life < o.Life
}

// Seal is what a publisher signs: one signature for all messages that came while he was
// busy with the ones before. It is frozen.
type Seal struct {
	Publisher peer.Key `cbor:"1,keyasint"`
	Life      uint64   `cbor:"2,keyasint"`
	First     uint64   `cbor:"3,keyasint"` // sequence number of the first message, from 1
	Count     uint32   `cbor:"4,keyasint"`
	Time      int64    `cbor:"5,keyasint"` // when it was signed, Unix milliseconds
	// Root is the root of the messages' Merkle tree. It is not sent with the messages, from which
	// it follows.
	Root id.Hash `cbor:"6,keyasint,omitzero"`
	Sig  []byte  `cbor:"7,keyasint"`
	// Base is the number before which all was taken when this was signed: a root that knows
	// nothing of the stream any more goes on from there.
	Base uint64 `cbor:"8,keyasint"`
}

// Stream is the stream that the batch belongs to.
func (s *Seal) Stream() Stream { return Stream{s.Publisher, s.Life} }

// Last is the sequence number of the batch's last message.
func (s *Seal) Last() uint64 { return s.First + uint64(s.Count) - 1 }

// At is when the batch was signed, by its publisher's clock.
func (s *Seal) At() time.Time { return time.UnixMilli(s.Time) }

func (s *Seal) hash(ring, group id.Hash) id.Hash {
	return id.HashOf("scribe batch", ring, group, s.Publisher[:], s.Life, s.First, s.Count, s.Time, s.Root, s.Base)
}

// Check implements wire.Checker.
func (s *Seal) Check() error {
	switch {
	case s.Publisher.IsZero() || s.Life == 0:
		return fmt.Errorf("%w: seal without a publisher", ErrMessage)
	case s.First == 0 || s.First > MaxSeq || s.Base == 0 || s.Base > s.First:
		return fmt.Errorf("%w: sequence number %d", ErrMessage, s.First)
	case s.Count == 0 || s.Count > MaxMessages:
		return fmt.Errorf("%w: batch of %d messages, want 1 to %d", ErrMessage, s.Count, MaxMessages)
	case s.Time <= 0 || s.Time > maxTime:
		return fmt.Errorf("%w: impossible time", ErrMessage)
	case len(s.Sig) != peer.SignatureSize:
		return fmt.Errorf("%w: signature of %d bytes", ErrMessage, len(s.Sig))
	}
	return nil
}

// Batch is a seal with its messages. It is frozen.
type Batch struct {
	Seal    *Seal    `cbor:"1,keyasint"`
	Lengths []uint32 `cbor:"2,keyasint"` // of the messages
	Body    []byte   `cbor:"3,keyasint"` // the messages, one after another
}

// Check implements wire.Checker.
func (b *Batch) Check() error {
	switch {
	case b.Seal == nil:
		return fmt.Errorf("%w: batch without a seal", ErrMessage)
	case len(b.Body) > MaxBody:
		return fmt.Errorf("%w: batch of %d bytes, at most %d", ErrMessage, len(b.Body), MaxBody)
	case len(b.Lengths) != int(b.Seal.Count):
		return fmt.Errorf("%w: %d messages under a seal for %d", ErrMessage, len(b.Lengths), b.Seal.Count)
	}
	sum := 0
	for _, n := range b.Lengths {
		if n == 0 || n > MaxMessage {
			return fmt.Errorf("%w: message of %d bytes, want 1 to %d", ErrMessage, n, MaxMessage)
		}
		sum += int(n)
	}
	if sum != len(b.Body) {
		return fmt.Errorf("%w: messages of %d bytes in %d", ErrMessage, sum, len(b.Body))
	}
	return b.Seal.Check()
}

// Size is about what the batch takes in memory, in bytes.
func (b *Batch) Size() int { return len(b.Body) + 4*len(b.Lengths) + 256 }

// Each calls f with each message, which shares memory with the batch, and its number.
func (b *Batch) Each(f func(seq uint64, message []byte)) {
	at := uint32(0)
	for i, n := range b.Lengths {
		f(b.Seal.First+uint64(i), b.Body[at:at+n:at+n])
		at += n
	}
}

// root is the root of the Merkle tree over the batch's messages: a leaf holds a message
// with its number, a node two nodes, and what is left over at the end of a level goes up.
// So one message can be shown to be the publisher's without the others.
func (b *Batch) root() id.Hash {
	var level []id.Hash
	b.Each(func(seq uint64, message []byte) {
		level = append(level, id.HashOf("scribe leaf", seq, message))
	})
	for len(level) > 1 {
		next := level[:0]
		for i := 0; i+1 < len(level); i += 2 {
			next = append(next, id.HashOf("scribe node", level[i], level[i+1]))
		}
		if len(level)%2 == 1 {
			next = append(next, level[len(level)-1])
		}
		level = next
	}
	return level[0]
}

// lean is the batch as it is sent: without its root.
func (b *Batch) lean() *Batch {
	if b == nil || b.Seal == nil {
		return b
	}
	s := *b.Seal
	s.Root = id.Hash{}
	return &Batch{&s, b.Lengths, b.Body}
}

// complete gives a batch that was read its root.
func (b *Batch) complete() error {
	switch {
	case b == nil:
		return nil
	case !b.Seal.Root.IsZero():
		return fmt.Errorf("%w: %w: a root beside the messages", wire.ErrMalformed, ErrMessage)
	}
	b.Seal.Root = b.root()
	return nil
}

// NewBatch signs messages, 1 to MaxMessages within MaxBody, which it copies. base is the
// number before which all was taken, at most first.
func NewBatch(ring, group id.Hash, life, base, first uint64, messages [][]byte, publisher peer.Signer, now time.Time) *Batch {
	b := &Batch{Seal: &Seal{Publisher: publisher.Public(), Life: life, Base: base, First: first, Count: uint32(len(messages)), Time: now.UnixMilli()}}
	for _, m := range messages {
		b.Lengths = append(b.Lengths, uint32(len(m)))
		b.Body = append(b.Body, m...)
	}
	b.Seal.Root = b.root()
	h := b.Seal.hash(ring, group)
	b.Seal.Sig = publisher.Sign(h[:])
	return b
}

// Allows returns nil if the charter lets the seal's publisher publish, and the seal is his
// and of a time for which history is kept. The error wraps ErrDenied or ErrClock.
func (c *Charter) Allows(ring id.Hash, s *Seal, v peer.Verifier, now time.Time) error {
	if !c.MayPublish(s.Publisher) {
		return fmt.Errorf("%w: the publisher is not listed", ErrDenied)
	}
	if at := s.At(); at.After(now.Add(Skew)) || at.Before(now.Add(-c.Keep()-Skew)) {
		return fmt.Errorf("%w: a message of %v", ErrClock, at.UTC())
	}
	if h := s.hash(ring, c.Group(ring)); !v.Verify(s.Publisher, h[:], s.Sig) {
		return fmt.Errorf("%w: wrong signature of a message", ErrDenied)
	}
	return nil
}

// AllowsBatch is Allows for a batch, with its messages.
func (c *Charter) AllowsBatch(ring id.Hash, b *Batch, v peer.Verifier, now time.Time) error {
	if err := c.Allows(ring, b.Seal, v, now); err != nil {
		return err
	}
	if b.root() != b.Seal.Root {
		return fmt.Errorf("%w: messages that were not sealed", ErrDenied)
	}
	return nil
}

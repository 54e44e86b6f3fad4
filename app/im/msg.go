package im

import (
	"fmt"

	"github.com/phyllo-net/phyllo/app/im/books"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// maxSealed is the largest sealed letter: the largest size class, and what
// sealing adds (1,136 bytes with the hybrid suite).
const maxSealed = 36 << 10

// maxPush is how many bytes of sealed letters one push carries, so that it fits
// an envelope's payload.
const maxPush = wire.MaxPayload - 2<<10

// Kinds on the wire.
const (
	kindPush wire.Kind = 1 + iota
	kindPushed
	kindPing
	kindPong
	kindBye wire.Kind = wire.Optional
)

// messages lists what nodes say to each other in this protocol.
var messages = wire.NewTable((*push)(nil), (*pushed)(nil), (*ping)(nil), (*pong)(nil), (*bye)(nil))

// push hands letters of one stream over to a device of the receiver, in the
// order of their counters. All that it shows is whom they are for.
type push struct {
	To     peer.Key `cbor:"1,keyasint"`
	Number uint32   `cbor:"2,keyasint"` // of the sealing key
	Sealed [][]byte `cbor:"3,keyasint"`
}

// Kind implements wire.Message.
func (*push) Kind() wire.Kind { return kindPush }

// Check implements wire.Checker.
func (p *push) Check() error {
	if len(p.Sealed) == 0 || len(p.Sealed) > letter.MaxBatch {
		return fmt.Errorf("push of %d letters, want 1 to %d", len(p.Sealed), letter.MaxBatch)
	}
	for _, s := range p.Sealed {
		if len(s) == 0 || len(s) > maxSealed {
			return fmt.Errorf("sealed letter of %d bytes, want 1 to %d", len(s), maxSealed)
		}
	}
	return nil
}

// pushed answers a push.
type pushed struct {
	Took    uint8         `cbor:"1,keyasint"` // letters, from the first on, that are durable there
	Verdict books.Verdict `cbor:"2,keyasint"`
	Want    uint64        `cbor:"3,keyasint,omitempty"`
	// Sig is the receiver's, over signed; empty if nothing came of the push. It
	// stands for the link where there is none: what comes through the ring could be
	// from anybody on the way.
	Sig []byte `cbor:"4,keyasint,omitempty"`
}

// final reports whether the sender acts on the answer for good: letters leave his
// outbox.
func (p *pushed) final() bool { return p.Took > 0 || p.Verdict == books.VerdictRefused }

// signed is what the signature covers: the answer, the device that gives it, and the
// letters, which are sealed anew each time that they go. So no answer fits another push
// or another device.
func (p *pushed) signed(ring id.Hash, device id.ID, to *push) []byte {
	letters := make([]any, len(to.Sealed))
	for i, s := range to.Sealed {
		letters[i] = s
	}
	h := id.HashOf("pushed", ring, device, to.To[:], to.Number, id.HashOf("push", letters...), p.Took, uint8(p.Verdict), p.Want)
	return h[:]
}

// Kind implements wire.Message.
func (*pushed) Kind() wire.Kind { return kindPushed }

// Check implements wire.Checker.
func (p *pushed) Check() error {
	if p.Took > letter.MaxBatch || p.Want > letter.MaxCounter {
		return fmt.Errorf("answer about %d letters that wants %d", p.Took, p.Want)
	}
	if n := len(p.Sig); n != 0 && n != peer.SignatureSize {
		return fmt.Errorf("answer with a signature of %d bytes", n)
	}
	return nil
}

// ping asks whether a contact is there, and says that the asker is. It is
// believed only from a node that the asker's own record names.
type ping struct {
	From peer.Key `cbor:"1,keyasint"`
	To   peer.Key `cbor:"2,keyasint"`
}

// Kind implements wire.Message.
func (*ping) Kind() wire.Kind { return kindPing }

// Check implements wire.Checker.
func (p *ping) Check() error { return checkPair(p.From, p.To) }

// pong answers a ping.
type pong struct {
	Here bool `cbor:"1,keyasint"` // false: no such user here, or he does not tell you
}

// Kind implements wire.Message.
func (*pong) Kind() wire.Kind { return kindPong }

// bye says that a user's node stops.
type bye struct {
	From peer.Key `cbor:"1,keyasint"`
	To   peer.Key `cbor:"2,keyasint"`
}

// Kind implements wire.Message.
func (*bye) Kind() wire.Kind { return kindBye }

// Check implements wire.Checker.
func (b *bye) Check() error { return checkPair(b.From, b.To) }

func checkPair(from, to peer.Key) error {
	if from.IsZero() || to.IsZero() {
		return fmt.Errorf("presence without both identities")
	}
	return nil
}

// encode is for messages that always fit.
func encode(m wire.Message) []byte {
	b, err := messages.Encode(m)
	if err != nil {
		panic(err) // a bug: their sizes are bounded by the sender
	}
	return b
}

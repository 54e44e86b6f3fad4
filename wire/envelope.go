package wire

import (
	"errors"
	"fmt"
)

// Version is the newest protocol version that this code speaks, and MinVersion
// the oldest. Two nodes whose ranges do not meet refuse each other politely,
// naming their ranges.
const (
	Version    = 1
	MinVersion = 1
)

// AppID is the number of an application on the overlay. Numbers below 256 are
// phyllo's own; builders take any other.
type AppID uint16

// Flags of an envelope.
type Flags uint16

// Flags that the overlay itself reads.
const (
	// FlagTrace asks every node on the way to note itself.
	FlagTrace Flags = 1 << iota
	// FlagRandom asks every node on the way to draw the next hop among all that
	// come nearer, not to take the best (Pastry 2001, section 2.2: against a
	// bad node on the usual way).
	FlagRandom
)

// Envelope is what an application's message travels in. The overlay reads all
// but the payload, into which it never looks.
type Envelope struct {
	Version uint8  `cbor:"1,keyasint"`
	App     AppID  `cbor:"2,keyasint"`
	Flags   Flags  `cbor:"3,keyasint,omitempty"`
	Trace   uint64 `cbor:"4,keyasint,omitempty"` // of the message's story in logs; 0 = none
	Payload []byte `cbor:"5,keyasint,omitempty"`
}

var errVersion = errors.New("envelope of another version")

// Check implements Checker for the messages that carry an envelope.
func (e *Envelope) Check() error {
	if e.Version < MinVersion || e.Version > Version {
		return fmt.Errorf("%w: %d, understood are %d to %d", errVersion, e.Version, MinVersion, Version)
	}
	if len(e.Payload) > MaxPayload {
		return fmt.Errorf("%w: payload of %d bytes, at most %d", ErrTooLarge, len(e.Payload), MaxPayload)
	}
	return nil
}

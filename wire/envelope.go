package wire

import (
	"errors"
	"fmt"
	"math"
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

// sizeCBOR is the most that AppendCBOR appends besides the payload.
const sizeCBOR = 1 + 3 + 4 + 4 + 10 + 6

// SizeCBOR is the most that AppendCBOR appends, in bytes.
func (e *Envelope) SizeCBOR() int { return sizeCBOR + len(e.Payload) }

// AppendCBOR appends the encoding of an envelope, as Marshal has it: see Coded.
func (e *Envelope) AppendCBOR(b []byte) []byte {
	m := BeginMap(b)
	m.Uint(1, uint64(e.Version))
	m.Uint(2, uint64(e.App))
	m.UintIf(3, uint64(e.Flags))
	m.UintIf(4, e.Trace)
	m.BytesIf(5, e.Payload)
	return m.End()
}

// ScanCBOR reads an envelope. Its payload aliases what is read.
func (e *Envelope) ScanCBOR(s *Scanner) {
	for m := s.Map(); ; {
		key, more := m.Next()
		if !more {
			return
		}
		switch key {
		case 1:
			e.Version = uint8(s.Uint(math.MaxUint8))
		case 2:
			e.App = AppID(s.Uint(math.MaxUint16))
		case 3:
			e.Flags = Flags(s.Uint(math.MaxUint16))
		case 4:
			e.Trace = s.Uint(math.MaxUint64)
		case 5:
			e.Payload = s.Bytes()
		default:
			s.Fail()
		}
	}
}

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

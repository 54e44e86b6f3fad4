package keys

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
)

// Random is the system's random source, safe for use from many goroutines. Its
// reads do not fail: the runtime ends the process where the system has none.
func Random() io.Reader { return rand.Reader }

// RandomSeed returns 32 bytes to start a node's own source of randomness with
// (math/rand/v2's ChaCha8).
func RandomSeed() (seed [32]byte) {
	rand.Read(seed[:]) // never fails, see Random
	return seed
}

// secret is embedded in types that hold one: they print as a fixed word.
type secret struct{}

const redacted = "(secret)"

// Format implements fmt.Formatter for all verbs.
func (secret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// String implements fmt.Stringer.
func (secret) String() string { return redacted }

// LogValue implements slog.LogValuer.
func (secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, and so stands for JSON too.
func (secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

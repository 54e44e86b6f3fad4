package keys

import (
	"crypto/rand"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/text/unicode/norm"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/wire"
)

// MinPassphrase is the shortest passphrase for an export, in bytes.
const MinPassphrase = 8

// MaxExport is the largest content of an export, in bytes.
const MaxExport = 512 << 10

// Errors of exports.
var (
	// ErrPassphrase: the passphrase is not the one, or the file was altered by
	// somebody who does not know it.
	ErrPassphrase = errors.New("wrong passphrase: try again; capitals and blanks count")
	// ErrShortPassphrase: too easily guessed.
	ErrShortPassphrase = fmt.Errorf("passphrase too short: at least %d characters, better five words", MinPassphrase)
)

// Cost is what a guess at a passphrase costs, in argon2id's terms (RFC 9106).
type Cost struct {
	Time    uint32 `cbor:"1,keyasint"` // passes over the memory
	Memory  uint32 `cbor:"2,keyasint"` // KiB
	Threads uint8  `cbor:"3,keyasint"`
}

// DefaultCost is the second choice of RFC 9106, section 4, for machines without
// 2 GiB to spare: about 100 ms.
var DefaultCost = Cost{Time: 3, Memory: 64 << 10, Threads: 4}

// maxCost is the most that a file may make us spend on opening it.
var maxCost = Cost{Time: 16, Memory: 256 << 10, Threads: 16}

const (
	algorithm = "argon2id+xchacha20poly1305"
	saltSize  = 16
)

// exported is the payload of an export's armour.
type exported struct {
	Algorithm string `cbor:"1,keyasint"`
	Cost      Cost   `cbor:"2,keyasint"`
	Salt      []byte `cbor:"3,keyasint"`
	Nonce     []byte `cbor:"4,keyasint"`
	Sealed    []byte `cbor:"5,keyasint"`
}

// Check implements wire.Checker.
func (e *exported) Check() error {
	c := e.Cost
	switch {
	case e.Algorithm != algorithm:
		return fmt.Errorf("%w: it is sealed in a way unknown to this program", ErrNewer)
	case c.Time == 0 || c.Threads == 0 || c.Memory < 8*uint32(c.Threads):
		return errors.New("impossible parameters")
	case c.Time > maxCost.Time || c.Memory > maxCost.Memory || c.Threads > maxCost.Threads:
		return errors.New("it would take too much memory or time to open")
	case len(e.Salt) != saltSize || len(e.Nonce) != chacha20poly1305.NonceSizeX || len(e.Sealed) < chacha20poly1305.Overhead:
		return errors.New("parts of a wrong length")
	}
	return nil
}

// bound is what the seal holds together besides the content.
func (e *exported) bound(k Kind) []byte {
	h := id.HashOf("export", string(k), e.Algorithm, e.Cost.Time, e.Cost.Memory, e.Cost.Threads, e.Salt)
	return h[:]
}

func (e *exported) key(passphrase []byte) []byte {
	// The same characters, typed on another system, may be other bytes.
	return argon2.IDKey(norm.NFC.Bytes(passphrase), e.Salt, e.Cost.Time, e.Cost.Memory, e.Cost.Threads, chacha20poly1305.KeySize)
}

// Export returns content, sealed under a passphrase, as the text of one file.
// cost is DefaultCost, except in tests.
func Export(k Kind, content, passphrase []byte, cost Cost) ([]byte, error) {
	if len(passphrase) < MinPassphrase {
		return nil, ErrShortPassphrase
	}
	if len(content) > MaxExport {
		return nil, fmt.Errorf("%w: %s of %d bytes, at most %d", wire.ErrTooLarge, k, len(content), MaxExport)
	}
	e := exported{Algorithm: algorithm, Cost: cost, Salt: make([]byte, saltSize), Nonce: make([]byte, chacha20poly1305.NonceSizeX)}
	rand.Read(e.Salt) // never fails, see Random
	rand.Read(e.Nonce)
	box, err := chacha20poly1305.NewX(e.key(passphrase))
	if err != nil {
		return nil, err
	}
	e.Sealed = box.Seal(nil, e.Nonce, content, e.bound(k))
	if err := e.Check(); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	payload, err := wire.Marshal(e)
	if err != nil {
		return nil, err
	}
	return armour(k, payload), nil
}

// Import opens what Export made. Errors wrap ErrPassphrase, ErrKind,
// ErrTruncated, ErrDamaged or ErrNewer.
func Import(k Kind, text, passphrase []byte) ([]byte, error) {
	e, err := parseExport(k, text)
	if err != nil {
		return nil, err
	}
	box, err := chacha20poly1305.NewX(e.key(passphrase))
	if err != nil {
		return nil, err
	}
	content, err := box.Open(nil, e.Nonce, e.Sealed, e.bound(k))
	if err != nil {
		return nil, ErrPassphrase
	}
	return content, nil
}

// Inspect says what it costs to open an export, without the passphrase: whether
// the file is whole and of this kind. Errors as those of Import.
func Inspect(k Kind, text []byte) (Cost, error) {
	e, err := parseExport(k, text)
	if err != nil {
		return Cost{}, err
	}
	return e.Cost, nil
}

func parseExport(k Kind, text []byte) (*exported, error) {
	payload, err := unarmour(k, text)
	if err != nil {
		return nil, err
	}
	e := new(exported)
	if err := wire.Unmarshal(payload, e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return e, nil
}

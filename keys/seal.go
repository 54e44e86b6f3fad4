package keys

import (
	"crypto/hpke"
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// SealKeySize is the length of a public sealing key: ML-KEM-768 and X25519, in
// bytes. SealOverhead is what a sealed text is longer than its plaintext.
const (
	SealKeySize  = 1184 + 32
	SealOverhead = 1088 + 32 + 16
)

// Errors of sealing.
var (
	// ErrSealKey: the bytes are no public sealing key, or one that must not be
	// used (of small order).
	ErrSealKey = errors.New("not a sealing key")
	// ErrOpen: what was sealed is not for this key, or was altered.
	ErrOpen = errors.New("sealed to another key, or altered")
)

// The one suite (RFC 9180, section 7; draft-ietf-hpke-pq for the KEM): two
// parties that would have to agree on one could be made to agree on a weak one.
func kem() hpke.KEM   { return hpke.MLKEM768X25519() }
func kdf() hpke.KDF   { return hpke.HKDFSHA256() }
func aead() hpke.AEAD { return hpke.AES256GCM() }

// Sealer implements peer.Sealer. The zero Sealer is ready.
type Sealer struct{}

var _ peer.Sealer = Sealer{}

// Seal implements peer.Sealer. Errors wrap ErrSealKey.
func (Sealer) Seal(to peer.SealKey, info, plaintext []byte) ([]byte, error) {
	key, err := kem().NewPublicKey(to)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSealKey, err)
	}
	sealed, err := hpke.Seal(key, kdf(), aead(), info, plaintext)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSealKey, err)
	}
	return sealed, nil
}

// SealPair is a sealing key pair: the public half goes into a person's record,
// with the number, which says which of a person's pairs a text was sealed to. It
// implements peer.Opener, and may be used from any goroutine.
type SealPair struct {
	secret
	private hpke.PrivateKey
	number  uint64
}

var _ peer.Opener = (*SealPair)(nil)

// NewSealPair makes a pair from the system's random source.
func NewSealPair(number uint64) (*SealPair, error) {
	key, err := kem().GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("make a sealing key: %w", err)
	}
	return &SealPair{private: key, number: number}, nil
}

// Number returns the pair's number.
func (p *SealPair) Number() uint64 { return p.number }

// SealKey implements peer.Opener.
func (p *SealPair) SealKey() peer.SealKey { return p.private.PublicKey().Bytes() }

// Open implements peer.Opener. Errors wrap ErrOpen.
func (p *SealPair) Open(info, sealed []byte) ([]byte, error) {
	plaintext, err := hpke.Open(p.private, kdf(), aead(), info, sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOpen, err)
	}
	return plaintext, nil
}

// sealPairFields is the form in which a pair is kept.
type sealPairFields struct {
	Number  uint64 `cbor:"1,keyasint"`
	Private []byte `cbor:"2,keyasint"`
}

// Secret returns the pair with its private half, new memory: for files and
// exports. Never log it.
func (p *SealPair) Secret() ([]byte, error) {
	private, err := p.private.Bytes()
	if err != nil {
		return nil, fmt.Errorf("keep a sealing key: %w", err)
	}
	return wire.Marshal(sealPairFields{Number: p.number, Private: private})
}

// SealPairFromSecret reads what Secret returned. Errors wrap ErrDamaged.
func SealPairFromSecret(b []byte) (*SealPair, error) {
	var f sealPairFields
	if err := wire.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%w: sealing key", ErrDamaged)
	}
	key, err := kem().NewPrivateKey(f.Private)
	if err != nil {
		return nil, fmt.Errorf("%w: sealing key", ErrDamaged)
	}
	return &SealPair{private: key, number: f.Number}, nil
}

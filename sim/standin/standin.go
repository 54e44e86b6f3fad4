// Package standin is cryptography for simulations: signers and sealers that are
// deterministic and far faster than the real ones, have outputs of the
// same lengths, and refuse what the real ones refuse: altered bytes, and what was
// made for or by another key.
//
// They protect nothing. Whoever has a public key could compute what its holder
// signs; but no code outside this package can, so that in a simulation an
// attacker has to do without the private key, as in life.
package standin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/phyllo-net/phyllo/peer"
)

// Lengths of the real sealing (HPKE with X25519 and ML-KEM-768), in bytes.
const (
	SealKeySize = 1216                 // a public key
	encapsSize  = 1120                 // the encapsulated key at the head of what is sealed
	tagSize     = 16                   // at its end
	Overhead    = encapsSize + tagSize // of what is sealed over its plaintext
	nonceSize   = 32
)

// ErrOpen is returned for what was altered, or was sealed to another key or with
// another info.
var ErrOpen = errors.New("cannot be opened: altered, or sealed to another key")

// ErrSealKey is wrapped by the error of Seal for what is no sealing key.
var ErrSealKey = errors.New("not a sealing key")

// hash is SHA-256 over a domain and parts, each with its length before it.
func hash(domain string, parts ...[]byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte(domain))
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	var out [sha256.Size]byte
	h.Sum(out[:0])
	return out
}

// fill fills dst with bytes that follow from the key.
func fill(dst []byte, domain string, key []byte) {
	var n [8]byte
	for i := 0; len(dst) > 0; i++ {
		binary.BigEndian.PutUint64(n[:], uint64(i))
		block := hash(domain, key, n[:])
		dst = dst[copy(dst, block[:]):]
	}
}

func numbers(ns ...uint64) []byte {
	b := make([]byte, 0, 8*len(ns))
	for _, n := range ns {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

// Signer implements peer.Signer.
type Signer struct{ public peer.Key }

// NewSigner returns the signer with a number under a seed. Equal arguments give
// the same key.
func NewSigner(seed, number uint64) *Signer {
	return &Signer{public: hash("public key", numbers(seed, number))}
}

// Public implements peer.Signer.
func (s *Signer) Public() peer.Key { return s.public }

// Sign implements peer.Signer.
func (s *Signer) Sign(message []byte) []byte {
	sig := signature(s.public, message)
	return sig[:]
}

func signature(key peer.Key, message []byte) (sig [peer.SignatureSize]byte) {
	first := hash("signature", key[:], message)
	second := hash("signature, continued", first[:])
	copy(sig[:], first[:])
	copy(sig[sha256.Size:], second[:])
	return sig
}

// Verifier implements peer.Verifier.
type Verifier struct{}

// Verify implements peer.Verifier.
func (Verifier) Verify(key peer.Key, message, sig []byte) bool {
	want := signature(key, message)
	return !key.IsZero() && subtle.ConstantTimeCompare(want[:], sig) == 1
}

// Sealer implements peer.Sealer. Two seals of one text differ, as real ones do.
type Sealer struct {
	seed  uint64
	count uint64
}

// NewSealer returns a sealer, whose seals follow from the seed and their count.
func NewSealer(seed uint64) *Sealer { return &Sealer{seed: seed} }

// Seal implements peer.Sealer. The error wraps ErrSealKey.
func (s *Sealer) Seal(to peer.SealKey, info, plaintext []byte) ([]byte, error) {
	if len(to) != SealKeySize {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrSealKey, len(to), SealKeySize)
	}
	s.count++
	nonce := hash("nonce", numbers(s.seed, s.count), to, plaintext)
	sealed := make([]byte, encapsSize+len(plaintext), Overhead+len(plaintext))
	encaps, body := sealed[:encapsSize], sealed[encapsSize:]
	copy(encaps, nonce[:])
	fill(encaps[nonceSize:], "encapsulated", nonce[:])
	key := hash("key", to, info, encaps)
	fill(body, "stream", key[:])
	subtle.XORBytes(body, body, plaintext)
	tag := hash("tag", key[:], body)
	return append(sealed, tag[:tagSize]...), nil
}

// Opener implements peer.Opener.
type Opener struct{ public peer.SealKey }

// NewOpener returns the opener with a number under a seed. Equal arguments give
// the same key.
func NewOpener(seed, number uint64) *Opener {
	o := &Opener{public: make(peer.SealKey, SealKeySize)}
	fill(o.public, "sealing key", numbers(seed, number))
	return o
}

// SealKey implements peer.Opener. The caller must not change it.
func (o *Opener) SealKey() peer.SealKey { return o.public }

// Open implements peer.Opener. The error is ErrOpen.
func (o *Opener) Open(info, sealed []byte) ([]byte, error) {
	if len(sealed) < Overhead {
		return nil, ErrOpen
	}
	body, tag := sealed[encapsSize:len(sealed)-tagSize], sealed[len(sealed)-tagSize:]
	key := hash("key", o.public, info, sealed[:encapsSize])
	want := hash("tag", key[:], body)
	if subtle.ConstantTimeCompare(want[:tagSize], tag) != 1 {
		return nil, ErrOpen
	}
	plaintext := make([]byte, len(body))
	fill(plaintext, "stream", key[:])
	subtle.XORBytes(plaintext, plaintext, body)
	return plaintext, nil
}

var (
	_ peer.Signer   = (*Signer)(nil)
	_ peer.Verifier = Verifier{}
	_ peer.Sealer   = (*Sealer)(nil)
	_ peer.Opener   = (*Opener)(nil)
)

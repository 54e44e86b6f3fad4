package keys

import (
	"crypto/ed25519"
	"fmt"
	"io"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519/extra/cache"

	"github.com/phyllo-net/phyllo/peer"
)

// SeedSize is the length of a private signing key, in bytes.
const SeedSize = ed25519.SeedSize

// Signer holds a private Ed25519 key: of a node, a ring's authority or a person.
// It implements peer.Signer, and may be used from any goroutine.
type Signer struct {
	secret
	private ed25519.PrivateKey
	public  peer.Key
}

var _ peer.Signer = (*Signer)(nil)

// NewSigner makes a key from 32 bytes of r, which is Random() except in tests.
func NewSigner(r io.Reader) (*Signer, error) {
	seed := make([]byte, SeedSize)
	if _, err := io.ReadFull(r, seed); err != nil {
		return nil, fmt.Errorf("make a key: the random source failed: %w", err)
	}
	return SignerFromSeed(seed)
}

// SignerFromSeed restores the key with this seed of SeedSize bytes. It keeps no
// reference to seed.
func SignerFromSeed(seed []byte) (*Signer, error) {
	if len(seed) != SeedSize {
		return nil, fmt.Errorf("%w: private key of %d bytes, want %d", ErrDamaged, len(seed), SeedSize)
	}
	s := &Signer{private: ed25519.NewKeyFromSeed(seed)}
	copy(s.public[:], s.private.Public().(ed25519.PublicKey))
	return s, nil
}

// Public implements peer.Signer.
func (s *Signer) Public() peer.Key { return s.public }

// Sign implements peer.Signer.
func (s *Signer) Sign(message []byte) []byte { return ed25519.Sign(s.private, message) }

// Seed returns the secret, new memory: for a transport, which needs the key in a
// type of its own, and for exports. Never log it.
func (s *Signer) Seed() []byte { return s.private.Seed() }

// Verifier implements peer.Verifier. The zero Verifier is ready.
type Verifier struct{}

var _ peer.Verifier = Verifier{}

// Verify implements peer.Verifier. It refuses keys of small order, for which a
// signature can be made that is good for many messages, keys that are not
// encoded in their one way, and signatures that were altered without becoming
// invalid (RFC 8032, section 5.1.7: S below the order of the group).
func (Verifier) Verify(key peer.Key, message, sig []byte) bool {
	if len(sig) != peer.SignatureSize || !canonical(key) || smallOrder(key) {
		return false
	}
	return heard.VerifyWithOptions(key[:], message, sig, &asStandard)
}

// heard has of the keys that were heard of last what a verification computes for its key, which is then
// done in three quarters of the time: of a topic's publisher, of admitters, of those who keep an account. What
// it has is made of public keys alone, so all nodes and users of the process share it. Who sends
// signatures of many keys can have it computed again for the others, with each verification a fifth more
// of the time, and no more than that.
var heard = cache.NewVerifier(cache.NewLRUCache(maxHeard))

// maxHeard is of how many keys: less than a megabyte.
const maxHeard = 512

// asStandard makes the library, which takes some 0.6 of the time of crypto/ed25519, say yes and no to the
// very same signatures, without which two versions of phyllo would differ about what is signed.
var asStandard = voi.Options{Verify: voi.VerifyOptionsStdLib}

// canonical reports whether the y coordinate of a key is below p = 2^255 - 19.
func canonical(key peer.Key) bool {
	if key[0] < 0xed || key[31]|0x80 != 0xff {
		return true
	}
	for _, b := range key[1:31] {
		if b != 0xff {
			return true
		}
	}
	return false
}

// small are the y coordinates of the eight points whose order divides 8, without
// the sign of x: 0 (order 4), 1 (order 1), p-1 (order 2) and two of order 8. A
// test computes that they are these and no others.
var small = [...]peer.Key{
	{},
	{1},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
}

func smallOrder(key peer.Key) bool {
	key[31] &= 0x7f
	for _, s := range small {
		if key == s {
			return true
		}
	}
	return false
}

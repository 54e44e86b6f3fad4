package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"

	"github.com/phyllo-net/phyllo/peer"
)

// Locker implements peer.Locker with AES-256-GCM. The zero Locker is ready.
type Locker struct{}

var _ peer.Locker = Locker{}

// NewSecret implements peer.Locker.
func (Locker) NewSecret() (s peer.Secret) {
	rand.Read(s[:]) // never fails, see Random
	return s
}

// nonce is zero: a key of a Locker locks one text alone.
var nonce [12]byte

func gcm(key peer.Secret) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // a bug: the length is right
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // a bug: the block size is right
	}
	return a
}

// Lock implements peer.Locker.
func (Locker) Lock(key peer.Secret, info, plaintext []byte) []byte {
	return gcm(key).Seal(nil, nonce[:], plaintext, info)
}

// Unlock implements peer.Locker. Errors wrap ErrOpen.
func (Locker) Unlock(key peer.Secret, info, locked []byte) ([]byte, error) {
	plaintext, err := gcm(key).Open(nil, nonce[:], locked, info)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOpen, err)
	}
	return plaintext, nil
}

// Signer implements peer.Locker.
func (Locker) Signer(seed peer.Secret) peer.Signer {
	s := &Signer{private: ed25519.NewKeyFromSeed(seed[:])}
	copy(s.public[:], s.private.Public().(ed25519.PublicKey))
	return s
}

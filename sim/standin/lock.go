package standin

import (
	"crypto/subtle"

	"github.com/phyllo-net/phyllo/peer"
)

// Locker implements peer.Locker: its secrets follow from a seed and their count.
type Locker struct {
	seed  uint64
	count *uint64
}

var _ peer.Locker = Locker{}

// NewLocker returns a locker whose secrets follow from the seed.
func NewLocker(seed uint64) Locker { return Locker{seed, new(uint64)} }

// NewSecret implements peer.Locker.
func (l Locker) NewSecret() peer.Secret {
	*l.count++
	return hash("secret", numbers(l.seed, *l.count))
}

// Lock implements peer.Locker.
func (Locker) Lock(key peer.Secret, info, plaintext []byte) []byte {
	locked := make([]byte, len(plaintext), len(plaintext)+peer.LockOverhead)
	mask(locked, key, plaintext)
	tag := hash("lock", key[:], info, locked)
	return append(locked, tag[:peer.LockOverhead]...)
}

// mask changes src in a way that is the same backwards. A short pattern does: it protects
// nothing in any case, and simulations lock much.
func mask(dst []byte, key peer.Secret, src []byte) {
	pattern := hash("mask", key[:])
	for len(src) > 0 {
		n := subtle.XORBytes(dst, src, pattern[:])
		dst, src = dst[n:], src[n:]
	}
}

// Unlock implements peer.Locker. The error is ErrOpen.
func (Locker) Unlock(key peer.Secret, info, locked []byte) ([]byte, error) {
	if len(locked) < peer.LockOverhead {
		return nil, ErrOpen
	}
	body, tag := locked[:len(locked)-peer.LockOverhead], locked[len(locked)-peer.LockOverhead:]
	if want := hash("lock", key[:], info, body); subtle.ConstantTimeCompare(want[:peer.LockOverhead], tag) != 1 {
		return nil, ErrOpen
	}
	plaintext := make([]byte, len(body))
	mask(plaintext, key, body)
	return plaintext, nil
}

// Signer implements peer.Locker.
func (Locker) Signer(seed peer.Secret) peer.Signer {
	return &Signer{public: hash("public key of a seed", seed[:])}
}

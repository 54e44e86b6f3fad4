package im_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// Cryptography for tests: it has the sizes of the real one and refuses what was
// altered, but who knows a public key can forge.

type signer struct{ public peer.Key }

func newSigner(seed string) signer { return signer{peer.Key(id.HashOf("test signer", seed))} }

func (s signer) Public() peer.Key { return s.public }

func (s signer) Sign(message []byte) []byte {
	a := id.HashOf("test signature", s.public[:], message)
	b := id.HashOf("test signature", a[:])
	return append(a[:], b[:]...)
}

type verifier struct{}

func (verifier) Verify(key peer.Key, message, sig []byte) bool {
	return hmac.Equal(signer{key}.Sign(message), sig)
}

// overhead is what sealing adds, as with the real suite.
const overhead = 1136

type sealer struct{}

var errSeal = errors.New("sealed for another, or altered")

func keystream(key peer.SealKey, info, plain []byte) []byte {
	out := bytes.Clone(plain)
	for i := 0; i < len(out); i += sha256.Size {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(i))
		h := id.HashOf("test stream", []byte(key), info, n[:])
		for j := i; j < min(i+len(h), len(out)); j++ {
			out[j] ^= h[j-i]
		}
	}
	return out
}

func (sealer) Seal(to peer.SealKey, info, plain []byte) ([]byte, error) {
	if len(to) == 0 {
		return nil, errors.New("no key")
	}
	c := keystream(to, info, plain)
	head := make([]byte, overhead)
	tag := id.HashOf("test tag", []byte(to), info, c)
	copy(head, tag[:])
	return append(head, c...), nil
}

type opener struct{ key peer.SealKey }

func newOpener(seed string) opener {
	h := id.HashOf("test seal key", seed)
	return opener{h[:]}
}

func (o opener) SealKey() peer.SealKey { return o.key }

func (o opener) Open(info, sealed []byte) ([]byte, error) {
	if len(sealed) < overhead {
		return nil, errSeal
	}
	head := make([]byte, overhead)
	tag := id.HashOf("test tag", []byte(o.key), info, sealed[overhead:])
	copy(head, tag[:])
	if !bytes.Equal(head, sealed[:overhead]) {
		return nil, errSeal
	}
	return keystream(o.key, info, sealed[overhead:]), nil
}

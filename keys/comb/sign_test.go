package comb_test

import (
	"crypto/sha512"
	"testing"

	"filippo.io/edwards25519"
)

func scalar(t *testing.T, n byte) *edwards25519.Scalar {
	t.Helper()
	s, err := new(edwards25519.Scalar).SetCanonicalBytes(append([]byte{n}, make([]byte, 31)...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sign signs with a scalar for a key that need not be its own.
func sign(t *testing.T, secret *edwards25519.Scalar, key [32]byte, message []byte) []byte {
	t.Helper()
	nonce := scalar(t, 99)
	r := new(edwards25519.Point).ScalarBaseMult(nonce).Bytes()
	h := sha512.New()
	h.Write(r)
	h.Write(key[:])
	h.Write(message)
	k, err := new(edwards25519.Scalar).SetUniformBytes(h.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	return append(r, new(edwards25519.Scalar).MultiplyAdd(k, secret, nonce).Bytes()...)
}

package peer_test

import (
	"bytes"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// signer is a stand-in whose signatures anybody could forge, but nobody alters
// unnoticed: enough for what this package decides.
type signer struct{ key peer.Key }

func newSigner(name string) signer { return signer{peer.Key(id.HashOf("test key", name))} }

func (s signer) Public() peer.Key { return s.key }

func (s signer) Sign(m []byte) []byte {
	a, b := id.HashOf("sig", s.key[:], m, 0), id.HashOf("sig", s.key[:], m, 1)
	return append(a[:], b[:]...)
}

type verifier struct{}

func (verifier) Verify(k peer.Key, m, sig []byte) bool {
	return bytes.Equal(signer{k}.Sign(m), sig)
}

var (
	authority = newSigner("authority")
	ring      = peer.RingID(authority.key)
	founder   = newSigner("founder")
	second    = newSigner("second")
	stranger  = newSigner("stranger")
	start     = time.Unix(1_800_000_000, 0)
)

func admission(s signer, since time.Time) *peer.Admission {
	return peer.NewAdmission(authority, s.key, since)
}

func certificate(admitter signer, of string, at time.Time) *peer.Certificate {
	return peer.NewCertificate(admitter, admission(admitter, start.Add(-time.Hour)), newSigner(of).key, peer.Salt{1}, at)
}

// bits calls f with every copy of b that has one bit turned over.
func bits(b []byte, f func(i int, b []byte)) {
	for i := range 8 * len(b) {
		c := bytes.Clone(b)
		c[i/8] ^= 1 << (i % 8)
		f(i, c)
	}
}

package lab

import (
	"crypto/sha256"

	"github.com/phyllo-net/phyllo/peer"
)

type tmpSigner struct{ k peer.Key }

func newTmpSigner(seed uint64) peer.Signer {
	var b [8]byte
	for i := range b {
		b[i] = byte(seed >> (8 * i))
	}
	return tmpSigner{sha256.Sum256(b[:])}
}
func (s tmpSigner) Public() peer.Key { return s.k }
func (s tmpSigner) Sign(m []byte) []byte {
	h := sha256.Sum256(append(s.k[:], m...))
	return append(h[:], h[:]...)
}

type tmpVerifier struct{}

func (tmpVerifier) Verify(k peer.Key, m, sig []byte) bool {
	return string(tmpSigner{k}.Sign(m)) == string(sig)
}

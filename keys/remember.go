package keys

import (
	"crypto/sha256"
	"sync"

	"github.com/phyllo-net/phyllo/peer"
)

// maxGood is how many good signatures a Remembering remembers at least; it forgets the oldest
// before there are twice as many: a megabyte.
const maxGood = 8192

// Remembering is a Verifier that remembers which signatures were good. Nodes show the same
// certificates with everything that they sign, so most of what is verified was verified a moment
// before. What was wrong is not remembered: who sends it pays for it each time, and fills
// nothing. The zero Remembering is ready; it may be called from any goroutine.
type Remembering struct {
	mu       sync.Mutex
	new, old map[[sha256.Size]byte]struct{}
}

var _ peer.Verifier = (*Remembering)(nil)

// Verify implements peer.Verifier: as that of Verifier does.
func (r *Remembering) Verify(key peer.Key, message, sig []byte) bool {
	if len(sig) != peer.SignatureSize {
		return false
	}
	// Key and signature have one length each, so nothing can run together.
	h := sha256.New()
	h.Write(key[:])
	h.Write(sig)
	h.Write(message)
	print := [sha256.Size]byte(h.Sum(nil))
	if r.knows(print) {
		return true
	}
	if !(Verifier{}).Verify(key, message, sig) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(print)
	return true
}

// knows reports whether a signature was good, and keeps it for longer if it was.
func (r *Remembering) knows(print [sha256.Size]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.new[print]; ok {
		return true
	}
	_, ok := r.old[print]
	if ok {
		r.note(print)
	}
	return ok
}

// note remembers a signature. r is locked.
func (r *Remembering) note(print [sha256.Size]byte) {
	if r.new == nil || len(r.new) >= maxGood {
		r.old, r.new = r.new, make(map[[sha256.Size]byte]struct{})
	}
	r.new[print] = struct{}{}
}

package certificate

import (
	"fmt"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past/merkle"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// MaxBatch is the largest number of certificates, or of receipts, under one signature: a path of
// six hashes lies with each object then.
const MaxBatch = 64

// maxBeside is the height of a tree over MaxBatch.
const maxBeside = 6

// tree is the kind of the inner hashes of a tree over what is signed at once.
const tree = "signed at once"

// Batch is the place of something signed among others that were signed at once, under the root of
// a Merkle tree over all of them: with it each is good by itself, wherever it goes. Who has
// verified one of them knows the signature of the others already.
type Batch struct {
	Index  uint16    `cbor:"1,keyasint,omitempty"`
	Count  uint16    `cbor:"2,keyasint"` // 2 to MaxBatch
	Beside []id.Hash `cbor:"3,keyasint"` // see merkle.Climb
}

func (b *Batch) check() error {
	switch {
	case b == nil:
		return nil
	case b.Count < 2 || b.Count > MaxBatch || b.Index >= b.Count:
		return fmt.Errorf("number %d of a batch of %d, at most %d", b.Index, b.Count, MaxBatch)
	case len(b.Beside) == 0 || len(b.Beside) > maxBeside:
		return fmt.Errorf("a path of %d hashes in a batch of %d", len(b.Beside), b.Count)
	}
	return nil
}

// signed is what the signature of something with this hash is over. ok is false if the path
// is not one of its place. b may be nil: it was signed alone.
func (b *Batch) signed(kind string, ring, hash id.Hash) (message id.Hash, ok bool) {
	if b == nil {
		return hash, true
	}
	root, ok := merkle.Climb(tree, hash, int(b.Index), int(b.Count), b.Beside)
	return batchMessage(kind, ring, root, int(b.Count)), ok
}

func batchMessage(kind string, ring, root id.Hash, count int) id.Hash {
	return id.HashOf(kind, ring, root, count)
}

// batch returns what one signature for all of these hashes, 1 to MaxBatch, is over, and the
// place of each.
func batch(kind string, ring id.Hash, hashes []id.Hash) (message id.Hash, places []*Batch) {
	places = make([]*Batch, len(hashes))
	root, paths := merkle.Paths(tree, hashes)
	if len(hashes) == 1 {
		return root, places
	}
	for i, path := range paths {
		places[i] = &Batch{Index: uint16(i), Count: uint16(len(hashes)), Beside: path}
	}
	return batchMessage(kind, ring, root, len(hashes)), places
}

// Kinds of what is signed at once: neither can stand for the other, nor for something that was
// signed alone.
const (
	manyCertificates = "file certificates"
	manyReceipts     = "store receipts"
)

// SignAll is Certificate.Sign for several: each MaxBatch of them have one signature.
func SignAll(cs []*Certificate, ring id.Hash, owner peer.Signer, now time.Time) []*Certificate {
	signed := make([]*Certificate, 0, len(cs))
	for some := range slices.Chunk(cs, MaxBatch) {
		hashes := make([]id.Hash, len(some))
		for i, c := range some {
			s := *c
			s.Owner, s.Date = owner.Public(), now.UnixMilli()
			hashes[i] = s.Hash(ring)
			signed = append(signed, &s)
		}
		message, places := batch(manyCertificates, ring, hashes)
		sig := owner.Sign(message[:])
		for i, s := range signed[len(signed)-len(some):] {
			s.Sig, s.Batch = sig, places[i]
		}
	}
	return signed
}

// Written is an object that a holder has written down.
type Written struct {
	Object      id.Hash
	Certificate id.Hash // Certificate.Hash of what was stored
}

// NewReceipts is NewReceipt for 1 to MaxBatch objects: they have one signature.
func NewReceipts(ring id.Hash, of []Written, holder *peer.Certificate, key peer.Signer, now time.Time) []*Receipt {
	rs, message := unsignedReceipts(ring, of, holder, now.UnixMilli())
	sig := key.Sign(message[:])
	for _, r := range rs {
		r.Sig = sig
	}
	return rs
}

// Receipts returns the receipts for 1 to MaxBatch objects that NewReceipts has signed, for who
// knows all of these and was told the rest. They still must be verified.
func Receipts(ring id.Hash, of []Written, holder *peer.Certificate, stamp int64, sig []byte) []*Receipt {
	rs, _ := unsignedReceipts(ring, of, holder, stamp)
	for _, r := range rs {
		r.Sig = sig
	}
	return rs
}

func unsignedReceipts(ring id.Hash, of []Written, holder *peer.Certificate, stamp int64) (rs []*Receipt, message id.Hash) {
	rs = make([]*Receipt, len(of))
	hashes := make([]id.Hash, len(of))
	for i, w := range of {
		rs[i] = &Receipt{Object: w.Object, Certificate: w.Certificate, Time: stamp, Holder: holder}
		hashes[i] = rs[i].hash(ring)
	}
	message, places := batch(manyReceipts, ring, hashes)
	for i, r := range rs {
		r.Batch = places[i]
	}
	return rs, message
}

package entry

import (
	"bytes"
	"slices"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

// MaxReached is how many entries a receipt names.
const MaxReached = MaxParents

// Receipt is how far somebody is with a room, signed by him: of an entry that it names, and of
// all that came before that one, it says that one of his nodes has it, or that he was shown
// it. It stands beside the log: of each member only the latest is kept, and it orders nothing.
type Receipt struct {
	By peer.Key `cbor:"1,keyasint"`
	// Number is higher in a later receipt of the same person: the time by his clock when he
	// made it, Unix milliseconds, or one more than that of the one before.
	Number uint64 `cbor:"2,keyasint"`
	// Has and Read are hashes of entries, sorted, one after another, as Join puts them.
	Has  []byte `cbor:"3,keyasint,omitempty"`
	Read []byte `cbor:"4,keyasint,omitempty"`
	Sig  []byte `cbor:"5,keyasint"`
}

// Check implements wire.Checker. The error wraps ErrEntry.
func (r *Receipt) Check() error {
	switch {
	case r.By.IsZero():
		return bad("a receipt of nobody")
	case r.Number == 0 || r.Number > maxTime:
		return bad("a receipt with the number %d", r.Number)
	case len(r.Sig) != peer.SignatureSize:
		return bad("signature of %d bytes", len(r.Sig))
	}
	for _, list := range [][]byte{r.Has, r.Read} {
		if len(list)%len(id.Hash{}) != 0 || len(list) > MaxReached*len(id.Hash{}) {
			return bad("a receipt of %d bytes of hashes, want at most %d", len(list), MaxReached)
		}
		last := id.Hash{}
		for h := range slices.Chunk(list, len(id.Hash{})) {
			if bytes.Compare(h, last[:]) <= 0 {
				return bad("a receipt with hashes that are not in order, each once")
			}
			copy(last[:], h)
		}
	}
	return nil
}

// signed is what the signature covers: the room, and every field but itself.
func (r *Receipt) signed(room id.Hash) id.Hash {
	return id.HashOf("room receipt", room, r.By[:], r.Number, r.Has, r.Read)
}

// Sign returns a copy for a room, signed by the signer. The lists are shared.
func (r *Receipt) Sign(room id.Hash, by peer.Signer) *Receipt {
	s := *r
	s.By = by.Public()
	h := s.signed(room)
	s.Sig = by.Sign(h[:])
	return &s
}

// Verify returns nil if the receipt is within its limits and of the room, and who it is of has
// signed it. The error wraps ErrEntry.
func (r *Receipt) Verify(room id.Hash, v peer.Verifier) error {
	if err := r.Check(); err != nil {
		return err
	}
	if h := r.signed(room); !v.Verify(r.By, h[:], r.Sig) {
		return bad("wrong signature of a receipt")
	}
	return nil
}

// Hashes are those that Join put one after another. The caller owns the list.
func Hashes(joined []byte) []id.Hash {
	var list []id.Hash
	for h := range slices.Chunk(joined, len(id.Hash{})) {
		list = append(list, id.Hash(h))
	}
	return list
}

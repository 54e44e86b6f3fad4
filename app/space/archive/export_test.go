package archive

import (
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/id"
)

// Encode returns the hash for a reference, and the fragments.
func Encode(content []byte, c piece.Code) (id.Hash, [][]byte, error) {
	x, err := encode(content, c)
	return x.root, x.fragments, err
}

// Decode makes a content of some fragments; those that are not the reference's are left out.
func Decode(r piece.Ref, fragments map[int][]byte) ([]byte, error) {
	shards := make([][]byte, r.Code.Total)
	var size int64
	for i, b := range fragments {
		if f := open(b, r, i); f != nil {
			shards[i], size = f.Data, f.Size
		}
	}
	return join(shards, size, r.Code)
}

// Opens reports whether bytes are taken for a fragment.
func Opens(b []byte, r piece.Ref, index int) bool { return open(b, r, index) != nil }

// Name is the id of a fragment.
func Name(r piece.Ref, index int) id.Hash {
	c := name(r, index)
	return c.ID()
}

// Start is where the arcs begin.
func Start(r piece.Ref) id.ID { return object(r.Key).Place() }

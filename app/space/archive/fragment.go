package archive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// fragment is what is stored: a part of the code, and what proves that it is one.
type fragment struct {
	Index  uint8     `cbor:"1,keyasint"`
	Whole  id.Hash   `cbor:"2,keyasint"` // of the content
	Size   int64     `cbor:"3,keyasint"` // of the content, in bytes
	Beside []id.Hash `cbor:"4,keyasint,omitempty"`
	Data   []byte    `cbor:"5,keyasint"`
}

// MaxSize is the largest content that is archived as one, in bytes.
const MaxSize = task.ChunkSize

// maxBeside is the height of the tree over piece.MaxTotal fragments.
const maxBeside = 8

// Check implements wire.Checker. The error wraps piece.ErrDamaged.
func (f *fragment) Check() error {
	if f.Size < 1 || f.Size > MaxSize || len(f.Beside) > maxBeside {
		return fmt.Errorf("%w: a fragment of %d bytes with %d hashes", piece.ErrDamaged, f.Size, len(f.Beside))
	}
	return nil
}

var fragmentForm = wire.FormOf((*fragment)(nil))

// open reads the fragment with an index, and returns nil unless it is that of the reference.
func open(b []byte, r piece.Ref, index int) *fragment {
	f := new(fragment)
	if fragmentForm.Unmarshal(b, f) != nil || int(f.Index) != index || len(f.Data) != shardLen(f.Size, r.Code) {
		return nil
	}
	tree, ok := climb(leaf(index, f.Data), index, int(r.Code.Total), f.Beside)
	if !ok || rootHash(f.Whole, f.Size, r.Code, tree) != r.Hash || !bytes.Equal(wire.MustMarshal(f), b) {
		return nil
	}
	return f
}

// coded is a content as fragments, each in its encoding.
type coded struct {
	root      id.Hash
	fragments [][]byte
}

// encode makes the fragments of a content of 1 to MaxSize bytes.
func encode(content []byte, c piece.Code) (coded, error) {
	if len(content) < 1 || len(content) > MaxSize {
		return coded{}, fmt.Errorf("archive: a content of %d bytes, want 1 to %d", len(content), MaxSize)
	}
	shards, err := split(content, c)
	if err != nil {
		return coded{}, err
	}
	tree, beside := paths(shards)
	f := fragment{Whole: wholeHash(content), Size: int64(len(content))}
	out := coded{root: rootHash(f.Whole, f.Size, c, tree)}
	for i, s := range shards {
		f.Index, f.Beside, f.Data = uint8(i), beside[i], s
		out.fragments = append(out.fragments, wire.MustMarshal(&f))
	}
	return out, nil
}

// object is the id of an archived content: no object of storage has it.
func object(key peer.Secret) id.Hash { return id.Hash(key.Derive("archive")) }

// maxSalts is how many salts are tried for a place: with so many none is found once in e^64.
const maxSalts = 128 * piece.MaxTotal

// name is the unsigned certificate of a fragment: all that its id is made of.
func name(r piece.Ref, index int) certificate.Certificate {
	c := certificate.Certificate{
		Kind: certificate.File, Owner: r.Code.Owner, Copies: 1, Part: certificate.Part(r.Key.Derive("fragment", []byte{byte(index)})),
	}
	from, width := Arc(object(r.Key).Place(), index, int(r.Code.Total))
	for salt := range uint64(maxSalts) {
		binary.BigEndian.PutUint64(c.Salt[:], salt)
		if c.ID().Place().Hi-from.Hi < width {
			break
		}
	}
	return c
}

// Arc is where a fragment may lie, of so many from a place on: from an id on, as far as width, in
// 2^-64 of the ring.
func Arc(start id.ID, index, total int) (from id.ID, width uint64) {
	arc, _ := bits.Div64(1, 0, max(uint64(total), 2))
	return id.ID{Hi: start.Hi + uint64(index)*arc}, arc / 2
}

// sign is the certificate of a fragment.
func sign(ring id.Hash, r piece.Ref, index int, fragment []byte, until int64, owner peer.Signer, wall time.Time) *certificate.Certificate {
	c := name(r, index)
	c.Size, c.Expires = int64(len(fragment)), until
	body, _ := past.InMemory(fragment)
	c.Content = c.BodyHash(body)
	return c.Sign(ring, owner, wall)
}

// around is how many of the nodes near it in the ring a node looks at.
const around = 32

// RingSize estimates how many nodes a ring has from the ids of those nearest to a node, of
// which around were asked for, and its own.
func RingSize(self id.ID, near []id.ID) int {
	if len(near) < around {
		return len(near) + 1 // there are no more
	}
	// What is not seen is the widest gap between two of them: in a small ring one like the others.
	all := append([]id.ID{self}, near...)
	slices.SortFunc(all, id.ID.Cmp)
	var widest uint64
	for i, x := range all {
		widest = max(widest, all[(i+1)%len(all)].Hi-x.Hi)
	}
	seen := 1 - float64(widest)/(1<<64)
	return max(len(all), int(float64(len(near))/seen+0.5))
}

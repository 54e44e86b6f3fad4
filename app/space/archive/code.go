package archive

import (
	"crypto/sha256"
	"fmt"

	"github.com/klauspost/reedsolomon"

	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/id"
)

// The codes, and the rings for which they are.
const (
	// Need is how many fragments make a content.
	Need = 6
	// Usual is how many there are in a ring of Least nodes or more, Wide in one of Large or more.
	Usual, Wide = 24, 64
	Least       = 24
	Large       = 2 * Wide
)

// Choose returns the code for a ring of so many nodes; a zero Code, if it has too few.
func Choose(nodes int) piece.Code {
	switch {
	case nodes >= Large:
		return piece.Code{Need: Need, Total: Wide}
	case nodes >= Least:
		return piece.Code{Need: Need, Total: Usual}
	}
	return piece.Code{}
}

// coder returns the Reed-Solomon code, which computes in the goroutine that calls it.
func coder(c piece.Code) (reedsolomon.Encoder, error) {
	return reedsolomon.New(int(c.Need), int(c.Total-c.Need), reedsolomon.WithMaxGoroutines(1), reedsolomon.WithInversionCache(false))
}

// shardLen is the length of each fragment of a content.
func shardLen(size int64, c piece.Code) int { return int((size + int64(c.Need) - 1) / int64(c.Need)) }

// split codes a content of at least one byte.
func split(content []byte, c piece.Code) ([][]byte, error) {
	enc, err := coder(c)
	if err != nil {
		return nil, err
	}
	n := shardLen(int64(len(content)), c)
	all := make([]byte, n*int(c.Total))
	copy(all, content)
	shards := make([][]byte, c.Total)
	for i := range shards {
		shards[i] = all[i*n : (i+1)*n : (i+1)*n]
	}
	return shards, enc.Encode(shards)
}

// join makes a content of some of its fragments, of which those that are missing are empty.
func join(shards [][]byte, size int64, c piece.Code) ([]byte, error) {
	enc, err := coder(c)
	if err != nil {
		return nil, err
	}
	if err := enc.ReconstructData(shards); err != nil {
		return nil, fmt.Errorf("%w: %w", piece.ErrDamaged, err)
	}
	content := make([]byte, 0, int(c.Need)*len(shards[0]))
	for _, s := range shards[:c.Need] {
		content = append(content, s...)
	}
	return content[:size], nil
}

func wholeHash(content []byte) id.Hash { return id.Hash(sha256.Sum256(content)) }

// rootHash is what a reference says of an archived content.
func rootHash(whole id.Hash, size int64, c piece.Code, tree id.Hash) id.Hash {
	return id.HashOf("archive", whole, size, c.Need, c.Total, tree)
}

func leaf(index int, data []byte) id.Hash {
	return id.HashOf("fragment", uint8(index), wholeHash(data))
}

// above is the row above a row of a hash tree. The last of an odd number moves up as it is.
func above(row []id.Hash) []id.Hash {
	up := make([]id.Hash, 0, (len(row)+1)/2)
	for i := 0; i+1 < len(row); i += 2 {
		up = append(up, id.HashOf("fragments", row[i], row[i+1]))
	}
	if len(row)%2 == 1 {
		up = append(up, row[len(row)-1])
	}
	return up
}

// paths returns the root of the tree over fragments, and what stands beside the way of each.
func paths(shards [][]byte) (root id.Hash, beside [][]id.Hash) {
	row := make([]id.Hash, len(shards))
	for i, s := range shards {
		row[i] = leaf(i, s)
	}
	beside = make([][]id.Hash, len(shards))
	for level := 0; len(row) > 1; level++ {
		for i := range beside {
			if at := (i >> level) ^ 1; at < len(row) {
				beside[i] = append(beside[i], row[at])
			}
		}
		row = above(row)
	}
	return row[0], beside
}

// climb returns the root that a fragment's path leads to, among so many; false: it is no path.
func climb(h id.Hash, index, total int, beside []id.Hash) (root id.Hash, ok bool) {
	for at, n := index, total; n > 1; at, n = at/2, (n+1)/2 {
		if at^1 >= n {
			continue
		}
		if len(beside) == 0 {
			return id.Hash{}, false
		}
		if at%2 == 0 {
			h = id.HashOf("fragments", h, beside[0])
		} else {
			h = id.HashOf("fragments", beside[0], h)
		}
		beside = beside[1:]
	}
	return h, len(beside) == 0
}

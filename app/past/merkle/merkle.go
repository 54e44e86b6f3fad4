// Package merkle proves that a hash is one of a list of which only the root of a tree was signed:
// so many things can be signed at once, and each be shown by itself. The hashes of a row are
// hashed two by two to the row above; in a row of odd length the last one moves up as it is.
// Inner hashes have a kind of their own (see id.HashOf), so none can stand for a leaf.
package merkle

import "github.com/phyllo-net/phyllo/id"

// Root returns the root of the tree over leaves, of which there must be one at least.
func Root(kind string, leaves []id.Hash) id.Hash {
	for len(leaves) > 1 {
		leaves = above(kind, leaves)
	}
	return leaves[0]
}

func above(kind string, row []id.Hash) []id.Hash {
	up := make([]id.Hash, 0, (len(row)+1)/2)
	for i := 0; i+1 < len(row); i += 2 {
		up = append(up, id.HashOf(kind, row[i], row[i+1]))
	}
	if len(row)%2 == 1 {
		up = append(up, row[len(row)-1])
	}
	return up
}

// Height is the length of the longest path in a tree over n leaves.
func Height(n int) (h int) {
	for ; n > 1; n = (n + 1) / 2 {
		h++
	}
	return h
}

// Paths returns the root over leaves, of which there must be one at least, and the path of each
// leaf to it: the hashes beside it, from its own row up. The paths share no memory.
func Paths(kind string, leaves []id.Hash) (root id.Hash, paths [][]id.Hash) {
	paths = make([][]id.Hash, len(leaves))
	if h := Height(len(leaves)); h > 0 {
		for i := range paths {
			paths[i] = make([]id.Hash, 0, h)
		}
	}
	row := leaves
	for level := 0; len(row) > 1; level++ {
		for i := range paths {
			if at := (i >> level) ^ 1; at < len(row) {
				paths[i] = append(paths[i], row[at])
			}
		}
		row = above(kind, row)
	}
	return row[0], paths
}

// Climb returns the root to which a path leads from the leaf with an index among count. It
// reports false for an index that there is not, and for a path of another length than this
// leaf's.
func Climb(kind string, leaf id.Hash, index, count int, path []id.Hash) (root id.Hash, ok bool) {
	if index < 0 || index >= count {
		return root, false
	}
	for ; count > 1; index, count = index/2, (count+1)/2 {
		if index^1 >= count {
			continue
		}
		if len(path) == 0 {
			return root, false
		}
		if index%2 == 0 {
			leaf = id.HashOf(kind, leaf, path[0])
		} else {
			leaf = id.HashOf(kind, path[0], leaf)
		}
		path = path[1:]
	}
	return leaf, len(path) == 0
}

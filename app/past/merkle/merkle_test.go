package merkle_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/app/past/merkle"
	"github.com/phyllo-net/phyllo/id"
)

const kind = "test"

func leaves(n int) (hs []id.Hash) {
	for i := range n {
		hs = append(hs, id.HashOf("leaf", i))
	}
	return hs
}

// Each of 1 to 70 leaves is found by its path, at its own index and no other.
func TestPaths(t *testing.T) {
	for n := 1; n <= 70; n++ {
		all := leaves(n)
		root, paths := merkle.Paths(kind, all)
		if want := merkle.Root(kind, all); root != want {
			t.Fatalf("of %d leaves Paths finds the root %v, and Root %v", n, root, want)
		}
		longest := 0
		for i, p := range paths {
			longest = max(longest, len(p))
			for at := range n {
				got, ok := merkle.Climb(kind, all[i], at, n, p)
				if (ok && got == root) != (at == i) {
					t.Fatalf("leaf %d of %d at index %d: %v, %t", i, n, at, got == root, ok)
				}
			}
		}
		if longest != merkle.Height(n) {
			t.Fatalf("the longest path among %d has %d hashes, Height says %d", n, longest, merkle.Height(n))
		}
	}
}

// A path that was changed in any way leads elsewhere, or nowhere.
func TestFalsePaths(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 300).Draw(rt, "leaves")
		i := rapid.IntRange(0, n-1).Draw(rt, "leaf")
		all := leaves(n)
		root, paths := merkle.Paths(kind, all)
		path := paths[i]
		at := rapid.IntRange(0, max(len(path)-1, 0)).Draw(rt, "hash")
		leads := func(what string, leaf id.Hash, index, count int, path []id.Hash) {
			if got, ok := merkle.Climb(kind, leaf, index, count, path); ok && got == root {
				rt.Fatalf("%s is believed", what)
			}
		}
		leads("another leaf", id.HashOf("another"), i, n, path)
		leads("an inner hash as a leaf", id.HashOf(kind, all[0], all[1]), i, n, path)
		leads("a longer path", all[i], i, n, append(path[:len(path):len(path)], root))
		leads("an index behind the last", all[i], n, n, path)
		leads("an index before the first", all[i], -1, n, path)
		if _, ok := merkle.Climb("another kind", all[i], i, n, path); !ok {
			rt.Fatal("the length of a path depends on the kind")
		}
		if len(path) > 0 {
			leads("a shorter path", all[i], i, n, path[:len(path)-1])
			changed := append([]id.Hash{}, path...)
			changed[at][0] ^= 1
			leads("a changed hash", all[i], i, n, changed)
		}
	})
}

// What was signed must stay valid: the roots are those that earlier versions computed.
func TestRootsStay(t *testing.T) {
	two := leaves(2)
	if got, want := merkle.Root(kind, two), id.HashOf(kind, two[0], two[1]); got != want {
		t.Errorf("over two: %v, want %v", got, want)
	}
	three := leaves(3)
	if got, want := merkle.Root(kind, three), id.HashOf(kind, id.HashOf(kind, three[0], three[1]), three[2]); got != want {
		t.Errorf("over three: %v, want %v", got, want)
	}
	if got := merkle.Root(kind, leaves(1)); got != leaves(1)[0] {
		t.Errorf("over one: %v", got)
	}
	if fmt.Sprint(merkle.Height(1), merkle.Height(2), merkle.Height(3), merkle.Height(64), merkle.Height(65)) != "0 1 2 6 7" {
		t.Error("a height is wrong")
	}
}

package archive_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/app/space/archive"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/peer"
)

func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	rng.Read(b)
	return b
}

// encoded is a content as a reference and its fragments.
func encoded(t testing.TB, content []byte, c piece.Code) (piece.Ref, [][]byte) {
	t.Helper()
	c.Owner = peer.Key{7}
	root, fragments, err := archive.Encode(content, c)
	if err != nil {
		t.Fatal(err)
	}
	return piece.Ref{Key: peer.Secret{1, byte(len(content))}, Hash: root, Code: c}, fragments
}

// TestAnyFew: any few of the fragments, as many as are needed, make the content, and one fewer
// does not.
func TestAnyFew(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		need := rapid.IntRange(1, 8).Draw(rt, "need")
		total := rapid.IntRange(need, 70).Draw(rt, "total")
		content := random(rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(1, 20_000).Draw(rt, "length"))
		r, fragments := encoded(t, content, piece.Code{Need: uint8(need), Total: uint8(total)})
		order := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "order"), 1)).Perm(total)
		some := make(map[int][]byte)
		for _, i := range order[:need-1] {
			some[i] = fragments[i]
		}
		if got, err := archive.Decode(r, some); err == nil && len(content) > 0 {
			rt.Fatalf("%d fragments of %d that are needed made %d bytes", need-1, need, len(got))
		}
		some[order[need-1]] = fragments[order[need-1]]
		if got, err := archive.Decode(r, some); err != nil || !bytes.Equal(got, content) {
			rt.Fatalf("%d of %d fragments: %d bytes of %d, %v", need, total, len(got), len(content), err)
		}
	})
}

// TestFalseFragments: what is not the fragment, to the bit, is found by itself.
func TestFalseFragments(t *testing.T) {
	r, fragments := encoded(t, random(1, 1000), archive.Choose(24))
	other, _ := encoded(t, random(2, 1000), archive.Choose(24))
	for i, f := range fragments {
		if !archive.Opens(f, r, i) || archive.Opens(f, r, (i+1)%24) || archive.Opens(f, other, i) {
			t.Fatalf("fragment %d", i)
		}
	}
	for _, i := range []int{0, 5, 23} {
		for bit := range 8 * len(fragments[i]) {
			b := bytes.Clone(fragments[i])
			b[bit/8] ^= 1 << (bit % 8)
			if archive.Opens(b, r, i) {
				t.Fatalf("fragment %d with bit %d changed", i, bit)
			}
		}
	}
	for n := range fragments[0] {
		if archive.Opens(fragments[0][:n], r, 0) {
			t.Fatalf("%d bytes of a fragment", n)
		}
	}
}

// TestPlaces: fragments lie in arcs of the ring, one in the first half of each, so that no
// two are nearer than half an arc, wherever they begin.
func TestPlaces(t *testing.T) {
	for _, c := range []piece.Code{archive.Choose(archive.Least), archive.Choose(archive.Large)} {
		for key := range 20 {
			r := piece.Ref{Key: peer.Secret{byte(key), 3}, Code: c}
			var places []uint64
			for i := range int(c.Total) {
				from := archive.Name(r, i).Place().Sub(archive.Start(r))
				if arc := float64(from.Hi) / (1 << 64) * float64(c.Total); arc < float64(i)-1e-9 || arc >= float64(i)+0.5 {
					t.Fatalf("fragment %d of %d is at arc %.3f", i, c.Total, arc)
				}
				places = append(places, from.Hi)
			}
			if !slices.IsSorted(places) {
				t.Fatal("arcs overlap")
			}
		}
	}
}

// TestRingSize: in a small ring the number is exact, in a large one about right.
func TestRingSize(t *testing.T) {
	for _, n := range []int{1, 2, 3, 24, 32, 33, 100, 1000, 10_000} {
		rng := rand.New(rand.NewPCG(uint64(n), 5))
		ring := make([]id.ID, n)
		for i := range ring {
			ring[i] = id.ID{Hi: rng.Uint64(), Lo: rng.Uint64()}
		}
		self := ring[0]
		others := ring[1:]
		slices.SortFunc(others, func(a, b id.ID) int { return self.Distance(a).Cmp(self.Distance(b)) })
		got := archive.RingSize(self, others[:min(32, len(others))])
		if n <= 32 && got != n || got < n*6/10 || got > n*16/10 {
			t.Errorf("a ring of %d is taken for one of %d", n, got)
		}
	}
}

// TestChoose: small rings have no archives, large ones more fragments.
func TestChoose(t *testing.T) {
	for nodes, want := range map[int]uint8{1: 0, 23: 0, 24: 24, 127: 24, 128: 64, 1_000_000: 64} {
		if c := archive.Choose(nodes); c.Total != want || (want > 0 && c.Need != 6) {
			t.Errorf("%d nodes: %d of %d, want %d", nodes, c.Need, c.Total, want)
		}
	}
}

// TestBadContents: what is nothing, or too much, is refused.
func TestBadContents(t *testing.T) {
	for _, n := range []int{0, archive.MaxSize + 1} {
		if _, _, err := archive.Encode(make([]byte, n), archive.Choose(24)); err == nil {
			t.Errorf("%d bytes were coded", n)
		}
	}
}

func FuzzFragment(f *testing.F) {
	r, fragments := encoded(f, random(1, 100), archive.Choose(24))
	f.Add(fragments[3])
	f.Add([]byte{0xa1, 4, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { archive.Opens(b, r, 3) })
		if archive.Opens(b, r, 3) && !bytes.Equal(b, fragments[3]) {
			t.Error("another fragment was taken for this one")
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	content := random(3, archive.MaxSize)
	for _, c := range []piece.Code{archive.Choose(archive.Least), archive.Choose(archive.Large)} {
		b.Run(map[uint8]string{archive.Usual: "6of24", archive.Wide: "6of64"}[c.Total], func(b *testing.B) {
			b.SetBytes(archive.MaxSize)
			for b.Loop() {
				if _, _, err := archive.Encode(content, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkName(b *testing.B) {
	r := piece.Ref{Key: peer.Secret{1}, Code: archive.Choose(archive.Large)}
	for b.Loop() {
		archive.Name(r, 13)
	}
}

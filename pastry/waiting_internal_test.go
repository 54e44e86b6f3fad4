package pastry

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Those on their way over a link stay in the order in which they came, whichever of them are taken out.
func TestOnTheirWayOverALink(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var l link
	var want []*pendingHop
	for i := range 5000 {
		if k := len(want); k > 0 && (rng.IntN(2) == 0 || i > 4000) {
			at := [...]int{0, k - 1, rng.IntN(k)}[rng.IntN(3)]
			l.drop(want[at])
			want = slices.Delete(want, at, at+1)
		} else {
			p := new(pendingHop)
			l.wait(p)
			want = append(want, p)
		}
		var have []*pendingHop
		for p := l.pending; p != nil; p = p.next {
			have = append(have, p)
		}
		if !slices.Equal(have, want) {
			t.Fatalf("after %d: other ones, or in another order", i)
		}
	}
	if len(want) != 0 {
		t.Errorf("%d are left: the test should have emptied it", len(want))
	}
}

package office

import (
	"testing"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
)

// TestApartStandsForNoMajority: a branch that was made apart stands for that of a majority only if it heard of it, though
// the version is the same in both: else it would go on for ever, with holders who do not take its rulings.
func TestApartStandsForNoMajority(t *testing.T) {
	term := func(n uint64) certificate.Term { return certificate.Term{Count: n} }
	r := func(origin, count, number uint64, absorbed ...*certificate.Absorbed) *certificate.Version {
		return &certificate.Version{Ruling: &certificate.Ruling{Origin: term(origin), Term: term(count), Number: number, Certificate: id.HashOf("x"), Absorbed: absorbed}}
	}
	left := &certificate.Absorbed{Origin: term(1), Term: term(2), Number: 2, Certificate: id.HashOf("x"), Left: 5}
	majority := r(12, 12, 3, &certificate.Absorbed{Origin: term(1), Term: term(2), Number: 2, Certificate: id.HashOf("x")})
	for _, c := range []struct {
		what  string
		apart *certificate.Version
		known int
	}{
		{"never heard of it", r(13, 228, 1, left), 2},
		{"never heard of it, and is earlier", r(11, 11, 1, left), 1},
		{"has met it", r(13, 228, 1, left, majority.Ruling.Point(false)), 1},
	} {
		a := &canvass{tips: []*certificate.Version{c.apart, majority}}
		if got := len(a.known()); got != c.known {
			t.Errorf("a branch apart that %s: %d branches are known, want %d", c.what, got, c.known)
		}
	}
}

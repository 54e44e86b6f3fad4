package certificate_test

import (
	"slices"
	"testing"

	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/id"
)

// TestRulingOver: which ruling a holder takes in place of another, and what stands for what.
func TestRulingOver(t *testing.T) {
	term := func(n uint64) certificate.Term { return certificate.Term{Count: n} }
	r := func(origin, count, number uint64, version string, absorbed ...*certificate.Absorbed) *certificate.Ruling {
		return &certificate.Ruling{Origin: term(origin), Term: term(count), Number: number, Certificate: id.HashOf(version), Absorbed: absorbed}
	}
	draft := func(r *certificate.Ruling) *certificate.Ruling {
		r.Draft = true
		return r
	}
	x, y := r(1, 3, 2, "x"), r(2, 4, 1, "y")
	met := certificate.Absorb([]*certificate.Version{{Ruling: y}, {Ruling: x}})
	for _, c := range []struct {
		what         string
		a, b         *certificate.Ruling
		over, covers bool
	}{
		{"a later one of the same branch", r(1, 3, 3, "x2"), x, true, true},
		{"an earlier one of the same branch", x, r(1, 4, 1, "x2"), false, false},
		{"a later one of another branch", y, x, true, false},
		{"an earlier one of another branch", x, y, false, false},
		{"a draft, and another branch", draft(r(9, 9, 1, "z")), x, false, false},
		{"a draft, and an earlier draft", draft(r(9, 9, 1, "z")), draft(r(8, 8, 1, "d")), true, false},
		{"another branch, and a later draft", x, draft(r(9, 9, 1, "z")), true, false},
		{"where they meet", r(7, 7, 2, "y", met...), x, true, true},
		{"a draft of that", draft(r(7, 7, 1, "y", met...)), x, true, true},
		{"what met in a draft, and that", x, draft(r(7, 7, 1, "y", met...)), false, false},
		{"where they met, and what came later", r(7, 7, 2, "y", met...), r(1, 8, 1, "x3"), false, false},
		{"a draft of that, and what came later", draft(r(7, 9, 1, "y", met...)), r(1, 8, 1, "x3"), false, false},
		{"where they met, and the same version ruled again", r(7, 7, 2, "y", met...), r(1, 6, 1, "x"), true, true},
	} {
		if got := c.a.Over(c.b); got != c.over {
			t.Errorf("%s: over is %t", c.what, got)
		}
		if got := c.a.Covers(c.b); got != c.covers {
			t.Errorf("%s: covers is %t", c.what, got)
		}
	}
}

// TestAbsorbDoneWith: what one of those that meet has kept, and another one knew and has not, is not kept, as nobody has it;
// what each of them keeps, or one alone knows, is.
func TestAbsorbDoneWith(t *testing.T) {
	ruling := func(n uint64, absorbed ...*certificate.Absorbed) *certificate.Ruling {
		return &certificate.Ruling{Origin: certificate.Term{Count: n}, Term: certificate.Term{Count: n}, Number: 1, Certificate: id.HashOf("version", n), Absorbed: absorbed}
	}
	done, both, alone := ruling(1), ruling(2), ruling(3)
	a := ruling(11, done.Point(true), both.Point(true), alone.Point(true))
	b := ruling(12, done.Point(false), both.Point(true))
	for _, met := range [][]*certificate.Version{{{Ruling: a}, {Ruling: b}}, {{Ruling: b}, {Ruling: a}}} {
		points := certificate.Absorb(met)
		want := []id.Hash{met[1].Ruling.Certificate, both.Certificate, alone.Certificate}
		got := certificate.Rivals(points)
		if len(got) != 3 || slices.ContainsFunc(want, func(h id.Hash) bool { return !slices.Contains(got, h) }) {
			t.Errorf("kept are %v, want %v", got, want)
		}
		if !slices.ContainsFunc(points, func(x *certificate.Absorbed) bool { return x.Certificate == done.Certificate }) {
			t.Error("what is not kept is not known any more")
		}
	}
}

// TestAbsorb: what meets is named once, what is kept comes first, and there is an end to it.
func TestAbsorb(t *testing.T) {
	ruling := func(n uint64, absorbed ...*certificate.Absorbed) *certificate.Ruling {
		return &certificate.Ruling{Origin: certificate.Term{Count: n}, Term: certificate.Term{Count: n}, Number: 1, Certificate: id.HashOf("version", n), Absorbed: absorbed}
	}
	var old []*certificate.Absorbed
	for n := uint64(100); n < 100+certificate.MaxAbsorbed; n++ {
		old = append(old, ruling(n).Point(n >= 100+certificate.MaxAbsorbed-3))
	}
	points := certificate.Absorb([]*certificate.Version{{Ruling: ruling(1)}, {Ruling: ruling(2, old...)}})
	if len(points) != certificate.MaxAbsorbed {
		t.Errorf("%d points", len(points))
	}
	if got := certificate.Rivals(points); len(got) != 4 {
		t.Errorf("%d rivals, want 4", len(got))
	}
	left := certificate.Resolve(points, []id.Hash{id.HashOf("version", uint64(2))})
	if got := certificate.Rivals(left); len(got) != 3 || len(left) != len(points) {
		t.Errorf("%d rivals of %d points are left", len(got), len(left))
	}
	if got := certificate.Absorb([]*certificate.Version{{Ruling: ruling(1)}, {Ruling: &certificate.Ruling{Origin: certificate.Term{Count: 5}, Certificate: ruling(1).Certificate}}}); len(certificate.Rivals(got)) != 0 {
		t.Error("one version is a rival of itself")
	}
}

// TestRejoined: a branch is apart from another one until that meets it, or one that has taken that over with its majority's
// word: at the point where it was left or later, or, if that one is complete, at any.
func TestRejoined(t *testing.T) {
	term := func(n uint64) certificate.Term { return certificate.Term{Count: n} }
	r := func(origin uint64, absorbed ...*certificate.Absorbed) *certificate.Ruling {
		return &certificate.Ruling{Origin: term(origin), Term: term(origin), Number: 1, Certificate: id.HashOf("version", origin), Absorbed: absorbed}
	}
	draft := r(9, &certificate.Absorbed{Origin: term(1), Term: term(5)})
	draft.Draft = true
	for _, c := range []struct {
		what  string
		meets *certificate.Ruling
		apart int
	}{
		{"itself", r(1), 0},
		{"one that knows nothing of it", r(9), 3},
		{"one that took it over there", r(9, &certificate.Absorbed{Origin: term(1), Term: term(6), Number: 1}), 0},
		{"one that took it over later", r(9, &certificate.Absorbed{Origin: term(1), Term: term(7)}), 0},
		{"one that took it over earlier", r(9, &certificate.Absorbed{Origin: term(1), Term: term(5)}), 0},
		{"a draft that did", draft, 3},
		{"one that left it, too", r(9, &certificate.Absorbed{Origin: term(1), Term: term(5), Left: 3}), 3},
	} {
		left := r(8, &certificate.Absorbed{Origin: term(1), Term: term(6), Number: 1, Left: 3})
		met := &certificate.Ruling{Absorbed: certificate.Absorb([]*certificate.Version{{Ruling: left}, {Ruling: c.meets}})}
		if got := met.Apart(); got != c.apart {
			t.Errorf("where it meets %s it is apart from %d, want %d", c.what, got, c.apart)
		}
	}
}

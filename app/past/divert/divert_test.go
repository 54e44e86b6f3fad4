package divert_test

import (
	"math"
	"strings"
	"testing"

	"github.com/phyllo-net/phyllo/app/past/divert"
	"github.com/phyllo-net/phyllo/id"
)

// TestTakes: a node refuses a file D if S_D/F_N > t (PAST, 3.3).
func TestTakes(t *testing.T) {
	p := divert.Default()
	for _, c := range []struct {
		size, left      int64
		first, diverted bool
	}{
		{0, 0, true, true}, // nothing needs no room
		{1, 0, false, false},
		{1, 9, false, false},
		{1, 10, true, false},
		{1, 20, true, true},
		{100, 1000, true, false},
		{101, 1000, false, false},
		{50, 1000, true, true},
		{51, 1000, true, false},
		{1, -5, false, false}, // more is kept than is offered now
		{math.MaxInt64, math.MaxInt64, false, false},
	} {
		if got := p.Takes(c.size, c.left); got != c.first {
			t.Errorf("%d bytes with %d left: %v", c.size, c.left, got)
		}
		if got := p.TakesDiverted(c.size, c.left); got != c.diverted {
			t.Errorf("%d diverted bytes with %d left: %v", c.size, c.left, got)
		}
	}
	none := divert.None()
	if !none.Takes(10, 10) || none.Takes(11, 10) || none.TakesDiverted(1, 1000) {
		t.Error("without diversion a node takes what fits, and nothing for others")
	}
}

func TestChoose(t *testing.T) {
	member := func(n uint8, left, offered int64) divert.Member {
		return divert.Member{Node: id.Tiny(n), Left: left, Offered: offered}
	}
	object := id.HashOf("an object")
	for _, c := range []struct {
		name string
		size int64
		from []divert.Member
		want int
	}{
		{"nobody there", 1, nil, -1},
		{"nobody has room", 10, []divert.Member{member(1, 100, 1000), member(2, 199, 1000)}, -1},
		{"most room", 10, []divert.Member{member(1, 300, 1000), member(2, 400, 1000), member(3, 350, 1000)}, 1},
		{"the first of equals", 10, []divert.Member{member(1, 100, 1000), member(2, 400, 1000), member(3, 400, 1000)}, 1},
		{"who offers most is asked first", 10, []divert.Member{member(1, 900, 1000), member(2, 800, 9000),
			member(3, 900, 1000), member(4, 900, 1000), member(5, 900, 1000), member(6, 900, 1000), member(7, 900, 1000)}, 1},
		{"unless it is full", 10, []divert.Member{member(1, 900, 1000), member(2, 100, 9000),
			member(3, 901, 1000), member(4, 900, 1000), member(5, 900, 1000), member(6, 900, 1000), member(7, 900, 1000)}, 2},
		{"three times the mean is not outsize", 10, []divert.Member{member(1, 900, 1000), member(2, 800, 6000),
			member(3, 800, 1000), member(4, 800, 1000), member(5, 800, 1000)}, 0},
	} {
		if got := divert.Default().Choose(object, c.size, c.from); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestOutsizeByRoom: among those who offer much more than others replicas are spread by the
// room that they have.
func TestOutsizeByRoom(t *testing.T) {
	from := []divert.Member{{Node: id.Tiny(1), Left: 30_000, Offered: 100_000}, {Node: id.Tiny(2), Left: 10_000, Offered: 100_000}}
	for n := range uint8(20) {
		from = append(from, divert.Member{Node: id.Tiny(100 + n), Left: 90_000, Offered: 1000})
	}
	count := make([]int, len(from))
	const objects = 4000
	for i := range objects {
		object := id.HashOf("object", i)
		n := divert.Default().Choose(object, 10, from)
		count[n]++
		if n != divert.Default().Choose(object, 10, from) {
			t.Fatal("one object, two choices")
		}
	}
	if count[0]+count[1] != objects || count[0] < objects*70/100 || count[0] > objects*80/100 {
		t.Errorf("%d and %d of %d, want three quarters and a quarter", count[0], count[1], objects)
	}
}

func TestValidate(t *testing.T) {
	for name, p := range map[string]divert.Policy{"": divert.Default(), " ": divert.None(), "  ": divert.Paper(), "   ": divert.Balanced(),
		"Primary":        {Primary: 1.1},
		"Diverted":       {Primary: 0.1, Diverted: 0.2},
		"Salts":          {Primary: 0.1, Draws: 1, Salts: 17},
		"Draws":          {Primary: 0.1},
		"Outsize":        {Primary: 0.1, Draws: 1, Outsize: 0.5},
		"Primary is NaN": {Primary: math.NaN()},
	} {
		err := p.Validate()
		if good := strings.TrimSpace(name) == ""; good != (err == nil) || !good && !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBest(t *testing.T) {
	for _, c := range []struct {
		places []divert.Place
		want   int
	}{
		{nil, -1},
		{[]divert.Place{{0, 0}}, 0},
		{[]divert.Place{{10, 100}, {11, 100}}, 1},
		{[]divert.Place{{10, 100}, {10, 100}}, 0},
		{[]divert.Place{{10, 20}, {100, 1000}}, 0}, // what is left for what is offered
		{[]divert.Place{{-5, 20}, {0, 0}}, 1},
	} {
		if got := divert.Best(c.places); got != c.want {
			t.Errorf("%v: %d, want %d", c.places, got, c.want)
		}
	}
}

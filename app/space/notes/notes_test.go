package notes_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/space/notes"
	"github.com/phyllo-net/phyllo/app/space/piece"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
)

var now = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// lost is after what time out of sight others are taken for lost.
const lost = 30 * 24 * time.Hour

func root(version uint64, made ...notes.Made) notes.Root {
	return notes.Root{Version: version, Made: made, Agreed: true}
}

// TestSettle: an attempt is forgotten once no root can come up any more that it made and that the
// current one does not come after.
func TestSettle(t *testing.T) {
	other := notes.Made{Who: 9, Attempt: 4}
	tried := notes.Attempt{Made: notes.Made{Who: 1, Attempt: 5}, Version: 8, Base: &other, Date: now.UnixMilli()}
	sure := tried
	sure.Sure = true
	first, apart, minority := tried, tried, root(8, notes.Made{Who: 3, Attempt: 1}, other)
	first.Base, apart.Apart, minority.Agreed = nil, true, false
	for _, c := range []struct {
		what  string
		a     notes.Attempt
		by    notes.Root
		after time.Duration
		want  bool
	}{
		{"it is the root", sure, root(8, tried.Made, other), 0, true},
		{"a later one of the same run comes after it", sure, root(11, notes.Made{Who: 3, Attempt: 1}, notes.Made{Who: 1, Attempt: 7}), 0, true},
		{"an earlier one of the same run does not", sure, root(11, notes.Made{Who: 1, Attempt: 4}), 0, false},
		{"a root of its base stands in its place, though it was one", sure, root(8, notes.Made{Who: 3, Attempt: 1}, other), 0, false},
		{"a root of its base stands in its place", tried, root(8, notes.Made{Who: 3, Attempt: 1}, other), 0, true},
		{"a root of a minority stands in its place", tried, minority, 0, false},
		{"a root of its base stands in its place, though it may be in another part", apart, root(8, notes.Made{Who: 3, Attempt: 1}, other), 0, false},
		{"it was in another part, and they have met", apart, root(9, notes.Made{Who: 3, Attempt: 2}, other, tried.Made), 0, true},
		{"its base is still current", tried, root(7, other), 0, false},
		{"the current root knows nothing of its base", tried, root(12, notes.Made{Who: 3, Attempt: 1}), 0, false},
		{"there was no root before it, and there is another one", first, root(3, other), time.Hour, false},
	} {
		var as notes.Attempts
		as.Try(c.a)
		as.Settle(c.by, now.Add(c.after), lost)
		if got := len(as.List) == 0; got != c.want {
			t.Errorf("%s: settled is %t", c.what, got)
		}
	}
}

// TestLapses: what roots of a majority do not come after is thought of until the part of the ring that may have it is taken for
// lost: so long after the first such root, whenever it was tried, while the node looks.
func TestLapses(t *testing.T) {
	const day = 24 * time.Hour
	base, last := notes.Made{Who: 9, Attempt: 4}, root(12, notes.Made{Who: 3, Attempt: 1})
	apart := last
	apart.Agreed = false
	part := root(9, notes.Made{Who: 1, Attempt: 5}, notes.Made{Who: 2, Attempt: 1})
	part.Agreed = false
	for _, sure := range []bool{true, false} {
		as := notes.Attempts{List: []notes.Attempt{
			{Made: notes.Made{Who: 1, Attempt: 5}, Version: 8, Base: &base, Sure: sure, Date: now.UnixMilli()},
			{Made: notes.Made{Who: 2, Attempt: 1}, Version: 1, Sure: sure, Date: now.UnixMilli()}, // of the first root
		}}
		after := time.Duration(0)
		looks := func(what string, by notes.Root, every time.Duration, times int, lost time.Duration, want int) {
			t.Helper()
			for range times {
				after += every
				as.Settle(by, now.Add(after), lost)
			}
			if len(as.List) != want {
				t.Errorf("sure: %t; %s: %d attempts are left, want %d", sure, what, len(as.List), want)
			}
		}
		looks("a root of a minority, long after", apart, day, 60, lost, 2)
		looks("the first root of a majority", last, day, 1, lost, 2)
		looks("soon", last, day, 29, lost, 2)
		looks("a root of a minority", apart, day, 1, lost, 2)
		looks("the part in which they stand, met again", part, day, 1, lost, 2)
		looks("a root of a majority, when it is out of sight again", last, day, 28, lost, 2)
		looks("the node was off, or its clock is set to another year", last, 365*day, 1, lost, 2)
		looks("and back", last, -365*day, 1, lost, 2)
		looks("nobody is taken for lost", last, day, 30, 0, 2)
		looks("long after", last, day, 1, lost, 0)
	}
}

// TestSettledApart: a root that no majority has agreed to may go out of sight, so what it comes after is not forgotten; but
// one attempt of each run is enough.
func TestSettledApart(t *testing.T) {
	base := notes.Made{Who: 9, Attempt: 4}
	var as notes.Attempts
	for n := range uint64(3) {
		as.Try(notes.Attempt{Made: notes.Made{Who: 1, Attempt: 5 + n}, Version: 8 + n, Base: &base, Date: now.UnixMilli()})
	}
	as.Try(notes.Attempt{Made: notes.Made{Who: 2, Attempt: 3}, Version: 7, Base: &base, Date: now.UnixMilli()})
	alone := root(9, notes.Made{Who: 1, Attempt: 6}, notes.Made{Who: 2, Attempt: 3}, base)
	alone.Agreed = false
	left := func() (made []notes.Made) {
		for _, a := range as.List {
			made = append(made, a.Made)
		}
		return made
	}
	as.Settle(alone, now, lost)
	if want := []notes.Made{{Who: 1, Attempt: 6}, {Who: 1, Attempt: 7}, {Who: 2, Attempt: 3}}; !slices.Equal(left(), want) {
		t.Errorf("after a root of a minority %v are left, want %v", left(), want)
	}
	as.Settle(root(12, notes.Made{Who: 3, Attempt: 1}, notes.Made{Who: 2, Attempt: 8}, base), now, lost)
	if want := []notes.Made{{Who: 1, Attempt: 6}}; !slices.Equal(left(), want) {
		t.Errorf("after a root of a majority that knows nothing of it %v are left, want %v", left(), want)
	}
	alone.Agreed = true
	if as.Settle(alone, now, lost); len(as.List) > 0 {
		t.Errorf("when a majority has agreed to it %v are left", left())
	}
}

// TestAttemptsAreKept: what is written down comes back; where that cannot be known, nothing settles it.
func TestAttemptsAreKept(t *testing.T) {
	st, space := mem.New(), id.HashOf("space")
	as, err := notes.Read(st, space)
	if err != nil || len(as.List) > 0 || as.Unknown {
		t.Fatalf("at first: %+v, %v", as, err)
	}
	for n := range uint64(1001) {
		as.Try(notes.Attempt{Made: notes.Made{Who: 1, Attempt: n}, Version: n})
		if as.Unknown != (n == 1000) {
			t.Fatalf("after %d attempts unknown is %t", n+1, as.Unknown)
		}
	}
	if err := as.Write(st, space); err != nil {
		t.Fatal(err)
	}
	if got, err := notes.Read(st, space); err != nil || len(got.List) != 1000 || !got.Unknown || got.List[7] != as.List[7] {
		t.Errorf("%d attempts came back, %v", len(got.List), err)
	}
	if err := st.Put(notes.AttemptTable, space[:], []byte("no attempts")); err != nil {
		t.Fatal(err)
	}
	if got, err := notes.Read(st, space); err != nil || !got.Unknown {
		t.Errorf("a damaged record: %+v, %v", got, err)
	}
}

// TestHeld: contents are held until they are released; a damaged record is an error, as nobody knows what it held.
func TestHeld(t *testing.T) {
	st := mem.New()
	one := piece.Content{Ref: piece.Ref{Object: id.HashOf("one"), Hash: id.HashOf("1"), Size: 5}}
	two := piece.Content{Ref: piece.Ref{Object: id.HashOf("two"), Hash: id.HashOf("2"), Size: 9}}
	for _, err := range []error{notes.Hold(st, one), notes.Hold(st, two), notes.Hold(st, one), notes.Hold(st, piece.Content{}), notes.Release(st, two), notes.Release(st, piece.Content{})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if cs, err := notes.Held(st); err != nil || len(cs) != 1 || cs[0] != one {
		t.Errorf("held: %v, %v", cs, err)
	}
	o := two.Ref.Object
	if err := st.Put(notes.HeldTable, o[:], []byte("nothing")); err != nil {
		t.Fatal(err)
	}
	if _, err := notes.Held(st); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a damaged record: %v", err)
	}
}

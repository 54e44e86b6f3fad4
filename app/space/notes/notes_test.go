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
	first := tried
	first.Base = nil
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
		{"its base is still current", tried, root(7, other), 0, false},
		{"the current root knows nothing of its base", tried, root(12, notes.Made{Who: 3, Attempt: 1}), 0, false},
		{"and will not for ever", tried, root(12, notes.Made{Who: 3, Attempt: 1}), 2 * notes.Lapse, false},
		{"there was no root before it, and there is another one", first, root(3, other), time.Hour, false},
		{"that was a month ago", first, root(3, other), 2 * notes.Lapse, true},
	} {
		var as notes.Attempts
		as.Try(c.a)
		as.Settle(c.by, now.Add(c.after))
		if got := len(as.List) == 0; got != c.want {
			t.Errorf("%s: settled is %t", c.what, got)
		}
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
	as.Settle(alone, now)
	if want := []notes.Made{{Who: 1, Attempt: 6}, {Who: 1, Attempt: 7}, {Who: 2, Attempt: 3}}; !slices.Equal(left(), want) {
		t.Errorf("after a root of a minority %v are left, want %v", left(), want)
	}
	as.Settle(root(12, notes.Made{Who: 3, Attempt: 1}, notes.Made{Who: 2, Attempt: 8}, base), now)
	if want := []notes.Made{{Who: 1, Attempt: 6}}; !slices.Equal(left(), want) {
		t.Errorf("after a root of a majority that knows nothing of it %v are left, want %v", left(), want)
	}
	alone.Agreed = true
	if as.Settle(alone, now); len(as.List) > 0 {
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

package missed_test

import (
	"slices"
	"testing"

	"github.com/phyllo-net/phyllo/app/past/missed"
	"github.com/phyllo-net/phyllo/id"
)

// TestCircle: the circle goes with who comes and goes as long as a majority of it is there, and else stays as it is, also
// over a restart, until so many are back or lost.
func TestCircle(t *testing.T) {
	ids := func(names string) (ids []id.ID) {
		for _, n := range names {
			ids = append(ids, id.ID{Lo: uint64(n)})
		}
		return ids
	}
	var c missed.Circle
	for _, x := range []struct {
		there, away, lost string
		want              string
		outnumbered       bool
	}{
		{there: "a", want: "a"},
		{there: "ba", want: "ab"},
		{there: "abc", want: "abc"},
		{there: "edcba", want: "abcde"},
		{there: "abcd", away: "e", want: "abcde"},
		{there: "abcd", want: "abcd"},
		{there: "abcde", want: "abcde"},
		{there: "ab", away: "cde", want: "abcde", outnumbered: true},
		{there: "ab", want: "abcde", outnumbered: true},
		{there: "abxy", want: "abcde", outnumbered: true},
		{there: "ab", lost: "c", want: "abde", outnumbered: true},
		{there: "abdx", want: "abdx"},
		{there: "ab", want: "abdx", outnumbered: true},
		{there: "ab", lost: "abdx", want: "ab"},
		{there: "a", away: "b", want: "ab", outnumbered: true},
		{there: "a", lost: "b", want: "a"},
	} {
		c = c.Meet(ids(x.there), ids(x.away), func(n id.ID) bool { return slices.Contains(ids(x.lost), n) })
		if !slices.Equal(c, ids(x.want)) || c.Outnumbered(ids(x.there)) != x.outnumbered {
			t.Fatalf("%+v: %v, %t", x, c, c.Outnumbered(ids(x.there)))
		}
		if back := missed.ReadCircle(c.Bytes()); !slices.Equal(back, c) {
			t.Fatalf("after a restart: %v, want %v", back, c)
		}
	}
	if got := missed.ReadCircle([]byte("damaged"), ids("cac")...); !slices.Equal(got, ids("ac")) {
		t.Errorf("with others besides: %v", got)
	}
}

package pastry_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
)

// knower is a node that was told of others, and what it was told.
type knower struct {
	*pastry.Node
	base id.Base
	self id.ID
	leaf []id.ID // whom its leaf set kept
	all  []id.ID // leaf set, table and neighbourhood set
}

var drawID = rapid.Custom(func(t *rapid.T) id.ID {
	return id.ID{Hi: rapid.Uint64().Draw(t, "hi"), Lo: rapid.Uint64Min(1).Draw(t, "lo")}
})

// drawKnower draws a node of an 8-bit ring with four digits, or of the full one,
// that knows some others.
func drawKnower(t *rapid.T) *knower {
	draw := drawID
	if rapid.Bool().Draw(t, "tiny") {
		draw = rapid.Custom(func(t *rapid.T) id.ID { return id.Tiny(rapid.ByteMin(1).Draw(t, "id")) })
	}
	k := &knower{base: id.Base(rapid.SampledFrom([]int{1, 2, 4, 8}).Draw(t, "base")), self: draw.Draw(t, "self")}
	c := config()
	c.Base, c.LeafSet, c.Neighbourhood = k.base, 2*rapid.IntRange(1, 3).Draw(t, "half"), 3
	var err error
	if k.Node, err = pastry.New(c, &peer.Handle{ID: k.self, Incarnation: 1}, nil); err != nil {
		t.Fatal(err)
	}
	flag := rapid.Bool()
	for _, x := range rapid.SliceOfNDistinct(draw, 0, 24, rapid.ID).Draw(t, "others") {
		if x == k.self {
			continue
		}
		k.Learn(&peer.Handle{ID: x, Incarnation: 1}, pastry.Place{Leaf: flag.Draw(t, "leaf"), Table: flag.Draw(t, "table"), Near: flag.Draw(t, "near"),
			RTT: time.Duration(rapid.IntRange(1, 99).Draw(t, "rtt")) * time.Millisecond})
	}
	v := k.View(clockAt(0))
	for _, h := range v.Leaf {
		k.leaf = append(k.leaf, h.ID)
	}
	k.all = slices.Clone(k.leaf)
	for _, e := range v.Table {
		k.all = append(k.all, e.Node.ID)
	}
	for _, h := range v.Near {
		k.all = append(k.all, h.ID)
	}
	return k
}

// within reports whether the key lies between the ends of the leaf set, over the
// node itself.
func (k *knower) within(key id.ID) bool {
	v := k.View(clockAt(0))
	if len(v.Left) == 0 {
		return true
	}
	left, right := k.self.Sub(v.Left[len(v.Left)-1].ID), v.Right[len(v.Right)-1].ID.Sub(k.self)
	if left.Add(right).Less(left) || left.Add(right).IsZero() {
		return true // the arcs overlap
	}
	return !left.Less(k.self.Sub(key)) || !right.Less(key.Sub(k.self))
}

// slot is the table entry for a key, zero if there is none.
func (k *knower) slot(key id.ID) id.ID {
	row := k.base.SharedPrefix(k.self, key)
	for _, e := range k.View(clockAt(0)).Table {
		if row < k.base.Rows() && e.Row == row && e.Col == k.base.Digit(key, row) {
			return e.Node.ID
		}
	}
	return id.ID{}
}

// fits reports whether a hop to x shares as much of the key and comes nearer (the
// third rule).
func (k *knower) fits(key, x id.ID) bool {
	return k.base.SharedPrefix(x, key) >= k.base.SharedPrefix(k.self, key) && id.Closer(key, x, k.self)
}

// Pastry 2001, section 2.3: the routing procedure, against its three rules read
// word by word.
func TestNextHopFollowsTheThreeRules(t *testing.T) {
	rules := make(map[string]int)
	rapid.Check(t, func(t *rapid.T) {
		k := drawKnower(t)
		for range 8 {
			key := drawID.Draw(t, "key")
			if len(k.all) > 0 && rapid.Bool().Draw(t, "near a node") {
				key = rapid.SampledFrom(k.all).Draw(t, "node").Add(id.ID{Lo: rapid.Uint64Range(0, 2).Draw(t, "off")})
			}
			var got id.ID
			if h := k.NextHop(key, nil, false); h != nil {
				got = h.ID
			}
			switch entry := k.slot(key); {
			case k.within(key):
				rules["leaf set"]++
				want := id.ID{}
				best := k.self
				for _, x := range k.leaf {
					if id.Closer(key, x, best) {
						want, best = x, x
					}
				}
				if got != want {
					t.Fatalf("leaf set: %s, want %s", got, want)
				}
			case !entry.IsZero():
				rules["table"]++
				if got != entry {
					t.Fatalf("table: %s, want %s", got, entry)
				}
			default:
				rules["rare case"]++
				some := slices.ContainsFunc(k.all, func(x id.ID) bool { return k.fits(key, x) })
				if some == got.IsZero() || some && !k.fits(key, got) {
					t.Fatalf("rare case: %s, somebody fits %v", got, some)
				}
			}
		}
	})
	for _, r := range []string{"leaf set", "table", "rare case"} {
		if rules[r] == 0 {
			t.Errorf("rule %q was never tried", r)
		}
	}
}

// Pastry 2001, section 2.2: whatever the next hop is drawn from, each shares a
// longer prefix, or as long a one and is nearer, so routes do not loop. Nobody who
// is to be avoided is taken, except as the root.
func TestEveryHopComesNearer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := drawKnower(t)
		key := drawID.Draw(t, "key")
		var avoid []id.ID
		if len(k.all) > 0 {
			avoid = rapid.SliceOfN(rapid.SampledFrom(k.all), 0, 4).Draw(t, "avoid")
		}
		h := k.NextHop(key, avoid, rapid.Bool().Draw(t, "random"))
		if h == nil || k.within(key) {
			return
		}
		own, its := k.base.SharedPrefix(k.self, key), k.base.SharedPrefix(h.ID, key)
		if its < own || its == own && !id.Closer(key, h.ID, k.self) {
			t.Fatalf("%s shares %d digits, this node %d", h.ID, its, own)
		}
		if slices.Contains(avoid, h.ID) {
			t.Fatalf("%s was to be avoided", h.ID)
		}
	})
}

// Pastry 2001, section 2.1: an entry stands where its digits say, and is the
// nearest by proximity that was offered.
func TestTableHoldsTheNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := config()
		c.Base = 2
		self := id.Tiny(rapid.Byte().Draw(t, "self"))
		n, err := pastry.New(c, &peer.Handle{ID: self, Incarnation: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		type slot struct{ row, col int }
		nearest := make(map[slot]int)
		for _, x := range rapid.SliceOfNDistinct(rapid.Byte(), 1, 99, rapid.ID).Draw(t, "others") {
			if id.Tiny(x) == self {
				continue
			}
			rtt := rapid.IntRange(1, 1000).Draw(t, "rtt")
			n.Learn(&peer.Handle{ID: id.Tiny(x), Incarnation: uint64(rtt)}, pastry.Place{Table: true, RTT: time.Duration(2*rtt) * time.Microsecond})
			row := 0
			for row < 4 && x>>(6-2*row)&3 == self.Bytes()[0]>>(6-2*row)&3 {
				row++
			}
			s := slot{row, int(x >> (6 - 2*row) & 3)}
			if have, is := nearest[s]; !is || rtt < have {
				nearest[s] = rtt
			}
		}
		table := n.View(clockAt(0)).Table
		for _, e := range table {
			if want := nearest[slot{e.Row, e.Col}]; int(e.Node.Incarnation) != want || int(e.RTT) != 2*want {
				t.Fatalf("row %d, column %d: %v at %d, want one at %d", e.Row, e.Col, e.Node, e.RTT, 2*want)
			}
		}
		if len(table) != len(nearest) {
			t.Fatalf("%d entries, want %d", len(table), len(nearest))
		}
	})
}

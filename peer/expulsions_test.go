package peer_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
)

var members = []signer{newSigner("m0"), newSigner("m1"), newSigner("m2")}

// drawEntry makes a rightly signed entry about one of a few subjects.
func drawEntry(t *rapid.T) *peer.Expulsion {
	e := &peer.Expulsion{
		Number: rapid.Uint64Range(1, 4).Draw(t, "number"),
		Time:   start.Unix() + rapid.Int64Range(0, 5).Draw(t, "time"),
	}
	member := rapid.SampledFrom(members).Draw(t, "member")
	e.Node = peer.NodeID(member.key, peer.Salt{1})
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return signed(e, founder, second)
	case 1:
		e.Sole = true
		return signed(e, rapid.SampledFrom([]signer{founder, second}).Draw(t, "sole"))
	case 2:
		e.Pardon = true
	case 3:
		e.Node, e.Admitter = id.ID{}, rapid.SampledFrom([]signer{founder, second}).Draw(t, "admitter").key
		e.Pardon = rapid.Bool().Draw(t, "pardon")
	}
	return signed(e, authority)
}

// Nodes that were told the same come to the same set, in whatever order.
func TestTheOrderOfEntriesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(drawEntry), 0, 12).Draw(t, "entries")
		order := rapid.Permutation(list).Draw(t, "order")
		var a, b peer.Expulsions
		for _, e := range list {
			a.Add(e)
			a.Saw(admission(founder, start.Add(-time.Hour)))
		}
		b.Saw(admission(founder, start.Add(-time.Hour)))
		for i, e := range order {
			b.Add(e)
			b.Add(order[i/2])
		}
		if a.Digest() != b.Digest() || len(a.All()) != len(b.All()) {
			t.Fatalf("%d entries with digest %x, and %d with %x", len(a.All()), a.Digest(), len(b.All()), b.Digest())
		}
		for _, m := range members {
			n := peer.NodeID(m.key, peer.Salt{1})
			if a.Expelled(n) != b.Expelled(n) || a.Number(n, peer.Key{}) != b.Number(n, peer.Key{}) {
				t.Fatalf("they do not agree about %s", n.Short())
			}
		}
		for _, e := range list {
			wants := b.Wants(e)
			if b.Add(e) || wants {
				t.Fatal("an entry that was given already is wanted, or changed the set")
			}
		}
		for _, e := range a.All() {
			if a.Wants(e) || a.Add(e) {
				t.Fatal("an entry that is there changed the set")
			}
		}
	})
}

func TestHigherNumberWins(t *testing.T) {
	m := newSigner("member")
	node := expulsion(1, m).Node
	pardon := func(n uint64) *peer.Expulsion {
		e := expulsion(n, m)
		e.Pardon = true
		return signed(e, authority)
	}
	var x peer.Expulsions
	if !x.Wants(nil) || !x.Wants(&peer.Expulsion{Sole: true}) {
		t.Error("a fault would not be found")
	}
	if x.Digest() != 0 || x.Expelled(node) || x.Number(node, peer.Key{}) != 0 {
		t.Fatal("the empty set says something")
	}
	for i, step := range []struct {
		entry    *peer.Expulsion
		changes  bool
		expelled bool
		number   uint64
	}{
		{signed(expulsion(2, m), founder, second), true, true, 2},
		{pardon(1), false, true, 2},
		{pardon(2), true, false, 2}, // the authority's counts more
		{signed(expulsion(2, m), founder, second), false, false, 2},
		{signed(expulsion(3, m), founder, second), true, true, 3},
		{pardon(1 << 40), true, false, 1 << 40},
	} {
		if x.Wants(step.entry) != step.changes {
			t.Errorf("step %d: wanted %v", i, !step.changes)
		}
		if x.Add(step.entry) != step.changes || x.Expelled(node) != step.expelled || x.Number(node, peer.Key{}) != step.number {
			t.Errorf("step %d: expelled %v, number %d", i, x.Expelled(node), x.Number(node, peer.Key{}))
		}
	}
}

func TestSoleAdmitter(t *testing.T) {
	m := newSigner("member")
	node := expulsion(1, m).Node
	sole := func(by signer, at time.Time) *peer.Expulsion {
		e := expulsion(5, m)
		e.Sole, e.Time = true, at.Unix()
		e.Sign(ring, by, admission(by, start.Add(-time.Hour)))
		return e
	}
	out := func(s signer, at time.Time) *peer.Expulsion {
		return signed(&peer.Expulsion{Admitter: s.key, Number: 1, Time: at.Unix()}, authority)
	}
	for _, c := range []struct {
		name     string
		set      func(*peer.Expulsions)
		expelled bool
	}{
		{"the ring's only one", func(x *peer.Expulsions) { x.Add(sole(founder, start)) }, true},
		{"one of two", func(x *peer.Expulsions) {
			x.Saw(admission(second, start.Add(-time.Minute)))
			x.Add(sole(founder, start))
		}, false},
		{"one of two, of whom we learn later", func(x *peer.Expulsions) {
			x.Add(sole(founder, start))
			x.Saw(admission(second, start.Add(-time.Minute)))
		}, false},
		{"before there was another", func(x *peer.Expulsions) {
			x.Saw(admission(second, start.Add(time.Minute)))
			x.Add(sole(founder, start))
		}, true},
		{"an admission that is seen again, as an earlier one", func(x *peer.Expulsions) {
			x.Saw(admission(second, start.Add(time.Minute)))
			x.Saw(admission(second, start.Add(-time.Minute)))
			x.Add(sole(founder, start))
		}, false},
		{"after the other was expelled", func(x *peer.Expulsions) {
			x.Saw(admission(second, start.Add(-time.Hour)))
			x.Add(out(second, start.Add(-time.Minute)))
			x.Add(sole(founder, start))
		}, true},
		{"before the other was expelled", func(x *peer.Expulsions) {
			x.Saw(admission(second, start.Add(-time.Hour)))
			x.Add(out(second, start.Add(time.Minute)))
			x.Add(sole(founder, start))
		}, false},
		{"the only one, and later a second with a higher number", func(x *peer.Expulsions) {
			x.Add(sole(founder, start.Add(-30*time.Minute)))
			e := expulsion(6, m)
			e.Sole = true
			e.Sign(ring, second, admission(second, start.Add(-time.Minute)))
			x.Add(e)
		}, true},
		{"after he was expelled himself", func(x *peer.Expulsions) {
			x.Add(out(founder, start.Add(-time.Minute)))
			x.Add(sole(founder, start))
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var x peer.Expulsions
			c.set(&x)
			if !c.expelled && len(x.All()) == 0 {
				t.Fatal("no entry")
			}
			if x.Expelled(node) != c.expelled {
				t.Errorf("expelled %v, want %v", x.Expelled(node), c.expelled)
			}
			// Whatever the lone signer's number: what two have signed is not in its shadow.
			x.Saw(admission(second, start.Add(-time.Hour)))
			x.Add(signed(expulsion(1, m), founder, second))
			if !x.Expelled(node) {
				t.Error("an expulsion by two admitters does not count")
			}
		})
	}
}

func TestExpelledAdmitter(t *testing.T) {
	cert := certificate(second, "member", start)
	at := start.Add(24 * time.Hour)
	var x peer.Expulsions
	if err := x.Allows(cert, time.Time{}); err != nil {
		t.Fatalf("before: %v", err)
	}
	x.Add(signed(&peer.Expulsion{Admitter: second.key, Number: 1, Time: at.Unix()}, authority))
	for _, c := range []struct {
		known time.Time
		good  bool
	}{{time.Time{}, false}, {at, false}, {at.Add(time.Hour), false}, {at.Add(-time.Second), true}} {
		if err := x.Allows(cert, c.known); (err == nil) != c.good || err != nil && !errors.Is(err, peer.ErrIsExpelled) {
			t.Errorf("known since %v: %v", c.known, err)
		}
	}
	if x.Lapsed(cert, at.Add(peer.RenewElsewhere)) || !x.Lapsed(cert, at.Add(peer.RenewElsewhere+time.Second)) {
		t.Error("its bearer has not 7 days to renew it elsewhere")
	}
	if x.Lapsed(certificate(founder, "member", start), at.AddDate(1, 0, 0)) {
		t.Error("a certificate of another admitter lapsed")
	}
	pardon := signed(&peer.Expulsion{Admitter: second.key, Number: 2, Time: at.Unix(), Pardon: true}, authority)
	if x.Add(pardon); x.Allows(cert, time.Time{}) != nil {
		t.Error("pardoned, and still out")
	}
	x.Add(signed(expulsion(1, newSigner("member")), authority))
	if err := x.Allows(cert, start); !errors.Is(err, peer.ErrIsExpelled) {
		t.Errorf("an expelled member: %v", err)
	}
	var none *peer.Expulsions
	if none.Allows(cert, time.Time{}) != nil || none.Expelled(cert.Node) || none.Digest() != 0 || none.All() != nil {
		t.Error("no set says something")
	}
}

func TestTheSetIsBounded(t *testing.T) {
	var x peer.Expulsions
	full := func(i int) *peer.Expulsion {
		e := expulsion(1, newSigner(fmt.Sprint(i)))
		e.Time += int64(i)
		return signed(e, authority)
	}
	sole := func(i int) *peer.Expulsion {
		e := expulsion(1, newSigner(fmt.Sprint(i)))
		e.Time, e.Sole = e.Time+int64(i), true
		return signed(e, founder)
	}
	for i := range peer.MaxExpulsions {
		x.Add(full(i))
	}
	for i := range peer.MaxSole {
		x.Add(sole(i))
	}
	if n := len(x.All()); n != peer.MaxExpulsions+peer.MaxSole {
		t.Fatalf("%d entries", n)
	}
	// A flood of a single admitter moves nothing of what was there.
	before := x.Digest()
	for i := range 50 {
		if x.Add(sole(10_000 + i)) {
			t.Fatal("one too many of a single admitter was kept")
		}
	}
	if x.Digest() != before {
		t.Error("the set changed")
	}
	// A new one with full signatures takes the place of the oldest.
	if !x.Add(full(10_000)) || !x.Expelled(full(10_000).Node) {
		t.Error("a new expulsion was not kept")
	}
	if x.Add(full(-1)) {
		t.Error("one older than all was kept")
	}
	if n := len(x.All()); n != peer.MaxExpulsions+peer.MaxSole {
		t.Errorf("%d entries", n)
	}
}

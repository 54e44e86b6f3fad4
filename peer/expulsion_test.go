package peer_test

import (
	"bytes"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

func expulsion(number uint64, member signer) *peer.Expulsion {
	return &peer.Expulsion{Node: peer.NodeID(member.key, peer.Salt{1}), Number: number, Time: start.Unix()}
}

// signed returns e with signatures by the admitters named, or by the authority.
func signed(e *peer.Expulsion, by ...signer) *peer.Expulsion {
	for _, s := range by {
		if s == authority {
			e.Sign(ring, s, nil)
		} else {
			e.Sign(ring, s, admission(s, start.Add(-time.Hour)))
		}
	}
	return e
}

func TestWhoMayExpel(t *testing.T) {
	member := newSigner("member")
	with := func(change func(*peer.Expulsion), by ...signer) *peer.Expulsion {
		e := expulsion(1, member)
		change(e)
		return signed(e, by...)
	}
	plain := func(*peer.Expulsion) {}
	pardon := func(e *peer.Expulsion) { e.Pardon = true }
	sole := func(e *peer.Expulsion) { e.Sole = true }
	admitter := func(e *peer.Expulsion) { e.Node, e.Admitter = id.ID{}, second.key }
	for _, c := range []struct {
		name  string
		entry *peer.Expulsion
		good  bool
	}{
		{"two admitters", with(plain, founder, second), true},
		{"the authority", with(plain, authority), true},
		{"an admitter and the authority", with(plain, founder, authority), true},
		{"the only admitter", with(sole, founder), true},
		{"none", nil, false},
		{"nobody", with(plain), false},
		{"one admitter", with(plain, founder), false},
		{"one admitter twice", with(plain, founder, founder), false},
		{"three admitters", with(plain, founder, second, newSigner("third")), false},
		{"two admitters as one", with(sole, founder, second), false},
		{"the authority as the only admitter", with(sole, authority), false},
		{"a member", func() *peer.Expulsion {
			e := expulsion(1, member)
			e.Sign(ring, stranger, peer.NewAdmission(stranger, stranger.key, start))
			e.Sign(ring, founder, admission(founder, start))
			return e
		}(), false},
		{"a member with an admitter's admission", func() *peer.Expulsion {
			e := signed(expulsion(1, member), founder)
			e.Sign(ring, stranger, admission(second, start))
			return e
		}(), false},
		{"pardon by two admitters", with(pardon, founder, second), false},
		{"pardon by the only admitter", with(func(e *peer.Expulsion) { pardon(e); sole(e) }, founder), false},
		{"pardon by the authority", with(pardon, authority), true},
		{"admitter by two admitters", with(admitter, founder, newSigner("third")), false},
		{"admitter by the only admitter", with(func(e *peer.Expulsion) { admitter(e); sole(e) }, founder), false},
		{"admitter by the authority", with(admitter, authority), true},
		{"no subject", with(func(e *peer.Expulsion) { e.Node = id.ID{} }, authority), false},
		{"two subjects", with(func(e *peer.Expulsion) { e.Admitter = second.key }, authority), false},
		{"no number", with(func(e *peer.Expulsion) { e.Number = 0 }, authority), false},
		{"the highest number by admitters", with(func(e *peer.Expulsion) { e.Number = peer.MaxAdmitterNumber }, founder, second), true},
		{"a number beyond theirs", with(func(e *peer.Expulsion) { e.Number = peer.MaxAdmitterNumber + 1 }, founder, second), false},
		{"any number by the authority", with(func(e *peer.Expulsion) { e.Number = 1<<64 - 1 }, authority), true},
		{"before 1970", with(func(e *peer.Expulsion) { e.Time = -1 }, authority), false},
		{"older than the only admitter", with(func(e *peer.Expulsion) {
			sole(e)
			e.Time = start.Add(-2 * time.Hour).Unix()
		}, founder), false},
		{"altered", func() *peer.Expulsion {
			e := signed(expulsion(1, member), authority)
			e.Number = 2
			return e
		}(), false},
		{"of another ring", func() *peer.Expulsion {
			e := expulsion(1, member)
			e.Sign(peer.RingID(stranger.key), stranger, nil)
			return e
		}(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.entry.Check(ring, verifier{})
			if (err == nil) != c.good {
				t.Errorf("Check: %v, want good = %v", err, c.good)
			}
			if err != nil && !errors.Is(err, peer.ErrForged) && !errors.Is(err, peer.ErrOtherRing) {
				t.Errorf("untyped error %v", err)
			}
		})
	}
}

func TestHalfSignedExpulsion(t *testing.T) {
	e := signed(expulsion(1, newSigner("member")), founder)
	if err := e.CheckPart(ring, verifier{}); err != nil {
		t.Errorf("the first of two signatures: %v", err)
	}
	e.Number++
	if err := e.CheckPart(ring, verifier{}); !errors.Is(err, peer.ErrForged) {
		t.Errorf("altered after the first signature: %v", err)
	}
	var none *peer.Expulsion
	if err := none.CheckPart(ring, verifier{}); !errors.Is(err, peer.ErrForged) {
		t.Errorf("none: %v", err)
	}
}

func TestNoBitOfAnExpulsionCanBeTurned(t *testing.T) {
	enc, err := signed(expulsion(1, newSigner("member")), founder, second).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	bits(enc, func(i int, b []byte) {
		var e peer.Expulsion
		err := e.UnmarshalBinary(b)
		if err == nil {
			err = e.Check(ring, verifier{})
		}
		if err == nil {
			t.Fatalf("bit %d turned over, and nobody saw it", i)
		}
	})
}

func TestExpulsionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEntry(t)
		enc := wire.MustMarshal(e)
		var back *peer.Expulsion
		if err := wire.Unmarshal(enc, &back); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(e, back); d != "" {
			t.Fatal(d)
		}
		if err := back.Check(ring, verifier{}); err != nil {
			t.Fatal(err)
		}
		clear(enc)
		if d := cmp.Diff(e, back); d != "" {
			t.Fatalf("what was decoded keeps the bytes: %s", d)
		}
	})
	if _, err := expulsion(1, founder).MarshalBinary(); err == nil {
		t.Error("an entry without signers was encoded")
	}
}

func TestExpulsionsInAMessage(t *testing.T) {
	full := make([]*peer.Expulsion, peer.MaxExpulsionsInMessage)
	for i := range full {
		e := expulsion(peer.MaxAdmitterNumber, founder)
		e.Time = 1 << 40
		full[i] = signed(e, founder, second)
	}
	if err := peer.CheckExpulsions(full); err != nil {
		t.Errorf("as many as there may be: %v", err)
	}
	if n := len(wire.MustMarshal(full)); n > wire.MaxPayload {
		t.Errorf("as many as there may be have %d bytes, a payload at most %d", n, wire.MaxPayload)
	}
	if err := peer.CheckExpulsions(append(full, full[0])); err == nil {
		t.Error("one too many was accepted")
	}
	if err := peer.CheckExpulsions([]*peer.Expulsion{nil}); err == nil {
		t.Error("an empty entry was accepted")
	}
}

// A list of expulsions, as messages carry it, costs a hostile sender's bytes a
// few times over, and an empty entry for each element: at most 1,024.
func TestDecodingExpulsionsIsBounded(t *testing.T) {
	const entry = 160
	hostile := [][]byte{
		append([]byte{0x99, 0x04, 0x00}, bytes.Repeat([]byte{0xf6}, 1024)...), // nulls
		append([]byte{0x99, 0x04, 0x00}, bytes.Repeat([]byte{0x40}, 1024)...), // empty strings
		append([]byte{0x99, 0x04, 0x00}, bytes.Repeat([]byte{0x41, 0xa0}, 1024)...),
	}
	for i, b := range hostile {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var list []*peer.Expulsion
		err := wire.Unmarshal(b, &list)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(8*len(b)+wire.MaxElements*entry) {
			t.Errorf("input %d of %d bytes: %d bytes allocated", i, len(b), n)
		}
		if err == nil && peer.CheckExpulsions(list) == nil {
			t.Errorf("input %d was accepted", i)
		}
	}
}

func FuzzExpulsion(f *testing.F) {
	enc, err := signed(expulsion(1, newSigner("member")), founder, second).MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(enc)
	f.Add(enc[:len(enc)-1])
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { new(peer.Expulsion).UnmarshalBinary(b) })
		var e peer.Expulsion
		if err := e.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		again, err := e.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var twice peer.Expulsion
		if err := twice.UnmarshalBinary(again); err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if d := cmp.Diff(e, twice); d != "" {
			t.Fatal(d)
		}
		if e.Check(ring, verifier{}) == nil {
			new(peer.Expulsions).Add(&e)
		}
	})
}

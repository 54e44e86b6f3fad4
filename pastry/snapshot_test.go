package pastry_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

// many returns n different nodes.
func many(n int) []*peer.Handle {
	hs := make([]*peer.Handle, n)
	for i := range hs {
		hs[i] = &peer.Handle{ID: id.ID{Hi: uint64(i), Lo: 1}, Addrs: []string{"a"}}
	}
	return hs
}

// expulsion is an entry of the set, signed by the authority of the tests.
func expulsion(node id.ID) *peer.Expulsion {
	authority := standin.NewSigner(1, 1)
	return &peer.Expulsion{Node: node, Number: 1, Time: 1767225600,
		By: []peer.Signature{{Authority: authority.Public(), Sig: make([]byte, peer.SignatureSize)}}}
}

func TestSnapshotRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &pastry.Snapshot{Incarnation: rapid.Uint64().Draw(t, "incarnation"), Peers: many(rapid.IntRange(0, 9).Draw(t, "peers")),
			Expulsions: []*peer.Expulsion{expulsion(drawID.Draw(t, "node"))}}
		b := wire.MustMarshal(s)
		got, err := pastry.ParseSnapshot(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(s, got); d != "" {
			t.Fatal(d)
		}
		if i := pastry.SavedIncarnation(b); i != s.Incarnation {
			t.Fatalf("incarnation %d, want %d", i, s.Incarnation)
		}
		if i := pastry.SavedIncarnation(b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")]); i != 0 {
			t.Fatalf("incarnation %d from a part of a snapshot", i)
		}
	})
}

// A snapshot may have been written by anybody with access to the disk, or by half.
func FuzzSnapshot(f *testing.F) {
	f.Add(wire.MustMarshal(&pastry.Snapshot{Incarnation: 3, Peers: many(3), Expulsions: []*peer.Expulsion{expulsion(id.Tiny(1))}}))
	f.Add([]byte{0xa0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { pastry.ParseSnapshot(b) })
		s, err := pastry.ParseSnapshot(b)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		if len(b) == 0 {
			return
		}
		again, err := pastry.ParseSnapshot(wire.MustMarshal(s))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(s, again); d != "" {
			t.Fatal(d)
		}
	})
}

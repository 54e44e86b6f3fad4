package directory_test

import (
	"fmt"
	"testing"

	"github.com/phyllo-net/phyllo/kbr/kbrtest"
)

// TestPastryIMStoresAtTheKClosest: "the node announces its arrival to the k closest,
// which store (username, address)" (PastryIM). Here k is 5, and nobody else stores.
func TestPastryIMStoresAtTheKClosest(t *testing.T) {
	w := newWorld(t, 60, kbrtest.Config{Seed: 80}, nil)
	for i := range 10 {
		rec := w.record(fmt.Sprint("user", i), newToy("user", i), 1, w.members[i])
		w.mustPut(w.members[i], rec)
		holders := w.holders(rec.Name)
		for _, m := range holders {
			if !m.dir.Keeps(rec.Name) {
				t.Errorf("%s, one of the 5 closest to %s, does not keep it", m.node.Self(), rec.Name)
			}
		}
		for _, m := range w.others(holders) {
			if m.dir.Keeps(rec.Name) {
				t.Errorf("%s, none of the 5 closest to %s, keeps it", m.node.Self(), rec.Name)
			}
		}
	}
}

// TestPastryIMLooksUpFromAnywhere: "LookUpUser the same" (PastryIM): the record that
// comes back tells on which nodes the user lives.
func TestPastryIMLooksUpFromAnywhere(t *testing.T) {
	w := newWorld(t, 60, kbrtest.Config{Seed: 81}, nil)
	rec := w.record("bob", newToy("bob", 0), 1, w.members[3], w.members[7])
	w.mustPut(w.members[3], rec)
	for _, m := range w.members {
		f, err := m.lookup("bob")
		if err != nil || len(f.Record.Devices) != 2 || f.Record.Devices[0].Node != w.members[3].cert.Node || f.Record.Devices[1].Node != w.members[7].cert.Node {
			t.Fatalf("from %s: %+v, %v", m.node.Self(), f, err)
		}
	}
}

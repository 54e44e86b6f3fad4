package past_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/kbr/kbrtest"
)

// TestLowerOffer: a node that offers less moves what it keeps too much of to others, nothing is
// lost, and nobody notices; one that offers more again takes it back.
func TestLowerOffer(t *testing.T) {
	w := newWorld(t, 20, kbrtest.Config{Seed: 80}, nil)
	objects := w.fill(100, 5)
	m := w.members[3]
	before := m.past.Stats()
	if before.Bytes == 0 || before.Pointers != 0 {
		t.Fatalf("at first: %+v", before)
	}
	m.node.Do(func() { m.past.Offer(0) })
	w.net.Run(2 * time.Minute)
	after := m.past.Stats()
	if after.Bytes != 0 || after.Objects != before.Objects || after.Pointers != after.Objects {
		t.Errorf("with an offer of nothing: %+v, before %+v", after, before)
	}
	w.whole(false)
	for i, o := range objects {
		w.mustFind(w.members[i%20], o, name(i))
	}
	m.node.Do(func() { m.past.Offer(1 << 30) })
	w.net.Run(time.Hour)
	if back := m.past.Stats(); back.Bytes != before.Bytes || back.Pointers != 0 {
		t.Errorf("with an offer again: %+v, before %+v", back, before)
	}
	w.whole(true)
}

// TestLowerOfferAlone: where all nodes are holders nobody can take a replica, and it stays.
func TestLowerOfferAlone(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 81}, nil)
	w.fill(10, 3)
	m := w.members[0]
	before := m.past.Stats()
	m.node.Do(func() { m.past.Offer(0) })
	w.net.Run(time.Hour)
	if after := m.past.Stats(); after != before && after.Bytes != before.Bytes {
		t.Errorf("%+v, before %+v", after, before)
	}
	w.whole(true)
	if s, err := w.members[1].insert(file("one more", 3)); err != nil || len(s.Receipts) != 2 {
		t.Errorf("%d copies, %v; want 2 where one of three offers nothing", len(s.Receipts), err)
	}
}

package directory_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/wire"
)

// TestAsksAsManyAsAreNeeded: three of five holders are asked if they agree; the others too
// once one of the three refuses, denies the name, or is silent for a moment.
func TestAsksAsManyAsAreNeeded(t *testing.T) {
	for _, x := range []struct {
		what  string
		first func(*kbr.Delivery) // what the nearest holder does, if not its duty
		reads int
		limit time.Duration
	}{
		{"all answer", nil, 3, 190 * time.Millisecond},
		{"one refuses", func(d *kbr.Delivery) { d.Refuse(2, "busy") }, 5, 190 * time.Millisecond},
		{"one denies the name", func(d *kbr.Delivery) { d.Reply(directory.SaysAbsent()) }, 5, 190 * time.Millisecond},
		{"one is silent", func(*kbr.Delivery) {}, 5, time.Second},
	} {
		t.Run(x.what, func(t *testing.T) {
			w := newWorld(t, 12, kbrtest.Config{Seed: 21}, nil)
			rec := w.record("bob", newToy("bob", 0), 1)
			w.mustPut(w.members[0], rec)
			holders, reads := w.holders(rec.Name), 0
			for i, m := range holders {
				m.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
					if directory.KindOf(d.Payload) != "read" {
						return false
					}
					if reads++; i > 0 || x.first == nil {
						return false
					}
					x.first(d)
					return true
				}
			}
			begun := w.net.Elapsed()
			w.mustFind(w.others(holders)[0], rec)
			if reads != x.reads || w.net.Elapsed()-begun > x.limit {
				t.Errorf("%d holders were asked, in %s; want %d, in %s", reads, w.net.Elapsed()-begun, x.reads, x.limit)
			}
		})
	}
}

// TestAsksNobodyAtTheEdge: a node whose own leaf set shows who keeps a name asks nobody
// for them, also where it shows nobody beyond them.
func TestAsksNobodyAtTheEdge(t *testing.T) {
	w := newWorld(t, 40, kbrtest.Config{Seed: 5, LeafSet: 16}, nil)
	rec := w.record("bob", newToy("bob", 0), 1)
	w.mustPut(w.members[0], rec)
	key, asked := rec.Name.Key(), 0
	for _, m := range w.members {
		m.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			if directory.KindOf(d.Payload) == "where" {
				asked++
			}
			return false
		}
	}
	edges := 0
	for _, m := range w.members {
		ep := m.node.Endpoint(number)
		if ep.ReplicaSet(key, 5) == nil {
			continue // it has to ask
		}
		if ep.ReplicaSet(key, 8) == nil {
			edges++
		}
		w.mustFind(m, rec)
	}
	if asked != 0 || edges == 0 {
		t.Errorf("%d times somebody was asked who keeps the name, in lookups of which %d were at the edge", asked, edges)
	}
}

// counter counts the signatures of people that are verified.
type counter struct {
	toyVerifier
	of peer.Key
	n  int
}

func (c *counter) Verify(k peer.Key, message, sig []byte) bool {
	if k == c.of {
		c.n++
	}
	return c.toyVerifier.Verify(k, message, sig)
}

// TestVerifiesOnce: the holders' equal answers are verified once, and not again as long
// as the record is the same; another signature under the same record is looked at.
func TestVerifiesOnce(t *testing.T) {
	bob := newToy("bob", 0)
	seen := &counter{of: bob.Public()}
	w := newWorld(t, 12, kbrtest.Config{Seed: 3}, nil)
	first := w.record("bob", bob, 1)
	w.mustPut(w.members[0], first)
	w.tune = func(c *directory.Config) { c.Verifier = seen }
	reader := w.join()
	w.net.Run(10 * time.Second)
	read := func(want int, why string) {
		t.Helper()
		seen.n = 0
		w.mustFind(reader, first)
		if seen.n != want {
			t.Errorf("%s: %d signatures were verified, want %d", why, seen.n, want)
		}
	}
	read(1, "the first time")
	read(0, "the same again")

	second := w.record("bob", bob, 2)
	w.mustPut(w.members[0], second)
	first = second
	read(1, "a newer record")
	read(0, "the same again")

	forged := *second
	forged.Sig = append([]byte(nil), second.Sig...)
	forged.Sig[0]++
	for _, m := range w.holders(second.Name) {
		m.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			if directory.KindOf(d.Payload) != "read" {
				return false
			}
			d.Reply(directory.SaysPresent(&forged))
			return true
		}
	}
	seen.n = 0
	if f, err := reader.lookup(second.Name); err == nil {
		t.Errorf("a forged signature is believed: %v", f)
	}
	if seen.n == 0 {
		t.Error("a forged signature was not looked at")
	}
}

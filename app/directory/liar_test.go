package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/directory/record"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// lies are ways in which a holder may answer a read.
var lies = map[string]func(d *kbr.Delivery, w *world, forged, old *directory.Record){
	"another key":  func(d *kbr.Delivery, _ *world, forged, _ *directory.Record) { d.Reply(directory.SaysPresent(forged)) },
	"no such name": func(d *kbr.Delivery, _ *world, _, _ *directory.Record) { d.Reply(directory.SaysAbsent()) },
	"old version":  func(d *kbr.Delivery, _ *world, _, old *directory.Record) { d.Reply(directory.SaysPresent(old)) },
	"nothing":      func(*kbr.Delivery, *world, *directory.Record, *directory.Record) {},
	"garbage":      func(d *kbr.Delivery, _ *world, _, _ *directory.Record) { d.Reply([]byte{4, 0xff, 0}) },
	"no answer":    func(d *kbr.Delivery, _ *world, _, _ *directory.Record) { d.Refuse(2, "busy") },
	"wrong signature": func(d *kbr.Delivery, _ *world, forged, old *directory.Record) {
		r := *old
		r.SealKey, r.Version = forged.SealKey, 9
		d.Reply(directory.SaysPresent(&r))
	},
}

// lie makes a holder answer reads, and as a root name itself and its friends.
func (m *member) lie(how func(*kbr.Delivery, *world, *directory.Record, *directory.Record), forged, old *directory.Record, friends ...*peer.Handle) {
	m.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
		switch directory.KindOf(d.Payload) {
		case "read":
			how(d, m.w, forged, old)
		case "where":
			if len(friends) == 0 {
				return false
			}
			d.Reply(directory.WhereNodes(friends...))
		default:
			return false
		}
		return true
	}
}

func TestOneLyingHolderIsNeverBelieved(t *testing.T) {
	simtest.WithoutRace(t)
	for _, n := range []int{3, 4, 5, 40} {
		for what, how := range lies {
			t.Run(fmt.Sprint(n, " nodes, ", what), func(t *testing.T) {
				w := newWorld(t, n, kbrtest.Config{Seed: uint64(n)}, nil)
				bob, eve := newToy("bob", 0), newToy("eve", 0)
				old, rec, forged := w.record("bob", bob, 1), w.record("bob", bob, 2), w.record("bob", eve, 7)
				w.mustPut(w.members[0], old)
				w.mustPut(w.members[0], rec)
				for _, liar := range w.holders(rec.Name) {
					liar.lie(how, forged, old)
					for i, m := range w.members {
						if m != liar && (n < 40 || i%8 == 0) {
							w.mustFind(m, rec)
						}
					}
					liar.node.OnDeliver = nil
				}
			})
		}
	}
}

// TestLyingRootNamesItsFriends: the root of the key lies about the name, and says that
// the holders are its friends, who lie too.
func TestLyingRootNamesItsFriends(t *testing.T) {
	w := newWorld(t, 80, kbrtest.Config{Seed: 5}, nil)
	rec, forged := w.record("bob", newToy("bob", 0), 1), w.record("bob", newToy("eve", 0), 7)
	w.mustPut(w.members[0], rec)
	holders := w.holders(rec.Name)
	rest := w.others(holders)
	var friends []*peer.Handle
	for _, m := range rest[:6] {
		friends = append(friends, m.node.Self())
		m.lie(lies["another key"], forged, nil)
	}
	holders[0].lie(lies["another key"], forged, nil, append([]*peer.Handle{holders[0].node.Self()}, friends...)...)
	far := 0
	for _, m := range rest[6:] {
		m.node.Do(func() {
			if m.node.Endpoint(number).ReplicaSet(rec.Name.Key(), 5) == nil {
				far++
			}
		})
		w.mustFind(m, rec)
	}
	if far < 20 {
		t.Fatalf("only %d nodes were too far to know the holders", far)
	}
}

// TestNodeOnTheWayNamesItsFriends: every first route leads through a bad node, which
// answers in the root's place.
func TestNodeOnTheWayNamesItsFriends(t *testing.T) {
	simtest.WithoutRace(t)
	rec0 := directory.Name("bob")
	for _, what := range []string{"friends", "invented nodes", "holders under wrong keys"} {
		t.Run(what, func(t *testing.T) {
			var bad, good *kbrtest.Node
			c := kbrtest.Config{Seed: 6, Way: func(from *kbrtest.Node, key id.ID, o kbr.Options) []*kbrtest.Node {
				switch {
				case bad == nil || from == bad || from == good:
					return nil
				case slices.Contains(o.AvoidFirst, bad.Self().ID):
					return []*kbrtest.Node{good}
				}
				return []*kbrtest.Node{bad}
			}}
			w := newWorld(t, 80, c, nil)
			rec, forged := w.record("bob", newToy("bob", 0), 1), w.record("bob", newToy("eve", 0), 7)
			w.mustPut(w.members[0], rec)
			holders := w.holders(rec0)
			rest := w.others(holders)
			var friends []*peer.Handle
			for i := range 8 {
				h := *rest[i].node.Self()
				switch what {
				case "friends":
					rest[i].lie(lies["another key"], forged, nil)
				case "invented nodes":
					h.ID = rec0.Key().Add(id.ID{Lo: uint64(i)})
				default:
					h.ID = holders[i%5].node.Self().ID
					h.Incarnation = uint64(10 + i)
				}
				if !slices.ContainsFunc(friends, func(o *peer.Handle) bool { return o.ID == h.ID }) {
					friends = append(friends, &h)
				}
			}
			bad, good = rest[8].node, rest[9].node
			caught := 0
			bad.OnTransit = func(_ wire.AppID, tr *kbr.Transit) bool {
				if directory.KindOf(tr.Payload) != "where" {
					return true
				}
				caught++
				tr.Answer(directory.WhereNodes(friends...))
				return false
			}
			for _, m := range rest[10:] {
				w.mustFind(m, rec)
			}
			if caught < 20 {
				t.Fatalf("the bad node answered %d questions only", caught)
			}
			none := directory.Name("nobody.has.this")
			_, err := rest[20].lookup(none)
			wantErr(t, "a name that nobody has", err, directory.ErrNotFound)
		})
	}
}

// TestOnlyOneWay: if every route leads through the bad node, nothing is believed.
func TestOnlyOneWay(t *testing.T) {
	simtest.WithoutRace(t)
	var bad *kbrtest.Node
	c := kbrtest.Config{Seed: 7, Way: func(from *kbrtest.Node, _ id.ID, _ kbr.Options) []*kbrtest.Node {
		if bad == nil || from == bad {
			return nil
		}
		return []*kbrtest.Node{bad}
	}}
	w := newWorld(t, 80, c, nil)
	rec, forged := w.record("bob", newToy("bob", 0), 1), w.record("bob", newToy("eve", 0), 7)
	w.mustPut(w.members[0], rec)
	rest := w.others(w.holders(rec.Name))
	var friends []*peer.Handle
	for i := range 8 {
		friends = append(friends, rest[i].node.Self())
		rest[i].lie(lies["another key"], forged, nil)
	}
	bad = rest[8].node
	bad.OnTransit = func(_ wire.AppID, tr *kbr.Transit) bool {
		tr.Answer(directory.WhereNodes(friends...))
		return false
	}
	wrong, unreachable := 0, 0
	for _, m := range rest[9:] {
		switch f, err := m.lookup(rec.Name); {
		case errors.Is(err, directory.ErrNotReachable):
			unreachable++
		case err != nil:
			t.Error(err)
		case f.Record.Identity != rec.Identity:
			wrong++
		}
	}
	if wrong > 0 || unreachable < 20 {
		t.Errorf("%d believed the wrong key, %d said that they cannot reach the holders", wrong, unreachable)
	}
}

func TestDisputed(t *testing.T) {
	w := newWorld(t, 5, kbrtest.Config{Seed: 8}, nil)
	rec, forged := w.record("bob", newToy("bob", 0), 1), w.record("bob", newToy("eve", 0), 7)
	w.mustPut(w.members[0], rec)
	for _, m := range w.members[1:3] {
		m.lie(lies["another key"], forged, nil)
	}
	w.members[3].lie(lies["no answer"], nil, nil)
	_, err := w.members[0].lookup(rec.Name)
	var disputed *directory.DisputedError
	if !errors.As(err, &disputed) || !errors.Is(err, directory.ErrDisputed) || len(disputed.Keys) != 2 ||
		!slices.Contains(disputed.Keys, rec.Identity) || !slices.Contains(disputed.Keys, forged.Identity) {
		t.Fatalf("got %v, want a dispute between two keys", err)
	}
}

// TestTooFewAnswers: with three of five holders silent, a name is neither believed nor
// said not to exist.
func TestTooFewAnswers(t *testing.T) {
	for _, n := range []int{2, 3, 5, 40} {
		w := newWorld(t, n, kbrtest.Config{Seed: 9, Notice: 10 * time.Hour}, nil)
		rec := w.record("bob", newToy("bob", 0), 1)
		w.mustPut(w.members[0], rec)
		none := directory.Name("none")
		for _, name := range []directory.Name{rec.Name, none} {
			hs := w.holders(name)
			for _, m := range hs[:len(hs)-majority(len(hs))+1] {
				m.node.Pause()
			}
			asker := hs[len(hs)-1]
			if rest := w.others(hs); len(rest) > 0 {
				asker = rest[0]
			}
			_, err := asker.lookup(name)
			wantErr(t, fmt.Sprintf("%d nodes, %s", n, name), err, directory.ErrNotReachable)
			for _, m := range hs {
				m.node.Resume()
			}
			w.net.Run(time.Minute)
		}
		w.mustFind(w.members[0], rec)
	}
}

func majority(n int) int { return n/2 + 1 }

// TestThroughTheRing: a holder that has no link to the asker counts if it signs its
// answer over the asker's nonce, and only then.
func TestThroughTheRing(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 10}, nil)
	a, b, c := w.members[0], w.members[1], w.members[2]
	rec, forged := w.record("bob", newToy("bob", 0), 1), w.record("bob", newToy("eve", 0), 7)
	w.mustPut(c, rec)
	w.net.Cut(a.node, b.node)
	c.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool { return directory.KindOf(d.Payload) == "read" } // silent
	w.mustFind(a, rec)                                                                                           // a itself and b, through c
	b.lie(lies["another key"], forged, nil)
	_, err := a.lookup(rec.Name)
	wantErr(t, "an unsigned answer through the ring", err, directory.ErrNotReachable)
}

// TestFellowThatListsAndDoesNotGive keeps the others from knowing nothing: a holder
// that boasts of names makes nobody unsure for long.
func TestFellowThatListsAndDoesNotGive(t *testing.T) {
	w := newWorld(t, 5, kbrtest.Config{Seed: 11}, nil)
	liar := w.members[1]
	liar.node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
		switch directory.KindOf(d.Payload) {
		case "list":
			d.Reply(directory.Names("ghost", "phantom"))
		case "fetch":
			d.Refuse(2, "busy")
		default:
			return false
		}
		return true
	}
	w.members[2].node.Kill()
	w.net.Run(20 * time.Second)
	_, err := w.members[0].lookup("ghost")
	wantErr(t, "a name that only a liar lists", err, directory.ErrNotFound)
	rec := w.record("ghost", newToy("casper", 0), 1)
	w.mustPut(w.members[0], rec)
	w.mustFind(w.members[3], rec)
}

// TestOneHolderCannotDenyAName: it shows a claim of another key, with receipts by two
// members only.
func TestOneHolderCannotDenyAName(t *testing.T) {
	w := newWorld(t, 40, kbrtest.Config{Seed: 12}, nil)
	rec, eve := w.record("bob", newToy("bob", 0), 1), w.record("bob", newToy("eve", 0), 1)
	holders := w.holders(rec.Name)
	fake := &record.Claim{Record: eve}
	for _, m := range holders[:2] {
		fake.Receipts = append(fake.Receipts, directory.ReceiptFor(m.signer, m.cert, w.ring(), eve, 1))
	}
	holders[0].node.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
		if directory.KindOf(d.Payload) != "put" {
			return false
		}
		d.Reply(directory.SaysTaken(fake))
		return true
	}
	w.mustPut(w.others(holders)[0], rec)
	w.mustFind(w.others(holders)[1], rec)
}

func ask(m, to *member, payload []byte) (kind string, answer []byte, err error) {
	err = m.node.Call(time.Minute, func(t *task.T) error {
		a, err := kbr.CallPeer(t, m.node.Endpoint(number), to.node.Self(), payload, kbr.Options{Timeout: 5 * time.Second})
		answer = a.Payload
		return err
	})
	return directory.KindOf(answer), answer, err
}

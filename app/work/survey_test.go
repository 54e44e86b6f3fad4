package work_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/app/work"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

func (h *shed) survey() (s work.Survey, err error) {
	err = h.call(func(t *task.T) (err error) {
		s, err = h.work.Survey(t, thumbs, ann)
		return err
	})
	return s, err
}

// nearest are all nodes, those first that are nearest to a topic's key.
func (y *yard) nearest(group id.Hash) []*shed {
	return slices.SortedFunc(slices.Values(y.sheds), func(a, b *shed) int {
		return a.cert.Node.Distance(group.Place()).Cmp(b.cert.Node.Distance(group.Place()))
	})
}

// The owner of a topic sees what all nodes offer to it, with states, also after the node that knew
// who offers has died; a node that does not answer, or not to the end, is counted, and nobody else
// sees anything.
func TestSurvey(t *testing.T) {
	simtest.Seeds(t, simtest.Size(4, 2), func(t *testing.T, seed uint64) {
		y := newYard(t, seed, 8)
		owner := y.sheds[0]
		if _, err := owner.survey(); !errors.Is(err, topic.ErrUnknown) {
			t.Fatalf("of a topic that is not there: %v", err)
		}
		owner.offer(work.Options{Wait: true}, "mine")
		y.sheds[1].offer(work.Options{Wait: true}, items(90)...)
		y.sheds[2].offer(work.Options{Wait: true}, "other")
		see := func(when string, items, nodes, of int) work.Survey {
			t.Helper()
			var s work.Survey
			var err error
			is := func() bool {
				s, err = owner.survey()
				return err == nil && len(s.Items) == items && s.Nodes == nodes && s.Of == of
			}
			if !y.Sim.RunUntil(is, 10*time.Second, 5*time.Minute) {
				t.Fatalf("%s: %d items, %d of %d nodes, %v; want %d, %d of %d", when, len(s.Items), s.Nodes, s.Of, err, items, nodes, of)
			}
			return s
		}
		s := see("at first", 92, 3, 3)
		if !s.Young || s.More != 0 || s.MoreNodes {
			t.Errorf("in a young ring: %+v", s)
		}
		at := make(map[string]id.ID)
		for _, o := range s.Items {
			at[string(o.Body)] = o.Node
			if o.By != ann.Public() || o.State != work.Queued && o.State != work.Offered {
				t.Fatalf("shown is %+v", o)
			}
		}
		if at["mine"] != y.sheds[0].cert.Node || at["item 89"] != y.sheds[1].cert.Node || at["other"] != y.sheds[2].cert.Node {
			t.Errorf("they lie at %v", at)
		}

		// The node that knows who offers dies, unless it offers itself.
		group := thumbs.GroupOf(ring, ann.Public())
		near := y.nearest(group)
		if near[0].node > 2 {
			y.Sim.Crash(near[0].node)
			near = near[1:]
			y.Sim.RunFor(40 * time.Second)
		}
		s, err := owner.survey()
		if err != nil || len(s.Items) != 92 || s.Of != 3 {
			t.Errorf("after a death: %d items of %d nodes, %v", len(s.Items), s.Of, err)
		}
		y.Sim.RunFor(6 * time.Minute)
		if s := see("later", 92, 3, 3); s.Young || s.MoreNodes {
			t.Errorf("the ring is old now: %+v", s)
		}

		thief := y.sheds[2]
		thief.must(func(t *task.T) error {
			_, err := thief.work.Survey(t, thumbs, bob)
			if !errors.Is(err, topic.ErrOwner) {
				return fmt.Errorf("for another than the owner: %v", err)
			}
			ask := work.Snooping(group, ann.Public(), t.Env().Wall().Unix())
			a, err := kbr.CallPeer(t, y.Node(thief.node).Endpoint(appWork), y.Node(y.sheds[1].node).Self(), ask, kbr.Options{})
			var refused *kbr.RefusedError
			if work.Shows(a.Payload) || !errors.As(err, &refused) {
				return fmt.Errorf("without a signature: %v", err)
			}
			return nil
		})
		h := y.sheds[1]
		if !slices.Contains(near[:3], h) { // else it is asked who offers, too
			h.asks = 1 // a minute: the second page does not come
			y.Sim.Crash(h.node)
			y.Sim.RunFor(time.Second)
			y.Sim.Restart(h.node)
			if s := see("when one answers once", 42, 3, 3); s.More != 50 {
				t.Errorf("50 items are not shown, told are %d", s.More)
			}
		}
		y.Sim.Crash(h.node)
		see("when one is away", 2, 2, 3)
	})
}

// Members who lie do not stop the node that knows who offers, nor hide who does: of others a node may
// speak only to its neighbours, of itself only of so many topics; what has no room is told.
func TestLiesOfWhoOffers(t *testing.T) {
	y := newYard(t, 5, 9)
	owner := y.sheds[0]
	owner.offer(work.Options{Wait: true}, "mine")
	y.sheds[1].offer(work.Options{Wait: true}, "other")
	y.Sim.RunFor(5 * time.Second)
	group := thumbs.GroupOf(ring, ann.Public())
	near := y.nearest(group)
	root, next, far := near[0], near[1], near[len(near)-1]
	say := func(from, to *shed, m []byte) (taken bool) {
		from.must(func(t *task.T) error {
			_, err := kbr.CallPeer(t, y.Node(from.node).Endpoint(appWork), y.Node(to.node).Self(), m, kbr.Options{})
			var refused *kbr.RefusedError
			if taken = err == nil; taken || errors.As(err, &refused) {
				return nil
			}
			return err
		})
		return taken
	}
	fake := func(i int) *peer.Handle {
		h := &peer.Handle{ID: id.HashOf("fake", uint64(i)).Place(), Key: bob.Public()}
		for k := range peer.MaxAddrs {
			h.Addrs = append(h.Addrs, strings.Repeat("x", peer.MaxAddrLen-1)+fmt.Sprint(k))
		}
		return h
	}
	if say(far, root, work.Here(group, fake(0))) || say(far, next, work.Here(group, fake(0))) || say(root, far, work.Here(group, nil)) {
		t.Error("who is not near speaks of others, or is told")
	}
	taken := 0
	for i := range 2 * work.MaxHere {
		if say(next, root, work.Here(group, fake(i))) {
			taken++
		}
	}
	if taken != work.MaxHere-2 {
		t.Errorf("a neighbour's lies fill %d places beside two", taken)
	}
	if s, err := owner.survey(); err != nil || s.Nodes != 2 || len(s.Items) != 2 || s.Of <= 2 || !s.MoreNodes {
		t.Errorf("among lies: %+v, %v", s, err)
	}
	y.sheds[2].offer(work.Options{Wait: true}, "late")
	y.Sim.RunFor(5 * time.Second)
	if s, err := owner.survey(); err != nil || s.Nodes != 3 || len(s.Items) != 3 {
		t.Errorf("who comes later: %+v, %v", s, err)
	}

	liar := y.sheds[4]
	taken = 0
	if liar == root {
		liar = y.sheds[5]
	}
	share := root.work.Share()
	if share != work.MaxSeen/(2*len(y.sheds)) || share < 4*work.MaxOwn {
		t.Errorf("in a ring of %d one node may speak of %d topics", len(y.sheds), share)
	}
	for i, asked := 0, 0; asked < share+20; i++ {
		if g := id.HashOf("a topic", uint64(i)); y.nearest(g)[0] == root {
			asked++
			if say(liar, root, work.Here(g, nil)) {
				taken++
			}
		}
	}
	if taken != share {
		t.Errorf("one node says of %d topics that it offers to them, want %d", taken, share)
	}
}

// A root that keeps to itself what it hears of who offers, and says that nobody does, hides nobody in a ring where it
// is known who would be the root next.
func TestRootHides(t *testing.T) {
	y := newYard(t, 6, 9)
	group := thumbs.GroupOf(ring, ann.Public())
	root := y.nearest(group)[0]
	var others []*shed
	for _, h := range y.sheds {
		if h != root {
			others = append(others, h)
		}
	}
	owner := others[0]
	refuses, refused := id.ID{}, 0
	root.answers = func(d *kbr.Delivery) bool {
		answer, asked := work.Hides(d.Payload)
		switch {
		case answer == nil:
			return false
		case asked && d.Via.ID == refuses:
			refuses = id.ID{}
			refused++
			d.Refuse(1, "not this time")
		default:
			d.Reply(answer)
		}
		return true
	}
	owner.offer(work.Options{Wait: true}, "mine")
	for _, h := range others[4:7] {
		h.offer(work.Options{Wait: true}, "other")
	}
	y.Sim.RunFor(10 * time.Minute)
	for i, first := range []id.ID{{}, owner.cert.Node} { // whose first question the root refuses
		refuses = first
		if s, err := owner.survey(); err != nil || s.Of != 4 || s.Nodes != 4 || len(s.Items) != 4 {
			t.Errorf("where the root hides all who offer, and refuses %d questions: %d items, %d of %d nodes, %v", refused, len(s.Items), s.Nodes, s.Of, err)
		}
		if refused != i {
			t.Errorf("%d questions were refused, want %d", refused, i)
		}
	}
}

// Whoever says on one way that nobody offers hides nobody who is known on the other.
func TestTwoWays(t *testing.T) {
	a, b, c := &peer.Handle{ID: id.Tiny(1)}, &peer.Handle{ID: id.Tiny(2)}, &peer.Handle{ID: id.Tiny(3)}
	for _, nearer := range []bool{false, true} {
		nodes, young, more := work.Joined([]*peer.Handle{a, b}, []*peer.Handle{b, c}, nearer)
		if !slices.Equal(nodes, []*peer.Handle{a, b, c}) || young == nearer || !more {
			t.Errorf("got %v, young %v, more %v", nodes, young, more)
		}
		if nodes, _, _ := work.Joined(nil, []*peer.Handle{a}, nearer); len(nodes) != 1 {
			t.Errorf("got %v", nodes)
		}
	}
}

package anycast_test

import (
	"errors"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/anycast"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/task"
)

// drawn is a tree as a test draws it: the parent of each node, and its children.
type drawn struct {
	nodes    []*kbrtest.Node
	parent   map[int]int
	children map[int][]int
}

// seen is the tree as one node sees it; 0 is the root.
type seen struct {
	*drawn
	self int
}

func (s seen) Neighbours(id.Hash) scribe.Neighbours {
	n := scribe.Neighbours{Charter: open("bent"), Root: s.self == 0, Member: true}
	if p, ok := s.parent[s.self]; ok {
		n.Parent = s.nodes[p].Self()
	}
	for _, c := range s.children[s.self] {
		n.Children = append(n.Children, s.nodes[c].Self())
	}
	return n
}

// Trees are not always trees: a node has left a parent that does not know it yet, or two stand
// above each other. A walk asks all the same, once, and ends after a few steps more.
func TestBentTrees(t *testing.T) {
	for _, c := range []struct {
		name     string
		parent   map[int]int
		children map[int][]int
		asker    int
		steps    uint64
	}{
		{"a tree", map[int]int{1: 0, 2: 0, 3: 1, 4: 1, 5: 3}, map[int][]int{0: {1, 2}, 1: {3, 4}, 3: {5}}, 0, 10},
		{"children of two", map[int]int{1: 0, 2: 0, 3: 1, 4: 1, 5: 3}, map[int][]int{0: {2, 1, 3}, 1: {3, 4}, 2: {4, 3}, 3: {5}}, 0, 40},
		{"a child that rises beside", map[int]int{1: 0, 2: 0, 3: 2, 4: 1, 5: 1}, map[int][]int{0: {1, 2}, 1: {3, 4, 5}, 2: {3}}, 0, 12},
		{"a grandchild that rises beside", map[int]int{1: 0, 2: 0, 3: 2, 4: 1, 5: 4}, map[int][]int{0: {1, 2}, 1: {4}, 2: {3}, 4: {3, 5}}, 0, 13},
		{"a child of its grandchild", map[int]int{1: 0, 2: 0, 3: 1, 4: 1, 5: 3}, map[int][]int{0: {1, 2}, 1: {3, 4}, 3: {5}, 5: {1, 3}}, 0, 40},
		{"a circle", map[int]int{1: 0, 2: 0, 3: 4, 4: 5, 5: 3}, map[int][]int{0: {1, 2}, 3: {5}, 4: {3}, 5: {4}}, 3, 90},
	} {
		t.Run(c.name, func(t *testing.T) {
			net := kbrtest.New(kbrtest.Config{Seed: 5})
			t.Cleanup(net.Close)
			group := open("bent").Group(ring)
			d := &drawn{parent: c.parent, children: c.children}
			var as []*anycast.Anycast
			asked := make([]int, 6)
			for i := range asked {
				ac := anycast.Default()
				ac.Ring, ac.Verifier, ac.Tree = ring, standin.Verifier{}, seen{d, i}
				a, err := anycast.New(ac)
				if err != nil {
					t.Fatal(err)
				}
				place := group.Place()
				place.Hi += uint64(i) << 58 // the root is nearest to the group's key
				d.nodes = append(d.nodes, net.Add(kbrtest.Handle(place), kbr.Mount{Number: walkApp, App: a}))
				as = append(as, a)
			}
			net.Run(time.Second)
			for i, a := range as {
				d.nodes[i].Do(func() {
					a.Take(group, anycast.Taker{Willing: func(*anycast.Item) ([]byte, bool) { asked[i]++; return nil, false }})
				})
			}
			err := d.nodes[c.asker].Call(time.Minute, func(t *task.T) error {
				_, err := as[c.asker].Anycast(t, group, []byte("x"), anycast.Options{Signer: alice})
				return err
			})
			if !errors.Is(err, anycast.ErrNobody) {
				t.Errorf("nobody is willing: %v", err)
			}
			var steps uint64
			for i, a := range as {
				if steps += a.Stats().Steps; asked[i] != 1 {
					t.Errorf("node %d was asked %d times", i, asked[i])
				}
			}
			if steps > c.steps {
				t.Errorf("it took %d steps, want at most %d", steps, c.steps)
			}
			t.Logf("%d steps", steps)
		})
	}
}

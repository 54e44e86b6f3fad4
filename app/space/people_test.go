package space_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/task"
)

// TestTwoPeopleOnOneNode: ann claims names, and each time her node is cut off at another moment, so that it may have made
// the change and not know. Bob, who lives on the same node, changes the space before she has looked. She is never told
// that somebody else has her name.
func TestTwoPeopleOnOneNode(t *testing.T) {
	w := newWorld(t, 4, 71)
	h := w.members[0].create(space.Founding{Name: "x"})
	m := w.members[0]
	if err := m.in(ann, h, func(t *task.T, sp *space.Space) error { return sp.Grant(t, grant(bob, true)) }); err != nil {
		t.Fatal(err)
	}
	var others []*kbrtest.Node
	for _, x := range w.members[1:] {
		others = append(others, x.node)
	}
	claim := func(p space.Person, name string, c space.Cond, done func(error)) {
		m.node.Do(func() {
			m.node.Endpoint(2).Go(func(t *task.T) error {
				sp, err := m.spaces.Open(t, p, h)
				if err == nil {
					_, err = putting(t, sp, name, []byte(p.Name+name), c)
				}
				return err
			}, done)
		})
	}
	made := 0
	for cut := 20 * time.Millisecond; cut < 500*time.Millisecond; cut += 20 * time.Millisecond {
		name, open := fmt.Sprint("claimed ", cut), 2
		claim(ann, name, space.Cond{Absent: true}, func(err error) {
			if open--; errors.Is(err, space.ErrChanged) {
				t.Errorf("cut off after %s, ann is told of her own name: %v", cut, err)
			} else if err == nil {
				made++
			}
		})
		w.net.Run(cut)
		w.net.Partition([]*kbrtest.Node{m.node}, others)
		w.net.Run(12 * time.Second)
		w.net.Heal()
		claim(bob, "bob's", space.Cond{}, func(error) { open-- })
		for i := 0; open > 0 && i < 60; i++ {
			w.net.Run(12 * time.Second)
		}
	}
	if made == 0 {
		t.Error("no claim succeeded")
	}
}

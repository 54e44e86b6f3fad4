package turn_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/past/turn"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/task"
)

// TestTurns: one task at a time has its turn at an object, in the order in which they came;
// who waited for too long goes away, and nobody waits for it; other objects are free.
func TestTurns(t *testing.T) {
	net := kbrtest.New(kbrtest.Config{Seed: 1})
	defer net.Close()
	n := net.Add(kbrtest.Handle(id.Tiny(1)))
	turns, one, other := make(turn.Turns), id.Hash{1}, id.Hash{2}
	var order []int
	worker := func(number int, hold time.Duration) func(*task.T) error {
		return func(t *task.T) error {
			if err := turns.Take(t, one); err != nil {
				order = append(order, -number)
				return err
			}
			defer turns.Leave(one)
			if !turns.Held(one) {
				return errors.New("it is not held in one's own turn")
			}
			order = append(order, number)
			return t.Sleep(hold)
		}
	}
	n.Do(func() {
		ep := n.Endpoint(0)
		for i, hold := range []time.Duration{time.Second, 2 * turn.Wait, time.Second, time.Second} {
			number := i + 1
			ep.Go(worker(number, hold), func(err error) {
				if err != nil && !errors.Is(err, task.ErrTimeout) {
					t.Errorf("task %d: %v", number, err)
				}
			})
		}
	})
	err := n.Call(time.Second, func(t *task.T) error {
		defer turns.Leave(other)
		return turns.Take(t, other)
	})
	if err != nil {
		t.Errorf("another object: %v", err)
	}
	net.Run(4 * turn.Wait)
	if want := []int{1, 2, -3, -4}; !slices.Equal(order, want) {
		t.Errorf("their turns came as %v, want %v", order, want)
	}
	if turns.Held(one) || turns.Held(other) {
		t.Error("a turn has no end")
	}
	turns.Hold(one)
	if err := n.Call(time.Second, worker(5, 0)); !errors.Is(err, kbrtest.ErrNotOver) {
		t.Errorf("who comes while it is held: %v", err)
	}
	n.Do(func() { turns.Leave(one) })
	net.Run(time.Second)
	if order[len(order)-1] != 5 || turns.Held(one) {
		t.Errorf("afterwards: %v", order)
	}
}

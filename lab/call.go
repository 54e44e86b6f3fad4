package lab

import (
	"fmt"
	"time"

	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/task"
)

// Call runs f as a task on a running node, as an edge of a real node does, and the
// simulation until f has ended, at most for limit of virtual time. It returns what f
// returned, task.ErrStopped if the node died first, or task.ErrTimeout.
func (r *Ring) Call(n sim.NodeRef, limit time.Duration, f func(*task.T) error) error {
	over, err := false, task.ErrTimeout
	node := r.Node(n)
	if node == nil {
		return fmt.Errorf("lab: node %d is not running: %w", n, task.ErrStopped)
	}
	r.Sim.Call(n, func() {
		node.Tasks().Go(f, func(e error) { over, err = true, e })
	})
	r.Sim.RunUntil(func() bool { return over }, time.Millisecond, limit)
	return err
}

package ring

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/cause"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/task"
)

// meshTime bounds the linking of one node to all others.
const meshTime = 30 * time.Second

// atOnce is how many nodes of a ring are let in at a time.
const atOnce = 4

// Ring is a ring of nodes in this process.
type Ring struct {
	opts   Options
	dir    string // of all homes
	invite string // good for all of them

	mu    sync.Mutex
	nodes []*Node
	made  int
}

// Start forms a ring of n nodes, 1 or more, and returns when all of them claim their
// keys.
func Start(ctx context.Context, n int, o Options) (*Ring, error) {
	dir, err := os.MkdirTemp("", "phyllo-ring-")
	if err != nil {
		return nil, err
	}
	r := &Ring{opts: o, dir: dir}
	if err := r.grow(ctx, n); err != nil {
		return nil, cause.Join(err, r.Stop(context.WithoutCancel(ctx)))
	}
	return r, nil
}

func (r *Ring) grow(ctx context.Context, n int) error {
	first, err := r.Join(ctx)
	if err != nil {
		return err
	}
	v, err := first.API().Invite(ctx, api.InviteRequest{Uses: 1000})
	if err != nil {
		return fmt.Errorf("inviting the other nodes: %w", err)
	}
	r.invite = v.Invite
	return some(n-1, atOnce, func(int) error {
		_, err := r.Join(ctx)
		return err
	})
}

// some calls f for the numbers from 0 up to n, so many at a time.
func some(n, atOnce int, f func(i int) error) error {
	errs := make([]error, n)
	room := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			errs[i] = f(i)
		})
	}
	all.Wait()
	return cause.Join(errs...)
}

// Reform ends all nodes but the first, which lets them go in order, and forms the ring
// anew of the same members, so many at a time: each starts with its certificate and
// the address of the first, and knows nobody else. begin is called in between, when the
// first knows that it is alone: a measurement's clock may run from then on. It returns when all claim their keys.
func (r *Ring) Reform(ctx context.Context, atOnce int, begin func()) error {
	old := r.Nodes()
	first, others := old[0], old[1:]
	if err := some(len(others), atOnce, func(i int) error { return others[i].Stop(ctx) }); err != nil {
		return err
	}
	stores := make([]*shared, len(others))
	for i, n := range others {
		var err error
		if stores[i], err = n.store.certified(); err != nil {
			return err
		}
	}
	r.mu.Lock()
	r.nodes = []*Node{first}
	r.mu.Unlock()
	if err := first.alone(ctx); err != nil {
		return err
	}
	begin()
	return some(len(others), atOnce, func(i int) error {
		return r.add(open(ctx, &Node{home: others[i].home, store: stores[i]}, "", r.opts))
	})
}

// add takes a node into the ring that was opened.
func (r *Ring) add(n *Node, err error) error {
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes = append(r.nodes, n)
	return nil
}

// How often, and after which pause, a node asks to be let in. While a young ring gets
// its second and third admitter, they may be too few for a moment.
const (
	askings = 8
	asking  = 250 * time.Millisecond
)

// Join adds a node, and returns when it claims its keys.
func (r *Ring) Join(ctx context.Context) (*Node, error) {
	for try := 1; ; try++ {
		n, err := r.join(ctx)
		if api.KindOf(err) != api.Unreachable || try == askings {
			return n, err
		}
		again := time.NewTimer(asking)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil, ctx.Err()
		}
	}
}

func (r *Ring) join(ctx context.Context) (*Node, error) {
	home, err := r.Home()
	if err != nil {
		return nil, err
	}
	n, err := Open(ctx, home, r.invite, r.opts)
	return n, r.add(n, err)
}

// Home makes a folder for a node that is started elsewhere, in another process. It
// goes with the ring.
func (r *Ring) Home() (string, error) {
	r.mu.Lock()
	r.made++
	home := filepath.Join(r.dir, strconv.Itoa(r.made))
	r.mu.Unlock()
	return home, os.Mkdir(home, 0o700)
}

// Invitation lets up to 1,000 nodes enter, for a node that is started elsewhere.
func (r *Ring) Invitation() string { return r.invite }

// Nodes are those of this process, in the order in which they were ready.
func (r *Ring) Nodes() []*Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.nodes)
}

// Leave ends a node in order.
func (r *Ring) Leave(ctx context.Context, n *Node) error {
	r.mu.Lock()
	r.nodes = slices.DeleteFunc(r.nodes, func(o *Node) bool { return o == n })
	r.mu.Unlock()
	return n.Stop(ctx)
}

// Mesh lets each node have a link to each other one of this process.
func (r *Ring) Mesh(ctx context.Context) error {
	nodes := r.Nodes()
	for i, n := range nodes {
		others := nodes[i+1:]
		if err := n.Do(ctx, func(t *task.T, ep kbr.Endpoint) error {
			got, err := task.Gather(t, meshTime, len(others), func(k int, resolve func(bool, error)) {
				ep.Send(others[k].self, []byte{0}, func(err error) { resolve(err == nil, err) })
			}, nil)
			for _, g := range got {
				err = cause.Join(err, g.Err)
			}
			return err
		}); err != nil {
			return fmt.Errorf("linking all nodes: %w", err)
		}
	}
	return nil
}

// Stop ends all nodes at once, and removes their folders.
func (r *Ring) Stop(ctx context.Context) error {
	nodes := r.Nodes()
	errs := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() { errs[i] = n.Stop(ctx) })
	}
	all.Wait()
	return cause.Join(append(errs, os.RemoveAll(r.dir))...)
}

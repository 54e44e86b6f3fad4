package ring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/task"
)

// meshTime bounds the linking of one node to all others.
const meshTime = 30 * time.Second

// defaultAtOnce is how many nodes of a ring start at a time.
const defaultAtOnce = 4

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
		return nil, errors.Join(err, r.Stop(context.WithoutCancel(ctx)))
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
	errs := make([]error, n-1)
	room := make(chan struct{}, cmp.Or(r.opts.AtOnce, defaultAtOnce))
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			_, errs[i] = r.Join(ctx)
		})
	}
	all.Wait()
	return errors.Join(errs...)
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
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes = append(r.nodes, n)
	return n, nil
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
				err = errors.Join(err, g.Err)
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
	return errors.Join(append(errs, os.RemoveAll(r.dir))...)
}

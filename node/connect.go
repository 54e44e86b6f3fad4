package node

import (
	"context"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/task"
)

// connect makes a link to a node now, whatever the back-off says and whatever the ring
// thinks of it. One that is believed dead is called where it was last, as it may be
// back; if it is not there, the ring is asked. It returns the handle, with the error if
// there is no link.
func (n *Node) connect(ctx context.Context, node id.ID) (*handle, error) {
	var last *handle
	alive := false
	if err := loop.Call(ctx, n.overlay(), func(o *overlay) { last, alive = o.pastry.Known(node) }); err != nil {
		return nil, err
	}
	if last != nil && !alive {
		if h, err := n.revive(ctx, last); err == nil {
			return h, nil
		}
	}
	h, err := loop.Do(ctx, n.overlay(), func(t *task.T, o *overlay) (*handle, error) {
		return kbr.Find(t, o.pastry.Endpoint(AppProbe), node)
	})
	if err != nil || h.ID == n.overlayID() {
		return h, err
	}
	return h, n.carrier.Connect(ctx, h)
}

// How long revive calls, and how often it looks whether the overlay has asked the node
// by its new link, and believes in it again.
const (
	reviveTime = 5 * time.Second
	reviveLook = 5 * time.Millisecond
)

// revive calls a node that is believed dead, and returns its present handle once the
// overlay takes it for alive: sooner it sends nothing there.
func (n *Node) revive(ctx context.Context, last *handle) (*handle, error) {
	ctx, cancel := context.WithTimeout(ctx, reviveTime)
	defer cancel()
	if err := n.carrier.Connect(ctx, last); err != nil {
		return nil, err
	}
	return loop.Do(ctx, n.overlay(), func(t *task.T, o *overlay) (*handle, error) {
		for {
			if h, alive := o.pastry.Known(last.ID); alive {
				return h, nil
			}
			if err := t.Sleep(reviveLook); err != nil {
				return nil, err
			}
		}
	})
}

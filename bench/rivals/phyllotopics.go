package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// phylloCrowd is a ring of phyllo all of whose nodes read one topic.
type phylloCrowd struct {
	net   *phylloNet
	nodes []*ring.Node
	outs  []*topic.Outlet // of each node, touched on its loop
	ended sync.Once
}

// gather lets all nodes of a ring subscribe to a topic that the second of them makes, and
// lets each of them open it to publish.
func (c *phylloCrowd) gather(ctx context.Context, a *audience) error {
	name, err := topic.ParseName(topicName)
	if err != nil {
		return err
	}
	c.nodes, c.outs = c.net.nodes, make([]*topic.Outlet, len(c.net.nodes))
	open := func(i int) error {
		return c.nodes[i].Topics(ctx, func(t *task.T, topics *topic.Topics, me peer.Signer) (err error) {
			c.outs[i], err = topics.Open(t, name, me)
			return err
		})
	}
	if err := open(1); err != nil {
		return fmt.Errorf("make a topic at phyllo: %w", err)
	}
	err = c.nodes[1].Topics(ctx, func(t *task.T, _ *topic.Topics, _ peer.Signer) error {
		_, err := c.outs[1].Say(t, nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("make a topic at phyllo: %w", err)
	}
	for i, n := range c.nodes {
		err := n.Topics(ctx, func(t *task.T, topics *topic.Topics, me peer.Signer) error {
			_, err := topics.Subscribe(t, name, topic.Options{By: me, Event: func(e topic.Event) {
				if e.Message != nil { // else it is lost, and missing
					a.heard(i, e.Message.Body)
				}
			}})
			return err
		})
		if err == nil && c.outs[i] == nil {
			err = open(i)
		}
		if err != nil {
			return fmt.Errorf("subscribe at phyllo: %w", err)
		}
	}
	return nil
}

// publish implements crowd.
func (c *phylloCrowd) publish(ctx context.Context, from int, message []byte) error {
	return c.nodes[from].Topics(ctx, func(*task.T, *topic.Topics, peer.Signer) error {
		return c.outs[from].Publish(message, nil)
	})
}

// written implements crowd.
func (c *phylloCrowd) written() (sum float64) {
	for _, n := range c.nodes {
		sum += float64(n.Stats().BytesOut)
	}
	return sum
}

// close implements crowd.
func (c *phylloCrowd) close() {
	c.ended.Do(func() { _ = c.net.close(context.Background()) }) // what a node says at its end is no matter of the comparison
}

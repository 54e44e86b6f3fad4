package node

import (
	"context"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/people"
	"github.com/phyllo-net/phyllo/node/talk"
)

// makeTalk makes the node's part in messages and rooms.
func (o *overlay) makeTalk() (err error) {
	n := o.node
	o.talk, err = talk.New(talk.Config{Ring: o.ring, Store: n.store, Directory: o.dir, Past: o.past, People: n.people, Loop: o, Tell: n.feed.Publish})
	return err
}

// talkSide is the node as messages and rooms see it.
type talkSide struct{ n *Node }

var _ talk.Node = talkSide{}

// Here implements talk.Node.
func (s talkSide) Here() *talk.Here {
	if o := s.n.overlay(); o != nil {
		return o.talk
	}
	return nil
}

// People implements talk.Node.
func (s talkSide) People() *people.People { return s.n.people }

// Enclosed implements talk.Node.
func (s talkSide) Enclosed(ctx context.Context, q api.FileName) (string, error) {
	return s.n.face().Enclosed(ctx, q)
}

// Reach implements talk.Node.
func (s talkSide) Reach(ctx context.Context, node id.ID) error {
	_, err := s.n.connect(ctx, node)
	if err != nil {
		s.n.log.Debug("a node of the receiver cannot be reached now", "node", node.Short(), "err", err)
	}
	return err
}

// Go implements talk.Node.
func (s talkSide) Go(f func(ctx context.Context)) { s.n.wg.Go(func() { f(s.n.ctx) }) }

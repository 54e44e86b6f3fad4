package node

import (
	"context"

	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/app/work"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/people"
	"github.com/phyllo-net/phyllo/node/topics"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// makeTopics makes the node's part in groups, and in what runs over them.
func (o *overlay) makeTopics() (err error) {
	n := o.node
	o.topics, err = topics.New(topics.Config{
		Ring: o.ring, Self: o.self.ID, Directory: o.dir, Store: n.store, Memory: n.cfg.Memory, Tune: n.opt.groups, Signers: n.signers,
		Loop: o, Log: n.log,
	})
	return err
}

// signers are the keys of this node and of those who live here.
func (n *Node) signers() []peer.Signer {
	list := []peer.Signer{n.signer}
	for _, u := range n.people.All() {
		list = append(list, u.Signer)
	}
	return list
}

// Topics runs f as a task on the node's loop, with the node's topics and the key of one of its
// users: empty stands for the only one, or for the node itself if nobody lives on it. If the
// context ends first, Topics returns its error and f goes on.
func (n *Node) Topics(ctx context.Context, user string, f func(t *task.T, topics *topic.Topics, me peer.Signer) error) error {
	me, err := topics.Speaker(topicSide{n}, user)
	if err != nil {
		return err
	}
	_, err = loop.Do(ctx, n.overlay(), func(t *task.T, o *overlay) (nothing, error) { return nothing{}, f(t, o.topics.Topics(), me) })
	return err
}

// Work runs f as a task on the node's loop, as Topics does, with the items that are offered and
// taken on this node.
func (n *Node) Work(ctx context.Context, user string, f func(t *task.T, w *work.Work, me peer.Signer) error) error {
	me, err := topics.Speaker(topicSide{n}, user)
	if err != nil {
		return err
	}
	_, err = loop.Do(ctx, n.overlay(), func(t *task.T, o *overlay) (nothing, error) { return nothing{}, f(t, o.topics.Work(), me) })
	return err
}

// topicSide is the node as topics see it.
type topicSide struct{ n *Node }

var _ topics.Node = topicSide{}

// Here implements topics.Node.
func (s topicSide) Here() *topics.Here {
	if o := s.n.overlay(); o != nil {
		return o.topics
	}
	return nil
}

// Signer implements topics.Node.
func (s topicSide) Signer() peer.Signer { return s.n.signer }

// People implements topics.Node.
func (s topicSide) People() *people.People { return s.n.people }

// Go implements topics.Node.
func (s topicSide) Go(f func()) { s.n.wg.Go(f) }

package node

import (
	"context"
	"math"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// groupShare is the part of a node's memory that one group may take: a node keeps so many
// groups for others that all of them together, each with a little, take no more than a
// quarter of it.
const groupShare = 16 << 10

// makeTopics makes the node's part in groups, and in those that have names.
func (o *overlay) makeTopics() (err error) {
	n := o.node
	c := scribe.Default()
	c.Ring, c.Verifier = o.ring, keys.Verifier{}
	c.MaxGroups = int(min(int64(c.MaxGroups), max(n.cfg.Memory/4/groupShare, 100)))
	c.MaxTotal = int(min(int64(c.MaxTotal), max(n.cfg.Memory/8, 1<<20)))
	c.Store = n.store
	c.Events.Unwritten = func(err error) {
		n.log.Warn("messages of groups that this node keeps are not on its disk: they are lost if all who keep them stop", "error", err)
	}
	c.Events.Swallowed = func(_ id.Hash, parent *handle) {
		n.log.Warn("a node did not hand on messages of a group: another one is asked for them", "node", parent.String())
	}
	c.Events.Flooded = func(_ id.Hash, parent *handle) {
		n.log.Warn("a node flooded this one with messages of a group: another one is asked for them", "node", parent.String())
	}
	c.Events.Reordered = func(_ id.Hash, parent *handle) {
		n.log.Warn("a node handed on messages of a group in a wrong order: another one is asked for them", "node", parent.String())
	}
	if f := n.opt.groups; f != nil {
		f(&c)
	}
	if o.scribe, err = scribe.New(c); err != nil {
		return err
	}
	tc := topic.Default()
	tc.Ring, tc.Scribe, tc.Directory, tc.Store = o.ring, o.scribe, o.dir, n.store
	tc.Signers = n.signers
	o.topics, err = topic.New(tc)
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

// speaker is who publishes, or reads: a user of this node, or the node itself if nobody lives
// here.
func (n *Node) speaker(user string) (peer.Signer, error) {
	if user == "" && len(n.people.All()) == 0 {
		return n.signer, nil
	}
	u, err := n.people.Named(user)
	if err != nil {
		return nil, err
	}
	return u.Signer, nil
}

// Topics runs f as a task on the node's loop, with the node's topics and the key of one of its
// users: empty stands for the only one, or for the node itself if nobody lives on it. If the
// context ends first, Topics returns its error and f goes on.
func (n *Node) Topics(ctx context.Context, user string, f func(t *task.T, topics *topic.Topics, me peer.Signer) error) error {
	me, err := n.speaker(user)
	if err != nil {
		return err
	}
	_, err = do(ctx, n, func(t *task.T, o *overlay) (nothing, error) { return nothing{}, f(t, o.topics, me) })
	return err
}

// topicNamed reads a topic's name.
func topicNamed(typed string) (topic.Name, error) {
	name, err := topic.ParseName(typed)
	return name, kinded(err)
}

// TopicSet implements api.Node.
func (f face) TopicSet(ctx context.Context, q api.TopicRules) (*api.Topic, error) {
	name, err := topicNamed(q.Topic)
	if err != nil {
		return nil, err
	}
	by, err := f.n.speaker(q.User)
	if err != nil {
		return nil, err
	}
	r := topic.DefaultRules(name)
	if q.Keep != 0 {
		r.Count = q.Keep
	}
	if q.KeepFor != 0 {
		r.Age = time.Duration(min(max(q.KeepFor, 0), int64(maxKeepFor/time.Millisecond))) * time.Millisecond
	}
	out, err := do(ctx, f.n, func(t *task.T, o *overlay) (*api.Topic, error) {
		var err error
		if r.AllPublish, r.Publishers, err = o.keysOf(t, q.Publish, r.AllPublish); err != nil {
			return nil, err
		}
		if r.AllRead, r.Readers, err = o.keysOf(t, q.Read, r.AllRead); err != nil {
			return nil, err
		}
		if err := o.topics.Set(t, name, by, r); err != nil {
			return nil, err
		}
		for _, s := range o.topics.List() {
			if s.Name == name && s.Charter.Creator == by.Public() {
				return f.n.shownTopic(s), nil
			}
		}
		return nil, topic.ErrUnknown
	})
	return out, kinded(err)
}

// maxKeepFor is beyond all that a topic may be kept for: the topic's own rules refuse it.
const maxKeepFor = 365 * 24 * time.Hour

// keysOf finds the keys of people. The word all stands for every member of the ring, and owner
// for nobody besides; without any name it stays as it was.
func (o *overlay) keysOf(t *task.T, names []string, was bool) (all bool, list []peer.Key, err error) {
	if len(names) == 0 {
		return was, nil, nil
	}
	for _, typed := range names {
		switch typed {
		case "all":
			return true, nil, nil
		case "owner":
			continue
		}
		name, err := personName(typed)
		if err != nil {
			return false, nil, err
		}
		found, err := o.dir.Lookup(t, name)
		if err != nil {
			return false, nil, aboutName(err, typed)
		}
		list = append(list, found.Record.Identity)
	}
	return false, list, nil
}

func (n *Node) shownTopic(s topic.Standing) *api.Topic {
	c := s.Charter
	return &api.Topic{
		Name: s.Name.String(), Owner: directory.Fingerprint(c.Creator), Publish: c.OpenPublish, Read: c.OpenJoin,
		Publishers: len(c.Publishers) / peer.KeySize, Readers: len(c.Members) / peer.KeySize, Keep: int(c.Count), KeepFor: c.Keep().Milliseconds(),
		Mine: s.Mine, Writing: s.Writers, Reading: s.Readers, Root: s.Place.Root, Keeping: s.Place.Keeper, Children: len(s.Place.Children), Messages: s.Place.Messages,
	}
}

// TopicList implements api.Node.
func (f face) TopicList(ctx context.Context) (list []api.Topic, err error) {
	var standing []topic.Standing
	if err := f.n.call(ctx, func(o *overlay) { standing = o.topics.List() }); err != nil {
		return nil, kinded(err)
	}
	for _, s := range standing {
		list = append(list, *f.n.shownTopic(s))
	}
	return list, nil
}

// TopicTree implements api.Node.
func (f face) TopicTree(ctx context.Context, typed string) (*api.TopicTree, error) {
	name, err := topicNamed(typed)
	if err != nil {
		return nil, err
	}
	tree, err := do(ctx, f.n, func(t *task.T, o *overlay) (*topic.Tree, error) { return o.topics.Tree(t, name) })
	if err != nil {
		return nil, kinded(err)
	}
	out := &api.TopicTree{Topic: name.String(), Key: tree.Key, More: tree.More}
	self := f.n.overlayID()
	for _, b := range tree.Nodes {
		out.Nodes = append(out.Nodes, api.TopicPlace{Node: b.Node, Parent: b.Parent, Depth: b.Depth, Self: b.Node == self,
			Reads: b.Member, Silent: b.Silent, Children: b.Children, Messages: b.Messages})
	}
	return out, nil
}

// TopicBench implements api.Node.
func (f face) TopicBench(ctx context.Context, q api.TopicTrial) (*api.TopicMeasured, error) {
	name, err := topicNamed(q.Topic)
	if err != nil {
		return nil, err
	}
	by, err := f.n.speaker(q.User)
	if err != nil {
		return nil, err
	}
	longest := int64(2 * topic.MaxMeasure / time.Millisecond)
	c := topic.Trial{Size: q.Size, Outstanding: q.Outstanding, Rate: q.Rate, For: time.Duration(min(max(q.For, 0), longest)) * time.Millisecond,
		Stop: func() bool { return ctx.Err() != nil }}
	m, err := do(ctx, f.n, func(t *task.T, o *overlay) (*topic.Measured, error) { return o.topics.Measure(t, name, by, c) })
	if err != nil {
		return nil, kinded(err)
	}
	return &api.TopicMeasured{
		Topic: name.String(), Size: q.Size, Outstanding: q.Outstanding, Asked: q.Rate, Messages: m.Messages, Took: m.Took.Milliseconds(), Rate: int(math.Round(m.Rate())), Lost: m.Lost,
		Safe: shownTimes(m.Safe), Read: shownTimes(m.Read), All: shownTimes(m.All), Readers: m.Readers, Others: m.Followed, Silent: m.Silent,
	}, nil
}

func shownTimes(s topic.Spread) api.TopicTimes {
	return api.TopicTimes{Count: s.Count, P50: s.P50.Microseconds(), P90: s.P90.Microseconds(), P99: s.P99.Microseconds(), Worst: s.Worst.Microseconds()}
}

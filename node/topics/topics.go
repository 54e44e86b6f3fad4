// Package topics is a node's part in topics, and in the work that is handed out over them, for those who publish,
// read, offer and take: the command and the page come to them through api.
package topics

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/anycast"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/app/work"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/people"
	"github.com/phyllo-net/phyllo/node/typed"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
)

// Config says for which node, and on what, its part in topics is made.
type Config struct {
	Ring      id.Hash
	Self      id.ID // the node's id in its ring
	Directory *directory.Directory
	Store     store.Store
	Memory    int64                // bytes that the whole node may take
	Tune      func(*scribe.Config) // changes the parameters of groups; may be nil
	Signers   func() []peer.Signer // the keys of the node and of those who live on it
	Loop      loop.Loop            // where the node runs, from when the part is first asked
	Log       *slog.Logger
}

// Here is what a node has of topics and of work at one place in a ring. But for New, it is touched
// on the loop only.
type Here struct {
	loop    loop.Loop
	self    id.ID
	dir     *directory.Directory
	scribe  *scribe.Scribe
	topics  *topic.Topics
	anycast *anycast.Anycast
	work    *work.Work
}

// groupShare is the part of a node's memory that one group may take: a node keeps so many
// groups for others that all of them together, each with a little, take no more than a
// quarter of it.
const groupShare = 16 << 10

// New makes a node's part in groups, in those that have names, and in handing out items of work.
// The error is that of the applications.
func New(c Config) (*Here, error) {
	h := &Here{loop: c.Loop, self: c.Self, dir: c.Directory}
	sc := scribe.Default()
	sc.Ring, sc.Verifier, sc.Store = c.Ring, keys.Verifier{}, c.Store
	sc.MaxGroups = int(min(int64(sc.MaxGroups), max(c.Memory/4/groupShare, 100)))
	sc.MaxTotal = int(min(int64(sc.MaxTotal), max(c.Memory/8, 1<<20)))
	sc.Events.Unwritten = func(err error) {
		c.Log.Warn("messages of groups that this node keeps are not on its disk: they are lost if all who keep them stop", "error", err)
	}
	sc.Events.Swallowed = func(_ id.Hash, parent *peer.Handle) {
		c.Log.Warn("a node did not hand on messages of a group: another one is asked for them", "node", parent.String())
	}
	sc.Events.Flooded = func(_ id.Hash, parent *peer.Handle) {
		c.Log.Warn("a node flooded this one with messages of a group: another one is asked for them", "node", parent.String())
	}
	sc.Events.Reordered = func(_ id.Hash, parent *peer.Handle) {
		c.Log.Warn("a node handed on messages of a group in a wrong order: another one is asked for them", "node", parent.String())
	}
	if c.Tune != nil {
		c.Tune(&sc)
	}
	var err error
	if h.scribe, err = scribe.New(sc); err != nil {
		return nil, err
	}
	tc := topic.Default()
	tc.Ring, tc.Scribe, tc.Directory, tc.Store, tc.Signers = c.Ring, h.scribe, c.Directory, c.Store, c.Signers
	if h.topics, err = topic.New(tc); err != nil {
		return nil, err
	}
	ac := anycast.Default()
	ac.Ring, ac.Verifier, ac.Tree = c.Ring, keys.Verifier{}, h.scribe
	if h.anycast, err = anycast.New(ac); err != nil {
		return nil, err
	}
	wc := work.Default()
	wc.Topics, wc.Scribe, wc.Anycast, wc.Store, wc.Signers = h.topics, h.scribe, h.anycast, c.Store, c.Signers
	wc.Ring, wc.Verifier = c.Ring, keys.Verifier{}
	h.work, err = work.New(wc)
	return h, err
}

// Groups, Anycast, Topics and Work are what the overlay runs.
func (h *Here) Groups() *scribe.Scribe { return h.scribe }

// Anycast is as Groups.
func (h *Here) Anycast() *anycast.Anycast { return h.anycast }

// Topics is as Groups.
func (h *Here) Topics() *topic.Topics { return h.topics }

// Work is as Groups.
func (h *Here) Work() *work.Work { return h.work }

// Loop is where the node runs.
func (h *Here) Loop() loop.Loop { return h.loop }

// Node is what the room sees of the node that it is a part of. Its methods may be called from
// any goroutine.
type Node interface {
	// Here is what the node has of topics at its present place in a ring, or nil.
	Here() *Here
	// Signer is the node's own key.
	Signer() peer.Signer
	// People are those who live on it.
	People() *people.People
	// Go runs f in a goroutine for which the node waits when it stops.
	Go(f func())
}

// Speaker is who publishes, or reads: a user of the node, or the node itself if nobody lives
// there. An empty name means the only user.
func Speaker(n Node, user string) (peer.Signer, error) {
	if user == "" && len(n.People().All()) == 0 {
		return n.Signer(), nil
	}
	u, err := n.People().Named(user)
	if err != nil {
		return nil, err
	}
	return u.Signer, nil
}

// Face is the part of api.Node that is about topics and work.
type Face struct{ Node Node }

// TopicSet implements api.Node.
func (f Face) TopicSet(ctx context.Context, q api.TopicRules) (*api.Topic, error) {
	name, err := typed.Topic(q.Topic)
	if err != nil {
		return nil, err
	}
	by, err := Speaker(f.Node, q.User)
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
	out, err := loop.Do(ctx, f.Node.Here(), func(t *task.T, h *Here) (*api.Topic, error) {
		var err error
		if r.AllPublish, r.Publishers, err = h.keysOf(t, q.Publish, r.AllPublish); err != nil {
			return nil, err
		}
		if r.AllRead, r.Readers, err = h.keysOf(t, q.Read, r.AllRead); err != nil {
			return nil, err
		}
		if err := h.topics.Set(t, name, by, r); err != nil {
			return nil, err
		}
		for _, s := range h.topics.List() {
			if s.Name == name && s.Charter.Creator == by.Public() {
				return shownTopic(s), nil
			}
		}
		return nil, topic.ErrUnknown
	})
	return out, kind.Give(err)
}

// maxKeepFor is beyond all that a topic may be kept for: the topic's own rules refuse it.
const maxKeepFor = 365 * 24 * time.Hour

// keysOf finds the keys of people. The word all stands for every member of the ring, and owner
// for nobody besides; without any name it stays as it was.
func (h *Here) keysOf(t *task.T, names []string, was bool) (all bool, list []peer.Key, err error) {
	if len(names) == 0 {
		return was, nil, nil
	}
	for _, called := range names {
		switch called {
		case "all":
			return true, nil, nil
		case "owner":
			continue
		}
		name, err := typed.Person(called)
		if err != nil {
			return false, nil, err
		}
		found, err := h.dir.Lookup(t, name)
		if err != nil {
			return false, nil, kind.AboutName(err, called)
		}
		list = append(list, found.Record.Identity)
	}
	return false, list, nil
}

func shownTopic(s topic.Standing) *api.Topic {
	c := s.Charter
	return &api.Topic{
		Name: s.Name.String(), Owner: directory.Fingerprint(c.Creator), Publish: c.OpenPublish, Read: c.OpenJoin,
		Publishers: len(c.Publishers) / peer.KeySize, Readers: len(c.Members) / peer.KeySize, Keep: int(c.Count), KeepFor: c.Keep().Milliseconds(),
		Mine: s.Mine, Writing: s.Writers, Reading: s.Readers, Root: s.Place.Root, Keeping: s.Place.Keeper, Children: len(s.Place.Children), Messages: s.Place.Messages,
	}
}

// TopicList implements api.Node.
func (f Face) TopicList(ctx context.Context) (list []api.Topic, err error) {
	var standing []topic.Standing
	if err := loop.Call(ctx, f.Node.Here(), func(h *Here) { standing = h.topics.List() }); err != nil {
		return nil, kind.Give(err)
	}
	for _, s := range standing {
		list = append(list, *shownTopic(s))
	}
	return list, nil
}

// TopicTree implements api.Node.
func (f Face) TopicTree(ctx context.Context, called string) (*api.TopicTree, error) {
	name, err := typed.Topic(called)
	if err != nil {
		return nil, err
	}
	out, err := loop.Do(ctx, f.Node.Here(), func(t *task.T, h *Here) (*api.TopicTree, error) {
		tree, err := h.topics.Tree(t, name)
		if err != nil {
			return nil, err
		}
		out := &api.TopicTree{Topic: name.String(), Key: tree.Key, More: tree.More}
		for _, b := range tree.Nodes {
			out.Nodes = append(out.Nodes, api.TopicPlace{Node: b.Node, Parent: b.Parent, Depth: b.Depth, Self: b.Node == h.self,
				Reads: b.Member, Silent: b.Silent, Children: b.Children, Messages: b.Messages})
		}
		return out, nil
	})
	return out, kind.Give(err)
}

// TopicBench implements api.Node.
func (f Face) TopicBench(ctx context.Context, q api.TopicTrial) (*api.TopicMeasured, error) {
	name, err := typed.Topic(q.Topic)
	if err != nil {
		return nil, err
	}
	by, err := Speaker(f.Node, q.User)
	if err != nil {
		return nil, err
	}
	longest := int64(2 * topic.MaxMeasure / time.Millisecond)
	c := topic.Trial{Size: q.Size, Outstanding: q.Outstanding, Rate: q.Rate, For: time.Duration(min(max(q.For, 0), longest)) * time.Millisecond,
		Stop: func() bool { return ctx.Err() != nil }}
	m, err := loop.Do(ctx, f.Node.Here(), func(t *task.T, h *Here) (*topic.Measured, error) { return h.topics.Measure(t, name, by, c) })
	if err != nil {
		return nil, kind.Give(err)
	}
	return &api.TopicMeasured{
		Topic: name.String(), Size: q.Size, Outstanding: q.Outstanding, Asked: q.Rate, Messages: m.Messages, Took: m.Took.Milliseconds(), Rate: int(math.Round(m.Rate())), Lost: m.Lost,
		Safe: shownTimes(m.Safe), Read: shownTimes(m.Read), All: shownTimes(m.All), Readers: m.Readers, Others: m.Followed, Silent: m.Silent,
	}, nil
}

func shownTimes(s topic.Spread) api.TopicTimes {
	return api.TopicTimes{Count: s.Count, P50: s.P50.Microseconds(), P90: s.P90.Microseconds(), P99: s.P99.Microseconds(), Worst: s.Worst.Microseconds()}
}

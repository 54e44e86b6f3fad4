package fakenode

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/phyllo-net/phyllo/api"
)

// channel is a pretended topic. It has no tree: the node hands on to two others.
type channel struct {
	rules  api.TopicRules
	events []api.TopicEvent
	news   chan struct{} // closed when there is another event
}

// Channels that have a quality which a program must cope with: "holey" has a gap before its first
// message, and who reads "closed" is put out.
const (
	holey  = "holey"
	closed = "closed"
)

// channel finds a topic, or makes it. The caller holds the lock.
func (n *Node) channel(name string) *channel {
	if n.topics == nil {
		n.topics = make(map[string]*channel)
	}
	c := n.topics[name]
	if c == nil {
		c = &channel{rules: api.TopicRules{Topic: name}, news: make(chan struct{})}
		n.topics[name] = c
	}
	return c
}

func topicName(name string) error {
	if name == "" || strings.ContainsAny(name, " #\n") || strings.Count(name, "/") > 1 {
		return api.Errorf(api.Usage, "not a topic's name: want one as news, or ann/news for the topic of ann: see `phyllo pub --help`")
	}
	return nil
}

// Publish implements api.Node. Topics of "bob" are closed to everybody here.
func (n *Node) Publish(_ context.Context, q api.Publication, r io.Reader) (*api.Published, error) {
	if err := topicName(q.Topic); err != nil {
		return nil, err
	}
	if strings.HasPrefix(q.Topic, "bob/") {
		return nil, api.Errorf(api.Denied, "the group does not allow it: ask its creator for a place on its list")
	}
	p := &api.Published{Topic: q.Topic}
	in := bufio.NewScanner(r)
	in.Buffer(nil, api.MaxTopicMessage)
	if !q.Lines {
		in.Split(func(b []byte, end bool) (int, []byte, error) {
			if !end {
				return 0, nil, nil
			}
			return len(b), b, bufio.ErrFinalToken
		})
	}
	for in.Scan() {
		n.mu.Lock()
		n.post(q.Topic, cmp.Or(q.User, "ann"), in.Bytes())
		n.mu.Unlock()
		p.Messages++
	}
	if in.Err() != nil {
		return nil, api.Errorf(api.Usage, "a message has at most %d bytes: store what is larger with `phyllo put`, and publish its name", api.MaxTopicMessage)
	}
	return p, nil
}

// post puts a message into a topic. The caller holds the lock.
func (n *Node) post(topic, from string, body []byte) {
	c := n.channel(topic)
	e := api.TopicEvent{Event: api.TopicMessage, Topic: topic, Time: n.clock, Name: from, From: fingerprint(from), Life: 1, Seq: uint64(len(c.events)) + 1}
	if utf8.Valid(body) {
		e.Text = string(body)
	} else {
		e.Data = slices.Clone(body)
	}
	if topic == holey && len(c.events) == 0 {
		c.events = append(c.events, api.TopicEvent{Event: api.TopicGap, Topic: topic, Time: n.clock, From: e.From, Life: 1, Seq: 1, Lost: 3})
	}
	c.events = append(c.events, e)
	close(c.news)
	c.news = make(chan struct{})
}

// Subscribe implements api.Node. All messages are history.
func (n *Node) Subscribe(ctx context.Context, q api.Subscription, f func(*api.TopicEvent) error) error {
	if err := topicName(q.Topic); err != nil {
		return err
	}
	n.mu.Lock()
	c, kind := n.channel(q.Topic), api.TopicBegin
	at := len(c.events)
	if at == 0 {
		kind = api.TopicWaiting
	}
	if q.Since > 0 {
		at = 0
	} else if q.Last > 0 {
		at = max(0, at-q.Last)
	}
	begin := api.TopicEvent{Event: kind, Topic: q.Topic, Time: n.clock}
	n.mu.Unlock()
	for e := []api.TopicEvent{begin}; ; {
		for i := range e {
			if err := f(&e[i]); err != nil {
				return err
			}
		}
		n.mu.Lock()
		e = slices.Clone(c.events[at:])
		next := c.news
		at = len(c.events)
		n.mu.Unlock()
		if len(e) > 0 {
			continue
		}
		if q.Topic == closed {
			return api.Errorf(api.Denied, "the group does not allow it: ask its creator for a place on its list")
		}
		select {
		case <-next:
		case <-n.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// TopicSet implements api.Node.
func (n *Node) TopicSet(_ context.Context, q api.TopicRules) (*api.Topic, error) {
	if err := topicName(q.Topic); err != nil {
		return nil, err
	}
	if strings.HasPrefix(q.Topic, "bob/") {
		return nil, api.Errorf(api.Denied, "the topic belongs to somebody else: ask its owner, or take another name")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.channel(q.Topic).rules = q
	return n.shownTopic(q.Topic), nil
}

// shownTopic is a topic as it is listed. The caller holds the lock.
func (n *Node) shownTopic(name string) *api.Topic {
	c := n.channel(name)
	all := func(list []string) (bool, int) {
		if len(list) == 0 || slices.Contains(list, "all") {
			return true, 0
		}
		return false, len(slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "owner" }))
	}
	t := &api.Topic{Name: name, Owner: fingerprint("ann"), Keep: cmp.Or(c.rules.Keep, 1000), KeepFor: cmp.Or(c.rules.KeepFor, 86_400_000),
		Mine: true, Root: true, Keeping: true, Children: 2, Messages: len(c.events), Writing: 1, Reading: 1}
	t.Publish, t.Publishers = all(c.rules.Publish)
	t.Read, t.Readers = all(c.rules.Read)
	return t
}

// TopicList implements api.Node.
func (n *Node) TopicList(context.Context) (list []api.Topic, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name := range n.topics {
		list = append(list, *n.shownTopic(name))
	}
	slices.SortFunc(list, func(a, b api.Topic) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// TopicTree implements api.Node.
func (n *Node) TopicTree(_ context.Context, name string) (*api.TopicTree, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.topics[name] == nil {
		return nil, api.Errorf(api.NotFound, "no such topic: `phyllo pub TOPIC TEXT` makes one")
	}
	return &api.TopicTree{Topic: name, More: true, Nodes: []api.TopicPlace{
		{Node: nodeID(2), Children: 1, Messages: 7}, {Node: nodeID(0), Parent: nodeID(2), Depth: 1, Self: true, Reads: true, Children: 1, Messages: 7},
		{Node: nodeID(3), Parent: nodeID(0), Depth: 2, Silent: true},
	}}, nil
}

// TopicBench implements api.Node: it takes no time. Whose topic ends with "slow" does not carry
// the rate that is asked for, and a reader does not answer.
func (n *Node) TopicBench(_ context.Context, q api.TopicTrial) (*api.TopicMeasured, error) {
	if err := topicName(q.Topic); err != nil {
		return nil, err
	}
	if strings.HasPrefix(q.Topic, "bob/") {
		return nil, api.Errorf(api.Denied, "the group does not allow it: ask its creator for a place on its list")
	}
	m := &api.TopicMeasured{Topic: q.Topic, Size: q.Size, Outstanding: q.Outstanding, Asked: q.Rate, Messages: int(q.For) / 5, Took: q.For, Rate: 200, Readers: 3, Others: 2,
		Safe: api.TopicTimes{Count: int(q.For) / 5, P50: 1200, P90: 1500, P99: 4100, Worst: 10_400}, Read: api.TopicTimes{Count: int(q.For) / 5, P50: 900, P90: 1300, P99: 3900, Worst: 12_000},
		All: api.TopicTimes{Count: 50, P50: 2300, P90: 2900, P99: 4800, Worst: 5000}}
	if strings.HasSuffix(q.Topic, "slow") {
		m.Lost, m.Silent, m.Others = 2, 1, 1
	}
	return m, nil
}

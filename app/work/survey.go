package work

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// This file is how a topic's owner learns what all nodes offer to it. Items lie with their
// offerers alone; the root of the topic's key knows which nodes these are, as they say so every
// two minutes, and the owner asks each of them, with his signature.

const (
	// hereEvery is how often a node that has items of a topic says so to the topic's root.
	hereEvery = 2 * time.Minute
	// surveyTime bounds one question, surveyClock by how much the asker's clock may differ.
	surveyTime  = 5 * time.Second
	surveyClock = 10 * time.Minute
	// maxPage is how many items one answer holds, and maxHead how many bytes of each.
	maxPage = 40
	maxHead = 256
	// MaxSurvey is how many items of one node a survey shows.
	MaxSurvey = 1000
)

// errRoot: what the root of a topic's key said came through others, and may be anybody's word.
var errRoot = fmt.Errorf("the node that knows who offers to the topic: %w", kbr.ErrUnreachable)

// Survey is what all nodes offer to a topic, as far as could be learned.
type Survey struct {
	Items []Offer // the oldest first
	// Nodes have answered, of Of that offer items to the topic.
	Nodes, Of int
	// More items are not shown, as one node has more than MaxSurvey of them.
	More int
	// Young says that the node that knows who offers began a moment ago: there may be more
	// nodes of which it has not heard yet.
	Young bool
	// MoreNodes says that it heard of more nodes than it has room for: they are not in Of.
	MoreNodes bool
}

// Offer is an item that some node offers.
type Offer struct {
	Standing          // Body is the item, or its beginning
	Size     int      // of the item, in bytes
	Node     id.ID    // which offers it
	By       peer.Key // who offers it, as that node says
}

// Cut reports whether Body is only the beginning of the item.
func (o *Offer) Cut() bool { return o.Size > len(o.Body) }

// Survey asks all nodes that offer items to a topic for these. by must own it. The error is
// topic's ErrUnknown or ErrOwner, one of the directory, or why the topic's root cannot be asked.
func (w *Work) Survey(t *task.T, n topic.Name, by peer.Signer) (Survey, error) {
	var s Survey
	owner, err := w.cfg.Topics.Owner(t, n)
	switch {
	case err != nil:
		return s, err
	case owner != by.Public():
		return s, topic.ErrOwner
	}
	group, self := n.GroupOf(w.cfg.Ring, owner), w.ep.Self()
	d, err := w.offerersOf(t, group)
	if err != nil {
		return s, err
	}
	s.Young, s.MoreNodes = d.Young, d.More
	nodes := slices.DeleteFunc(d.Nodes, func(p *peer.Handle) bool { return p.ID == self.ID })
	if mine := w.offered(group); len(mine) > 0 {
		s.Nodes, s.Of = 1, 1
		for _, it := range mine[:min(len(mine), MaxSurvey)] {
			s.Items = append(s.Items, it.offer(self.ID))
		}
		s.More += max(0, len(mine)-MaxSurvey)
	}
	s.Of += len(nodes)
	ask := &survey{Group: group, Owner: owner, Time: w.ep.Wall().Unix()}
	h := ask.hash(w.cfg.Ring, self.ID)
	ask.Sig = by.Sign(h[:])
	left := make([]int, len(nodes)) // items of each that have not come, as far as it has said
	for len(nodes) > 0 {
		got, err := kbr.CallAll(t, w.ep, nodes, func(int) []byte { return encode(ask) }, kbr.Options{Timeout: surveyTime}, nil)
		if err != nil {
			return s, err
		}
		var on []*peer.Handle // those that have more
		var onLeft []int
		for i, r := range got {
			page, ok := pageOf(r)
			if !ok {
				s.More += left[i]
				continue
			}
			if ask.After == 0 {
				s.Nodes++
			}
			for _, o := range page.Items {
				s.Items = append(s.Items, o.offer(n, nodes[i].ID))
			}
			switch n := int(page.Left); {
			case n > 0 && int(ask.After)+maxPage < MaxSurvey && len(page.Items) == maxPage:
				on, onLeft = append(on, nodes[i]), append(onLeft, n)
			default:
				s.More += n
			}
		}
		next := *ask
		next.After += maxPage
		nodes, left, ask = on, onLeft, &next
	}
	slices.SortStableFunc(s.Items, func(a, b Offer) int { return cmp.Or(cmp.Compare(a.Time, b.Time), bytes.Compare(a.Item[:], b.Item[:])) })
	s.Items = slices.CompactFunc(s.Items, func(a, b Offer) bool { return a.Item == b.Item }) // it moved from page to page
	return s, nil
}

// root asks the root of a topic's key who offers to the topic, over a link of its own. That it is the
// root is its word: whoever the question comes to first may say so.
func (w *Work) root(t *task.T, group id.Hash, o kbr.Options) (kbr.Answer, *desks, error) {
	o.Timeout, o.Straight = surveyTime, true
	a, err := kbr.Call(t, w.ep, group.Place(), encode(&who{group}), o)
	switch {
	case err != nil:
		return a, nil, err
	case a.Relayed || a.From == nil:
		return a, nil, errRoot
	}
	m, err := table.Decode(a.Payload)
	d, ok := m.(*desks)
	if err != nil || !ok {
		return a, nil, errMessage
	}
	return a, d, nil
}

// offerersOf asks the root of a topic's key on two ways who offers to the topic, and joins what is
// said: so a node on one way that says it is the root hides nobody.
func (w *Work) offerersOf(t *task.T, group id.Hash) (*desks, error) {
	a, d, err := w.root(t, group, kbr.Options{})
	if errors.Is(err, task.ErrStopped) || err == nil && a.From.ID == w.ep.Self().ID {
		return d, err
	}
	other := kbr.Options{Random: true}
	if !a.First.IsZero() {
		other.AvoidFirst = []id.ID{a.First}
	}
	b, e, err2 := w.root(t, group, other)
	switch {
	case errors.Is(err2, task.ErrStopped):
		return nil, err2
	case err != nil && err2 != nil:
		return nil, err
	case err != nil:
		return w.besides(t, group, e, b.From.ID)
	case err2 != nil || a.From.ID == b.From.ID:
		return w.besides(t, group, d, a.From.ID)
	}
	return w.besides(t, group, joined(d, e, id.Closer(group.Place(), b.From.ID, a.From.ID)), a.From.ID, b.From.ID)
}

// besides adds to what the nodes say that were asked as the root what those say that would be it next: even
// who is the root may hide somebody. Only a node that knows who is near to the key knows these; in a ring
// of few nodes each does.
func (w *Work) besides(t *task.T, group id.Hash, d *desks, asked ...id.ID) (*desks, error) {
	near := slices.Clone(w.ep.ReplicaSet(group.Place(), copies+1))
	near = slices.DeleteFunc(near, func(p *peer.Handle) bool { return slices.Contains(asked, p.ID) })
	got, err := kbr.CallAll(t, w.ep, near, func(int) []byte { return encode(&who{group}) }, kbr.Options{Timeout: surveyTime}, nil)
	if err != nil {
		return nil, err
	}
	for _, r := range got {
		if r.Err != nil || r.Value.Relayed {
			continue
		}
		m, err := table.Decode(r.Value.Payload)
		if e, ok := m.(*desks); err == nil && ok {
			d = joined(d, e, false)
		}
	}
	return d, nil
}

// joined is what two nodes say together; of whether the ring is young the nearer one's word counts.
func joined(d, e *desks, second bool) *desks {
	all := &desks{Nodes: slices.Clone(d.Nodes), Young: d.Young, More: d.More || e.More}
	if second {
		all.Young = e.Young
	}
	for _, p := range e.Nodes {
		if !slices.ContainsFunc(all.Nodes, func(o *peer.Handle) bool { return o.ID == p.ID }) {
			all.Nodes = append(all.Nodes, p)
		}
	}
	return all
}

func pageOf(r task.Result[kbr.Answer]) (*page, bool) {
	if r.Err != nil || r.Value.Relayed {
		return nil, false
	}
	m, err := table.Decode(r.Value.Payload)
	p, ok := m.(*page)
	return p, err == nil && ok
}

// hash is what the owner signs: for one asker, so that nobody else can use it.
func (m *survey) hash(ring id.Hash, asker id.ID) id.Hash {
	return id.HashOf("work survey", ring, m.Group, m.Owner[:], asker, m.Time)
}

// offered are the items of a topic on this node, in their order.
func (w *Work) offered(group id.Hash) (list []*item) {
	for _, q := range w.queues {
		if q.group == group {
			list = append(list, q.items...)
		}
	}
	return list
}

func (it *item) standing() Standing {
	return Standing{Item: it.id, Topic: it.q.name, State: it.state, Outcome: it.Outcome, Why: it.why(),
		Taker: idOf(it.taker), Had: int(it.Had), Time: it.Time, Body: it.Body}
}

func (it *item) offer(on id.ID) Offer {
	o := Offer{Standing: it.standing(), Size: len(it.Body), Node: on, By: it.By}
	o.Body = o.Body[:min(len(o.Body), maxHead)]
	return o
}

func (s *shown) offer(n topic.Name, on id.ID) Offer {
	return Offer{Standing: Standing{Item: s.Item, Topic: n, State: State(s.State), Outcome: Outcome(s.Outcome), Why: s.Why,
		Taker: s.Taker, Had: int(s.Had), Time: s.Time, Body: s.Head}, Size: int(s.Size), Node: on, By: s.By}
}

// onSurvey tells the topic's owner what is offered here.
func (w *Work) onSurvey(d *kbr.Delivery, m *survey) {
	list := w.offered(m.Group)
	age := w.ep.Wall().Sub(time.Unix(m.Time, 0)).Abs()
	h := m.hash(w.cfg.Ring, d.Via.ID)
	switch {
	case len(list) == 0:
		d.Reply(encode(&page{}))
		return
	case list[0].q.name.GroupOf(w.cfg.Ring, m.Owner) != m.Group, age > surveyClock, !w.cfg.Verifier.Verify(m.Owner, h[:], m.Sig):
		refuse(d, refusedDenied)
		return
	}
	list = list[min(int(m.After), len(list)):]
	p := &page{Left: uint32(max(0, len(list)-maxPage))}
	for _, it := range list[:min(len(list), maxPage)] {
		why := it.why()
		p.Items = append(p.Items, &shown{Item: it.id, By: it.By, State: string(it.state), Outcome: string(it.Outcome), Why: strings.ToValidUTF8(why[:min(len(why), maxHead)], ""),
			Taker: idOf(it.taker), Had: it.Had, Time: it.Time, Size: uint32(len(it.Body)), Head: it.Body[:min(len(it.Body), maxHead)]})
	}
	d.Reply(encode(p))
}

// announce says, every hereEvery, that this node has items of a topic, and forgets what others
// have said long ago.
func (w *Work) announce(t *task.T) error {
	for {
		if err := t.Sleep(hereEvery / 4); err != nil {
			return err
		}
		w.offerers.sweep(w.ep.Now())
		for _, q := range w.queues {
			q.announce()
		}
	}
}

// tellTo is whom a node tells that it has items of a topic: the root, which tells those who would be it next. Each
// second time it is the first of these, where it is known, which tells the root and the other: a root that keeps
// to itself what it hears hides nobody from besides.
func (w *Work) tellTo(t *task.T, group id.Hash, second bool) (*peer.Handle, error) {
	if near := w.ep.ReplicaSet(group.Place(), copies+1); second && len(near) > 1 {
		return near[1], nil
	}
	root, _, err := w.root(t, group, kbr.Options{Random: second})
	return root.From, err
}

// announce tells the topic's root that there are items here, unless it was told a moment ago. The
// group of a queue of before a restart may not be known: none of its items may be offered any more.
func (q *queue) announce() {
	w := q.w
	if len(q.items) == 0 || q.told && w.ep.Now().Sub(q.toldAt) < hereEvery || q.group.IsZero() && q.waitsForTopic() {
		return
	}
	q.told, q.toldAt = true, w.ep.Now()
	w.ep.Go(func(t *task.T) error {
		if q.group.IsZero() {
			owner, err := w.cfg.Topics.Owner(t, q.name)
			if errors.Is(err, topic.ErrUnknown) {
				q.missing()
			}
			if err != nil {
				return err
			}
			q.group = q.name.GroupOf(w.cfg.Ring, owner)
			q.found()
		}
		q.random = !q.random // each second time on another way: see offerersOf
		to, err := w.tellTo(t, q.group, !q.random)
		if err == nil {
			_, err = kbr.CallPeer(t, w.ep, to, encode(&here{Group: q.group}), kbr.Options{Timeout: surveyTime})
		}
		return err
	}, func(err error) {
		q.told = err == nil // else it is tried again soon
	})
}

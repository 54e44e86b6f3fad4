package work

import (
	"bytes"
	"cmp"
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
	_, d, err := w.root(t, group)
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

// root asks the root of a topic's key who offers to the topic, over a link of its own.
func (w *Work) root(t *task.T, group id.Hash) (*peer.Handle, *desks, error) {
	a, err := kbr.Call(t, w.ep, group.Place(), encode(&who{group}), kbr.Options{Timeout: surveyTime, Straight: true})
	switch {
	case err != nil:
		return nil, nil, err
	case a.Relayed || a.From == nil:
		return nil, nil, errRoot
	}
	m, err := table.Decode(a.Payload)
	d, ok := m.(*desks)
	if err != nil || !ok {
		return nil, nil, errMessage
	}
	return a.From, d, nil
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
	return Standing{Item: it.id, Topic: it.q.name, State: it.state, Outcome: it.Outcome, Why: it.Why,
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
		p.Items = append(p.Items, &shown{Item: it.id, By: it.By, State: string(it.state), Outcome: string(it.Outcome), Why: strings.ToValidUTF8(it.Why[:min(len(it.Why), maxHead)], ""),
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

// announce tells the topic's root that there are items here, unless it was told a moment ago. The
// group of a queue of before a restart may not be known: none of its items may be offered any more.
func (q *queue) announce() {
	w := q.w
	if len(q.items) == 0 || q.told && w.ep.Now().Sub(q.toldAt) < hereEvery {
		return
	}
	q.told, q.toldAt = true, w.ep.Now()
	w.ep.Go(func(t *task.T) error {
		if q.group.IsZero() {
			owner, err := w.cfg.Topics.Owner(t, q.name)
			if err != nil {
				return err
			}
			q.group = q.name.GroupOf(w.cfg.Ring, owner)
		}
		root, _, err := w.root(t, q.group)
		if err == nil {
			_, err = kbr.CallPeer(t, w.ep, root, encode(&here{Group: q.group}), kbr.Options{Timeout: surveyTime})
		}
		return err
	}, func(err error) {
		q.told = err == nil // else it is tried again soon
	})
}

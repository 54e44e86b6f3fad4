package fakenode

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
)

// Topics of work that have a quality which a program must cope with: nobody takes items of
// "empty", and each item of "thumbnails" is done, but that those with "bad" in them fail.
const empty = "empty"

// workItem is the number of the i-th item.
func workItem(i int) id.Hash { return id.HashOf("pretended item", i) }

// workEvent is an event of a pretended item.
func (n *Node) workEvent(kind, topic, text string, item id.Hash) *api.WorkEvent {
	return &api.WorkEvent{Event: kind, Topic: topic, Time: n.clock, Item: item, Text: text}
}

// WorkOffer implements api.Node. Who leaves his items finds them in the list.
func (n *Node) WorkOffer(ctx context.Context, q api.WorkOffering, r io.Reader, f func(*api.WorkEvent) error) error {
	if err := topicName(q.Topic); err != nil {
		return err
	}
	if strings.HasPrefix(q.Topic, "bob/") {
		return api.Errorf(api.Denied, "the group does not allow it: ask its creator for a place on its list")
	}
	in := bufio.NewScanner(r)
	for in.Scan() {
		n.mu.Lock()
		text, item := in.Text(), workItem(n.offered)
		n.offered++
		n.mu.Unlock()
		events := []*api.WorkEvent{n.workEvent(api.WorkQueued, q.Topic, text, item)}
		switch {
		case q.Leave:
			n.mu.Lock()
			n.queued = append(n.queued, api.WorkItem{Item: item, Topic: q.Topic, State: api.WorkQueued, Time: n.clock, Text: text})
			n.mu.Unlock()
		case q.Topic == empty:
			e := n.workEvent(api.WorkNone, q.Topic, text, item)
			e.Why = "nobody takes items of this topic now"
			events = append(events, e)
		default:
			for _, kind := range []string{api.WorkTaken, api.WorkDone} {
				e := n.workEvent(kind, q.Topic, text, item)
				e.Node = nodeID(2)
				if strings.Contains(text, "bad") && kind == api.WorkDone {
					e.Event, e.Why = api.WorkFailed, "exit status 1"
				}
				events = append(events, e)
			}
		}
		for _, e := range events {
			if err := f(e); err != nil {
				return err
			}
		}
	}
	return in.Err()
}

// WorkTake implements api.Node: there are two items to do, the second of which somebody had
// before.
func (n *Node) WorkTake(ctx context.Context, q api.WorkTaking, f func(*api.WorkEvent) error) error {
	if err := topicName(q.Topic); err != nil {
		return err
	}
	if err := f(n.workEvent(api.WorkBegin, q.Topic, "", id.Hash{})); err != nil {
		return err
	}
	for i, text := range []string{"cat.png", "dog.png"} {
		e := n.workEvent(api.WorkJob, q.Topic, text, workItem(i))
		e.Node, e.Name, e.From, e.Before = nodeID(1), "bob", fingerprint("bob"), i
		done := n.inHands(e.Item) // before he hears of it: he may confirm at once
		if err := f(e); err != nil {
			return err
		}
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case <-n.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// inHands notes that a taker has an item; done is closed when he confirms it.
func (n *Node) inHands(item id.Hash) (done chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.atWork == nil {
		n.atWork = make(map[id.Hash]chan struct{})
	}
	done = make(chan struct{})
	n.atWork[item] = done
	return done
}

// WorkConfirm implements api.Node.
func (n *Node) WorkConfirm(_ context.Context, q api.WorkReport) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	done := n.atWork[q.Item]
	if done == nil {
		return api.Errorf(api.Conflict, "the item is not in your hands: it was confirmed before, or is another taker's now")
	}
	close(done)
	delete(n.atWork, q.Item)
	return nil
}

// WorkList implements api.Node.
func (n *Node) WorkList(context.Context) ([]api.WorkItem, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.queued), nil
}

// WorkSurvey implements api.Node: to "thumbnails", which ann owns, a node offers two items, and one
// does not answer.
func (n *Node) WorkSurvey(_ context.Context, q api.WorkQuery) (*api.WorkSurvey, error) {
	if err := topicName(q.Topic); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s := &api.WorkSurvey{Topic: q.Topic, Items: []api.WorkItem{}}
	for _, i := range n.queued {
		if i.Topic == q.Topic {
			i.Offerer, i.From, i.Name = nodeID(0), fingerprint("ann"), "ann"
			s.Items, s.Nodes, s.Of = append(s.Items, i), 1, 1
		}
	}
	switch q.Topic {
	case "thumbnails":
		s.Items = append(s.Items, api.WorkItem{Item: workItem(70), Topic: q.Topic, State: api.WorkTaken, Node: nodeID(2), Had: 1, Time: n.clock, Text: "owl.png", Offerer: nodeID(1), From: fingerprint("bob")},
			api.WorkItem{Item: workItem(71), Topic: q.Topic, State: api.WorkFailed, Why: "exit status 1", Had: 3, Time: n.clock, Text: "a long story", Cut: true, Offerer: nodeID(1), From: fingerprint("bob")})
		s.Nodes, s.Of, s.More, s.Young, s.MoreNodes = s.Nodes+1, s.Of+2, 3, true, true
	case "bob/thumbnails":
		return nil, api.Errorf(api.Denied, "the topic belongs to somebody else: ask its owner, or take another name")
	}
	return s, nil
}

// WorkWithdraw implements api.Node.
func (n *Node) WorkWithdraw(_ context.Context, q api.WorkWithdrawal) (*api.Withdrawn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := len(n.queued)
	n.queued = slices.DeleteFunc(n.queued, func(i api.WorkItem) bool {
		return i.Topic == q.Topic && (len(q.Items) == 0 || slices.Contains(q.Items, i.Item))
	})
	return &api.Withdrawn{Topic: q.Topic, Items: before - len(n.queued)}, nil
}

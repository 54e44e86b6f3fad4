package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/bench/row"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// topicCrowd is the number of messages under way at once in the row "topics".
const topicCrowd = 8

// topicRows measure messages to all nodes of a ring on real links.
func topicRows() []row.Row {
	const counted = "from `Outlet.Publish` until the last of 50 members, the publisher among them, was given the message: signed by its publisher, verified by each member, over links that are encrypted; a majority of five keeps it meanwhile; frames and bytes are those of all nodes, with all else that they say in that time; 3 s a round"
	return []row.Row{
		{
			Name: "topic", What: "a message of 100 bytes to 50 members", Outstanding: 1, Transports: row.Links[:1], Rounds: 3, FreePastry: "1.06/1.7 ms, in clear, not signed",
			Counted: counted, Goals: []row.Goal{{Metric: "p50", Limit: 3}, {Metric: "p99", Limit: 5}}, Measure: topics(1, true),
		},
		{
			Name: "topic-unsigned", What: "a message of 100 bytes to 50 members, not signed", Outstanding: 1, Transports: row.Links[:1], Rounds: 3, FreePastry: "1.06/1.7 ms, in clear, not signed",
			Counted: "as the row above, but the publisher leaves a mark in place of the signature, which these nodes believe; still over links that are encrypted; 3 s a round",
			Goals:   []row.Goal{{Metric: "p50", Limit: 1.06}, {Metric: "p99", Limit: 1.7}}, Measure: topics(1, false),
		},
		{
			Name: "topics", What: "messages of 100 bytes to 50 members, under load", Outstanding: topicCrowd, Transports: row.Links[:1], Rounds: 3, FreePastry: "1,029/s, in clear, not signed",
			Counted: counted, Goals: []row.Goal{{Metric: "rate", Limit: 1100, AtLeast: true}}, Measure: topics(topicCrowd, true),
		},
	}
}

// audience counts who has read what.
type audience struct {
	name    topic.Name
	members int32
	outlet  *topic.Outlet // touched on its node's loop
	speaker *ring.Node
	count   atomic.Uint64
	pending sync.Map // of a message's number, its wait
	lost    atomic.Bool
}

// wait is a message that not all have read yet.
type wait struct {
	left atomic.Int32
	read chan struct{}
}

// gather lets all nodes of a ring subscribe to a topic that the second of them makes.
func gather(ctx context.Context, r *ring.Ring, signed bool) (*audience, error) {
	name, err := topic.ParseName("bench")
	if err != nil {
		return nil, err
	}
	a := &audience{name: name, members: int32(len(r.Nodes())), speaker: r.Nodes()[1]}
	err = a.speaker.Topics(ctx, func(t *task.T, topics *topic.Topics, me peer.Signer) (err error) {
		if !signed {
			if _, err := topics.Group(t, name, me); err != nil { // whose topic it is stays signed
				return err
			}
			me = ring.Unsigned{Signer: me}
		}
		if a.outlet, err = topics.Open(t, name, me); err == nil {
			_, err = a.outlet.Say(t, nil)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, n := range r.Nodes() {
		err := n.Topics(ctx, func(t *task.T, topics *topic.Topics, me peer.Signer) error {
			_, err := topics.Subscribe(t, name, topic.Options{By: me, Event: a.heard})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return a, nil
}

// heard is told what a member reads, on that node's loop.
func (a *audience) heard(e topic.Event) {
	if e.Message == nil {
		a.lost.Store(true)
		return
	}
	w, known := a.pending.Load(binary.BigEndian.Uint64(e.Message.Body))
	if known && w.(*wait).left.Add(-1) == 0 {
		close(w.(*wait).read)
	}
}

// publish publishes one message and waits until all have read it.
func (a *audience) publish(ctx context.Context) error {
	n, w := a.count.Add(1), &wait{read: make(chan struct{})}
	w.left.Store(a.members)
	a.pending.Store(n, w)
	defer a.pending.Delete(n)
	body := binary.BigEndian.AppendUint64(make([]byte, 0, row.Payload), n)
	err := a.speaker.Topics(ctx, func(*task.T, *topic.Topics, peer.Signer) error { return a.outlet.Publish(body[:row.Payload], nil) })
	if err != nil {
		return err
	}
	select {
	case <-w.read:
	case <-time.After(patience):
		return fmt.Errorf("a message in a ring where nothing happens was not read by %d of %d within %s", w.left.Load(), a.members, patience)
	}
	if a.lost.Load() {
		return errors.New("a member was told that a message is lost, in a ring where nothing happens")
	}
	return nil
}

// sent is what all nodes of a ring have sent so far.
func sent(r *ring.Ring) (all ring.Stats) {
	for _, n := range r.Nodes() {
		s := n.Stats()
		all.Frames += s.Frames
		all.BytesOut += s.BytesOut
	}
	return all
}

// topics measures with so many outstanding.
func topics(many int, signed bool) func(context.Context, *row.Env) ([]row.Round, error) {
	return func(ctx context.Context, e *row.Env) ([]row.Round, error) {
		return withRing(ctx, e, ring.Options{Unsigned: !signed}, func(r *ring.Ring) ([]row.Round, error) {
			a, err := gather(ctx, r, signed)
			if err != nil {
				return nil, err
			}
			if _, err := repeat(ctx, many, roundTime/3, a.publish); err != nil { // to warm up
				return nil, err
			}
			var rounds []row.Round
			for range e.Rounds {
				floor, err := ring.VerifyAll(int(a.members))
				if err != nil {
					return nil, err
				}
				before, count := sent(r), a.count.Load()
				x, err := repeat(ctx, many, roundTime, a.publish)
				if err != nil {
					return nil, err
				}
				after, each := sent(r), float64(a.count.Load()-count)
				rounds = append(rounds, row.Round{Figures: append(x.figures(), row.Figure{Metric: "frames", Value: float64(after.Frames-before.Frames) / each, Unit: "each"},
					row.Figure{Metric: "bytes", Value: float64(after.BytesOut-before.BytesOut) / each, Unit: "each"}), Bound: fmt.Sprintf("%d signatures are verified by all processors here in %.2f ms", a.members, millis(floor))})
			}
			return rounds, nil
		})
	}
}

package topics

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/work"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/typed"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

const (
	// unreadWork is how many events wait for who offers items before no further ones are read of
	// him; what comes then has an end, as he has so many items open at most.
	unreadWork = 4096
	// openWork is how many items of one program may be open.
	openWork = 2000
	// workPause is how long to wait when too much is open.
	workPause = 50 * time.Millisecond
)

// workStream is what was told to a program that offers or takes items.
type workStream struct {
	*loop.Unread[*api.WorkEvent]
	n     Node
	topic string
	ended bool // nothing more is begun
	open  int  // items without an outcome: the feed is not over before they have one
}

func (f Face) workStream(topic string) *workStream {
	return &workStream{Unread: loop.NewUnread[*api.WorkEvent](), n: f.Node, topic: topic}
}

// add hands an event over, after which so many more items are open.
func (s *workStream) add(e *api.WorkEvent, body []byte, more int) {
	e.Topic, e.Time = s.topic, time.Now().UTC()
	e.Text, e.Data = textOrData(body)
	s.Change(func() {
		s.open = max(s.open+more, 0)
		s.Queue = append(s.Queue, e)
		s.Over = s.ended && s.open == 0
	})
}

// textOrData is a body as JSON has it.
func textOrData(body []byte) (string, []byte) {
	if utf8.Valid(body) {
		return string(body), nil
	}
	return "", body
}

// end says that nothing more is begun; leave: what is open is not waited for.
func (s *workStream) end(err error, leave bool) {
	s.Change(func() {
		if !s.ended {
			s.ended, s.Err = true, err
		}
		if leave {
			s.open = 0
		}
		s.Over = s.open == 0
	})
}

// waiting is how many events wait, and how many items are open.
func (s *workStream) waiting() (events, open int) {
	s.Look(func() { events, open = len(s.Queue), s.open })
	return events, open
}

// WorkOffer implements api.Node.
func (f Face) WorkOffer(ctx context.Context, q api.WorkOffering, r io.Reader, each func(*api.WorkEvent) error) error {
	name, err := typed.Topic(q.Topic)
	if err != nil {
		return err
	}
	by, err := Speaker(f.Node, q.User)
	if err != nil {
		return err
	}
	h := f.Node.Here()
	if h == nil {
		return loop.ErrNoPlace
	}
	s := f.workStream(name.String())
	offers, err := loop.Run(ctx, h.loop, func(t *task.T) (*work.Offers, error) {
		// What is left waits for takers also if it is known that there are none before all is queued.
		return h.work.Open(t, name, by, work.Options{Wait: q.Wait || q.Leave, Tries: q.Tries, Tell: s.offered})
	})
	if err != nil {
		return kind.Give(err)
	}
	defer h.loop.Call(context.WithoutCancel(ctx), offers.Close)
	ctx, end := context.WithCancel(ctx)
	defer end()
	go func() { // what is read may come as slowly as it likes
		s.end(s.read(ctx, h, offers, messagesOf(r, q.Lines)), q.Leave)
	}()
	return s.Deliver(ctx, h.loop.Done(), each)
}

// read queues one item after another.
func (s *workStream) read(ctx context.Context, h *Here, offers *work.Offers, next func() ([]byte, error)) error {
	for {
		body, err := next()
		switch {
		case err == io.EOF || ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		for {
			events, open := s.waiting()
			if err = nil; events < unreadWork && open < openWork {
				_, err = loop.Run(ctx, h.loop, func(t *task.T) (loop.Nothing, error) {
					_, err := offers.Add(t, body)
					return loop.Nothing{}, err
				})
				if err == nil {
					break
				}
				if !errors.Is(err, work.ErrFull) {
					return kind.Give(err)
				}
			}
			if err := pauseFor(ctx, workPause); err != nil {
				return nil
			}
		}
	}
}

// offered is work.Options.Tell. It is called on the loop.
func (s *workStream) offered(e work.Event) {
	out := &api.WorkEvent{Event: string(e.State), Item: e.Item, Node: e.Taker, Why: e.Why}
	more := 0
	switch {
	case e.Outcome != "":
		out.Event, more = string(e.Outcome), -1
	case e.Again:
		out.Event = api.WorkAgain
	case e.State == work.Queued:
		more = 1
	}
	s.add(out, e.Body, more)
}

// WorkTake implements api.Node.
func (f Face) WorkTake(ctx context.Context, q api.WorkTaking, each func(*api.WorkEvent) error) error {
	name, err := typed.Topic(q.Topic)
	if err != nil {
		return err
	}
	var by peer.Signer
	if q.User != "" || len(f.Node.People().All()) < 2 {
		if by, err = Speaker(f.Node, q.User); err != nil {
			return err
		}
	}
	h := f.Node.Here()
	if h == nil {
		return loop.ErrNoPlace
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	s, waits := f.workStream(name.String()), false
	options := work.TakeOptions{By: by, Slots: cmp.Or(q.Slots, 1), Job: s.job,
		Lost:  func(item id.Hash) { s.add(&api.WorkEvent{Event: api.WorkLost, Item: item}, nil, 0) },
		Ended: func(err error) { s.end(kind.Give(err), true) },
		Begin: func() { s.add(&api.WorkEvent{Event: api.WorkBegin}, nil, 0) },
		Waiting: func() bool {
			if !waits {
				waits = true
				s.add(&api.WorkEvent{Event: api.WorkWaiting}, nil, 0)
			}
			return ctx.Err() == nil
		}}
	f.Node.Go(func() { // who takes may wait long, and is told so meanwhile
		post, err := loop.Run(context.WithoutCancel(ctx), h.loop, func(t *task.T) (*work.Post, error) { return h.work.Take(t, name, options) })
		if err != nil {
			s.end(kind.Give(err), true)
			return
		}
		<-ctx.Done()
		h.loop.Call(context.WithoutCancel(ctx), post.Close)
	})
	err = s.Deliver(ctx, h.loop.Done(), each)
	if errors.Is(err, loop.ErrNoPlace) {
		return nil
	}
	return err
}

// job is work.TakeOptions.Job. It is called on the loop.
func (s *workStream) job(j work.Job) {
	e := &api.WorkEvent{Event: api.WorkJob, Item: j.Item, Node: j.From, Before: j.Before, From: directory.Fingerprint(j.By)}
	if u := s.n.People().ByKey(j.By); u != nil {
		e.Name = u.Name()
	}
	s.add(e, j.Body, 0)
}

// WorkConfirm implements api.Node.
func (f Face) WorkConfirm(ctx context.Context, q api.WorkReport) error {
	_, err := loop.Do(ctx, f.Node.Here(), func(t *task.T, h *Here) (loop.Nothing, error) {
		return loop.Nothing{}, h.work.Confirm(t, q.Item, work.Report{Failed: q.Failed, Why: q.Why})
	})
	return kind.Give(err)
}

// WorkList implements api.Node.
func (f Face) WorkList(ctx context.Context) (list []api.WorkItem, err error) {
	var standing []work.Standing
	if err := loop.Call(ctx, f.Node.Here(), func(h *Here) { standing = h.work.List() }); err != nil {
		return nil, kind.Give(err)
	}
	for _, s := range standing {
		list = append(list, workItem(s))
	}
	return list, nil
}

// workItem is an item as the control interface has it.
func workItem(s work.Standing) api.WorkItem {
	one := api.WorkItem{Item: s.Item, Topic: s.Topic.String(), State: string(s.State), Why: s.Why, Node: s.Taker, Had: s.Had, Time: time.UnixMilli(s.Time).UTC()}
	if s.Outcome != "" {
		one.State = string(s.Outcome)
	}
	one.Text, one.Data = textOrData(s.Body)
	return one
}

// WorkSurvey implements api.Node.
func (f Face) WorkSurvey(ctx context.Context, q api.WorkQuery) (*api.WorkSurvey, error) {
	name, err := typed.Topic(q.Topic)
	if err != nil {
		return nil, err
	}
	by, err := Speaker(f.Node, q.User)
	if err != nil {
		return nil, err
	}
	s, err := loop.Do(ctx, f.Node.Here(), func(t *task.T, h *Here) (work.Survey, error) { return h.work.Survey(t, name, by) })
	if err != nil {
		return nil, kind.Give(err)
	}
	out := &api.WorkSurvey{Topic: name.String(), Items: []api.WorkItem{}, Nodes: s.Nodes, Of: s.Of, More: s.More, Young: s.Young, MoreNodes: s.MoreNodes}
	for _, o := range s.Items {
		if o.Cut() {
			o.Body = wholeRunes(o.Body)
		}
		one := workItem(o.Standing)
		one.Offerer, one.From, one.Cut = o.Node, directory.Fingerprint(o.By), o.Cut()
		if u := f.Node.People().ByKey(o.By); u != nil {
			one.Name = u.Name()
		}
		out.Items = append(out.Items, one)
	}
	return out, nil
}

// wholeRunes is the beginning of a text without a part of a rune at its end.
func wholeRunes(b []byte) []byte {
	for n := len(b); n > max(0, len(b)-utf8.UTFMax); n-- {
		if utf8.Valid(b[:n]) {
			return b[:n]
		}
	}
	return b
}

// WorkWithdraw implements api.Node.
func (f Face) WorkWithdraw(ctx context.Context, q api.WorkWithdrawal) (*api.Withdrawn, error) {
	name, err := typed.Topic(q.Topic)
	if err != nil {
		return nil, err
	}
	items := slices.Clone(q.Items)
	n, err := loop.Do(ctx, f.Node.Here(), func(t *task.T, h *Here) (int, error) { return h.work.Withdraw(t, name, items...) })
	if err != nil {
		return nil, kind.Give(err)
	}
	return &api.Withdrawn{Topic: name.String(), Items: n}, nil
}

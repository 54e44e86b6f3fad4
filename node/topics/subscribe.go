package topics

import (
	"context"
	"errors"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/typed"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// What waits for a reader who is slow: so many events, and bytes of them. What comes above is
// counted, and left out.
const (
	maxUnread      = 8192
	maxUnreadBytes = 16 << 20
)

// reading is what was told to one subscriber and not read yet.
type reading struct {
	*loop.Unread[*api.TopicEvent]
	n     Node
	topic string
	size  int // bytes that wait, since nothing last did
}

// Subscribe implements api.Node.
func (f Face) Subscribe(ctx context.Context, q api.Subscription, each func(*api.TopicEvent) error) error {
	name, err := typed.Topic(q.Topic)
	if err != nil {
		return err
	}
	const longest = int64(365 * 24 * time.Hour / time.Millisecond)
	if q.Since < 0 || q.Since > longest || q.Last < 0 {
		return api.Errorf(api.Usage, "history of %d ms, and of %d messages: neither may be below 0, nor the time more than a year", q.Since, q.Last)
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
	r := &reading{Unread: loop.NewUnread[*api.TopicEvent](), n: f.Node, topic: name.String()}
	f.Node.Go(func() { // who subscribes may wait long, and is told so meanwhile
		err := h.subscribe(ctx, r, name, topic.Options{By: by, Since: time.Duration(q.Since) * time.Millisecond, Last: q.Last})
		if err != nil {
			r.end(kind.Give(err))
		}
	})
	if err := r.Deliver(ctx, h.loop.Done(), each); !errors.Is(err, loop.ErrNoPlace) {
		return err
	}
	return nil // the node ends
}

// subscribe reads a topic for a reading, until the context ends.
func (h *Here) subscribe(ctx context.Context, r *reading, name topic.Name, options topic.Options) error {
	waits := false
	options.Waiting = func() bool {
		if !waits {
			waits = true
			r.add(&api.TopicEvent{Event: api.TopicWaiting, Time: time.Now().UTC()})
		}
		return ctx.Err() == nil
	}
	options.Begin = func() { r.add(&api.TopicEvent{Event: api.TopicBegin, Time: time.Now().UTC()}) }
	options.Event = r.tell
	x, err := loop.Run(context.WithoutCancel(ctx), h.loop, func(t *task.T) (*topic.Subscription, error) { return h.topics.Subscribe(t, name, options) })
	if err != nil {
		return err
	}
	<-ctx.Done()
	return h.loop.Call(context.WithoutCancel(ctx), x.Close)
}

// add hands an event over, or counts what it stands for if too much waits.
func (r *reading) add(e *api.TopicEvent) {
	e.Topic = r.topic
	size, stands := len(e.Text)+len(e.Data)+256, max(e.Lost, 1)
	r.Change(func() {
		last := len(r.Queue) - 1
		if last < 0 {
			r.size = 0
		}
		switch {
		case r.Over:
		case last >= 0 && r.Queue[last].Event == api.TopicSlow: // until all that waits is taken
			r.Queue[last].Lost += stands
		case last+1 < maxUnread && r.size+size <= maxUnreadBytes:
			r.Queue = append(r.Queue, e)
			r.size += size
		default:
			r.Queue = append(r.Queue, &api.TopicEvent{Event: api.TopicSlow, Topic: r.topic, Time: e.Time, Lost: stands})
		}
	})
}

// end says that there comes nothing more.
func (r *reading) end(err error) {
	r.Change(func() { r.Over, r.Err = true, err })
}

// tell is topic.Options.Event. It is called on the loop.
func (r *reading) tell(e topic.Event) {
	out := &api.TopicEvent{Time: time.Now().UTC()}
	var from peer.Key
	switch {
	case e.Ended != nil:
		r.end(kind.Give(e.Ended))
		return
	case e.Gap != nil:
		out.Event, from, out.Life, out.Seq, out.Lost = api.TopicGap, e.Gap.Publisher, e.Gap.Life, e.Gap.From, e.Gap.To-e.Gap.From+1
	case e.Newer != nil:
		out.Event, from = api.TopicNewer, r.about(out, e.Newer)
	default:
		out.Event, from = api.TopicMessage, r.about(out, e.Message)
		out.Text, out.Data = textOrData(e.Message.Body)
	}
	out.From = directory.Fingerprint(from)
	if u := r.n.People().ByKey(from); u != nil {
		out.Name = u.Name()
	}
	r.add(out)
}

// about fills in which message it is, and returns whose.
func (r *reading) about(out *api.TopicEvent, m *scribe.Message) peer.Key {
	out.Time, out.Life, out.Seq = m.Time.UTC(), m.Life, m.Seq
	return m.Publisher
}

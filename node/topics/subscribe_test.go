package topics

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node/loop"
)

// TestSlowReader: what a reader does not take is kept within bounds, and what goes beyond is
// counted in its place.
func TestSlowReader(t *testing.T) {
	for _, c := range []struct {
		name        string
		size, total int
	}{{"many", 10, 3 * maxUnread}, {"large", 30_000, 2000}} {
		t.Run(c.name, func(t *testing.T) {
			r := &reading{Unread: loop.NewUnread[*api.TopicEvent](), topic: "news"}
			body := string(make([]byte, c.size))
			for range c.total {
				r.add(&api.TopicEvent{Event: api.TopicMessage, Text: body})
			}
			if len(r.Queue) > maxUnread+1 || r.size > maxUnreadBytes {
				t.Errorf("%d events of %d bytes wait", len(r.Queue), r.size)
			}
			r.add(&api.TopicEvent{Event: api.TopicGap, Lost: 5})
			over := errors.New("over")
			r.end(over)
			read, lost := 0, 0
			for {
				events, end, err := r.Take()
				for i, e := range events {
					switch {
					case e.Topic != "news":
						t.Fatalf("event %d: %+v", i, e)
					case e.Event == api.TopicSlow:
						lost += int(e.Lost)
						if i != len(events)-1 {
							t.Errorf("event %d of %d tells of what came after it", i, len(events))
						}
					default:
						read++
					}
				}
				if end {
					if err != over {
						t.Error(err)
					}
					break
				}
			}
			if read+lost != c.total+5 || lost == 0 {
				t.Errorf("%d were read, %d were told to be left out, of %d", read, lost, c.total+5)
			}
		})
	}
}

// A reader who goes away ends only what is his.
func TestReaderLeaves(t *testing.T) {
	r := &reading{Unread: loop.NewUnread[*api.TopicEvent](), topic: "news"}
	ctx, end := context.WithCancel(t.Context())
	r.add(&api.TopicEvent{Event: api.TopicMessage, Text: "one"})
	r.add(&api.TopicEvent{Event: api.TopicMessage, Text: "two"})
	var read []string
	err := r.Deliver(ctx, nil, func(e *api.TopicEvent) error {
		read = append(read, e.Text)
		end()
		return nil
	})
	if fmt.Sprint(read) != "[one]" || !errors.Is(err, context.Canceled) {
		t.Errorf("read %q, %v", read, err)
	}
}

package events_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/api/events"
)

func TestFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := events.NewFeed()
		d.Publish(&api.Event{Kind: api.EventRing, Name: "nobody is there"})
		var a, b []string
		done := make(chan error, 2)
		for _, list := range []*[]string{&a, &b} {
			go func() {
				done <- d.Follow(t.Context(), func(e *api.Event) error {
					*list = append(*list, e.Name)
					return nil
				})
			}()
		}
		synctest.Wait()
		if d.Followers() != 2 {
			t.Fatalf("%d followers", d.Followers())
		}
		for _, name := range []string{"1", "2", "3"} {
			d.Publish(&api.Event{Name: name})
		}
		d.Close()
		d.Close()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		for _, list := range [][]string{a, b} {
			if len(list) != 4 || list[0] != "" || list[1] != "1" || list[3] != "3" {
				t.Errorf("got %v: what was published before the end must come", list)
			}
		}
		if d.Followers() != 0 {
			t.Errorf("%d followers are left", d.Followers())
		}
	})
}

// TestFeedNeverWaits: a follower that is stuck costs a bounded amount, and learns
// what it missed.
func TestFeedNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := events.NewFeed()
		gate := make(chan struct{})
		var seen int
		var last *api.Event
		enough := errors.New("enough")
		done := make(chan error, 1)
		go func() {
			done <- d.Follow(t.Context(), func(e *api.Event) error {
				<-gate
				if seen, last = seen+1, e; e.Kind == api.EventLost {
					return enough
				}
				return nil
			})
		}()
		synctest.Wait()
		synctest.Wait() // it hangs in the first one
		for range events.FeedSize + 7 {
			d.Publish(&api.Event{Kind: api.EventRing})
		}
		close(gate)
		if err := <-done; err != enough {
			t.Error(err)
		}
		if seen != 1+events.FeedSize+1 || last.Lost != 7 {
			t.Errorf("%d events, the last says that %d were lost", seen, last.Lost)
		}
	})
}

func TestFeedEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := events.NewFeed()
		ctx, end := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Follow(ctx, func(*api.Event) error { return nil }) }()
		synctest.Wait()
		end()
		if err := <-done; err != context.Canceled {
			t.Error(err)
		}
	})
}

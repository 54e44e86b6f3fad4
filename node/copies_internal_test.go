package node

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/api/events"
	"github.com/phyllo-net/phyllo/node/storage"
)

// TestNeighboursBringACount: who is a neighbour no more, or has come, may have had copies of what users store.
func TestNeighboursBringACount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := 0
		n := &Node{feed: events.NewFeed(), upkeep: make(chan struct{}, 1)}
		n.storage = storage.New(storage.Config{CountGap: time.Second, Count: func(context.Context) (*api.Copies, error) {
			counts++
			return nil, nil
		}})
		ctx, end := context.WithCancel(t.Context())
		defer end()
		go n.storage.WatchCopies(ctx)
		for i, want := range []int{1, 2} {
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if counts != want {
				t.Errorf("after %d changes: %d counts, want %d", i, counts, want)
			}
			n.ringChanged()
		}
	})
}

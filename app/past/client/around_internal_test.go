package client

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// What was named for one key answers for another only where it is surely right, and for a while.
func TestAround(t *testing.T) {
	found := 0
	rapid.Check(t, func(rt *rapid.T) {
		place := func(what string) id.ID {
			return id.ID{Hi: rapid.Uint64().Draw(rt, what)}
		}
		var all []*peer.Handle
		for range rapid.IntRange(12, 60).Draw(rt, "nodes") {
			if h := (&peer.Handle{ID: place("node")}); !Contains(all, h.ID) {
				all = append(all, h)
			}
		}
		nearest := func(key id.ID) []*peer.Handle {
			near := slices.Clone(all)
			sortByDistance(key, near)
			return near
		}
		key, k := place("key"), rapid.IntRange(1, 5).Draw(rt, "k")
		named := nearest(key)[:min(len(all), rapid.IntRange(k, 12).Draw(rt, "named"))]
		var a around
		a.note(surroundings{key, named, farthest(key, named), 0})
		if got := a.find(key, k, Spare, 0); got == nil || got[0] != named[0] {
			rt.Fatal("the answer does not do for its own key")
		}
		other := key.Add(id.ID{Hi: rapid.Uint64Range(0, 1<<62).Draw(rt, "off")})
		got := a.find(other, k, Spare, task.Instant(aroundTime))
		if got == nil {
			return
		}
		found++
		if want := nearest(other)[:k]; !slices.Equal(got[:k], want) {
			rt.Fatalf("the nodes nearest to %s are %v, not %v", other, want, got[:k])
		}
		if a.find(other, k, Spare, task.Instant(aroundTime+time.Nanosecond)) != nil {
			rt.Fatal("it is remembered for too long")
		}
	})
	if found == 0 {
		t.Error("no answer did for another key")
	}
}

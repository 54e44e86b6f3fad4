package directory_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/task"
)

var sizes = []int{1, 2, 3, 4, 5, 40}

func TestClaimFindChange(t *testing.T) {
	for _, n := range sizes {
		t.Run(fmt.Sprint(n, " nodes"), func(t *testing.T) {
			w := newWorld(t, n, kbrtest.Config{Seed: uint64(n)}, nil)
			bob, eve := newToy("bob", 0), newToy("eve", 0)
			rec := w.record("bob", bob, 1, w.members[0])
			_, err := w.members[n-1].lookup(rec.Name)
			wantErr(t, "before the claim", err, directory.ErrNotFound)
			w.mustPut(w.members[0], rec)
			for _, m := range w.members {
				w.mustFind(m, rec)
			}
			wantErr(t, "another's claim", w.members[n/2].put(w.record("Bob", eve, 1)), directory.ErrTaken)
			next := w.record("bob", bob, 2)
			w.mustPut(w.members[n/2], next)
			for _, m := range w.members {
				w.mustFind(m, next)
			}
			wantErr(t, "an old version", w.members[0].put(rec), directory.ErrStale)
			w.mustPut(w.members[0], next) // again: nothing happens
			w.net.Run(time.Hour)
			if err := directory.CheckHolders(w.directories()...); err != nil {
				t.Error(err)
			}
			if err := directory.CheckBeliefs(2*time.Hour, w.directories()...); err != nil {
				t.Error(err)
			}
		})
	}
}

// What was verified a moment ago is given again, unless somebody wants to see what the
// holders say now.
func TestLookupNow(t *testing.T) {
	w := newWorld(t, 3, kbrtest.Config{Seed: 2}, func(c *directory.Config) { c.CacheFor = time.Minute })
	bob, asker := newToy("bob", 0), w.members[2]
	first, next := w.record("bob", bob, 1), w.record("bob", bob, 2)
	w.mustPut(w.members[0], first)
	w.mustFind(asker, first)
	w.mustPut(w.members[0], next)
	w.mustFind(asker, first)
	var now directory.Found
	if err := asker.node.Call(time.Minute, func(t *task.T) (err error) {
		now, err = asker.dir.LookupNow(t, "bob")
		return err
	}); err != nil || now.Record.Version != 2 {
		t.Fatalf("now: %+v, %v", now.Record, err)
	}
	w.mustFind(asker, next)
}

func TestLossyNetwork(t *testing.T) {
	w := newWorld(t, 40, kbrtest.Config{Seed: 3, Loss: 0.1}, nil)
	for i := range 10 {
		rec := w.record(fmt.Sprint("user", i), newToy("user", i), 1)
		w.mustPut(w.members[i], rec)
		w.mustFind(w.members[39-i], rec)
	}
}

package limit_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/limit"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/task"
)

// A neighbour has a minute's tokens at once, then as many as time brings; another one has
// its own, and a long rest brings no more than a minute's.
func TestRates(t *testing.T) {
	r := limit.New(6)
	now := task.Instant(time.Hour)
	taken := func(n uint64) (k int) {
		for r.Take(id.ID{Hi: n}, now) {
			k++
		}
		return k
	}
	for _, c := range []struct {
		rest time.Duration
		node uint64
		want int
	}{{0, 1, 6}, {0, 1, 0}, {0, 2, 6}, {9 * time.Second, 1, 0}, {time.Second, 1, 1}, {time.Hour, 1, 6}} {
		now = now.Add(c.rest)
		if k := taken(c.node); k != c.want {
			t.Errorf("%v later node %d takes %d tokens, want %d", c.rest, c.node, k, c.want)
		}
	}
}

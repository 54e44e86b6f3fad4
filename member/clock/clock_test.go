package clock_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/member/book"
	"github.com/phyllo-net/phyllo/member/clock"
)

// The middle of those who tell their time counts, so that a wrong clock among three moves nobody's.
func TestCompare(t *testing.T) {
	others := make([]*book.Known, 4)
	for i := range others {
		others[i] = &book.Known{Since: int64(i)}
	}
	offs := map[int64]time.Duration{0: time.Second, 1: 1000 * time.Hour, 3: 2 * time.Second}
	ask := func(r *book.Known) *time.Duration {
		if d, tells := offs[r.Since]; tells {
			return &d
		}
		return nil
	}
	if ahead, told := clock.Compare(others, ask); ahead != 2*time.Second || told != 3 {
		t.Errorf("%d tell their time, the clock is %v ahead; want 3 and 2 s", told, ahead)
	}
	if ahead, told := clock.Compare(others[2:3], ask); ahead != 0 || told != 0 {
		t.Errorf("of one who does not tell: %v, %d", ahead, told)
	}
}

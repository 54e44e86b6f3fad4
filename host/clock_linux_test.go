package host

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/task"
)

// The boot clock is told without reading it each time, and yet goes on at once by what the machine
// slept; it never goes back, whatever is done to the time of day and whenever other threads come in
// between.
func TestBootClock(t *testing.T) {
	var wall, mono, boot, between int64
	reads := 0
	c := &bootClock{
		now: func() (time.Time, int64) { return time.Unix(0, wall), mono },
		boot: func() int64 {
			reads++
			at := boot
			wall, mono, boot = wall+between, mono+between, boot+between
			return at
		},
	}
	pass := func(d time.Duration) {
		wall, mono, boot = wall+int64(d), mono+int64(d), boot+int64(d)
	}
	pass(time.Hour)
	boot += int64(time.Minute) // slept before
	var last task.Instant
	for _, x := range []struct {
		what  string
		do    func()
		reads int
		short time.Duration // by how much it may be too little
	}{
		{"the first time", func() {}, 1, 0},
		{"soon after", func() { pass(100 * time.Millisecond) }, 0, 0},
		{"a sleep", func() { wall, boot = wall+int64(20*time.Second), boot+int64(20*time.Second) }, 1, 0},
		{"after it", func() { pass(time.Microsecond) }, 0, 0},
		{"the day set back", func() { wall -= int64(time.Hour) }, 1, 0},
		{"the day set a little", func() { wall += 1000 }, 0, 0},
		{"a second later", func() { pass(time.Second) }, 1, 0},
		{"a sleep while the day is set by as much", func() { boot += int64(time.Minute) }, 0, time.Minute},
		{"which is seen in a second", func() { pass(time.Second) }, 1, 0},
		{"threads in between", func() { between = int64(5 * time.Millisecond); pass(time.Second) }, looks, 5 * looks * time.Millisecond},
		{"a sleep and threads in between", func() { wall, boot = wall+int64(time.Hour), boot+int64(time.Hour) }, looks, 5 * (looks + 1) * time.Millisecond},
		{"none any more", func() { between = 0; pass(time.Second) }, 1, 0},
	} {
		x.do()
		reads = 0
		want := task.Instant(boot)
		got := c.clock().Boot
		if reads != x.reads || got > want || want.Sub(got) > x.short {
			t.Errorf("%s: %v after %d reads, want %v, or %v less, after %d", x.what, got, reads, want, x.short, x.reads)
		}
		if got.Before(last) {
			t.Errorf("%s: %v after %v", x.what, got, last)
		}
		last = got
	}
}

// Who reads it while others do is never told less than before, however often it is read anew.
func TestBootClockOfMany(t *testing.T) {
	var steps atomic.Int64
	c := &bootClock{boot: readBoot, now: func() (time.Time, int64) {
		now := time.Now()
		return now.Add(time.Duration(steps.Add(1)%3) * time.Second), int64(now.Sub(start))
	}}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			last := c.clock().Boot
			for range 500 {
				now := c.clock().Boot
				if now.Before(last) {
					t.Errorf("%v after %v", now, last)
				}
				last = now
			}
		})
	}
	all.Wait()
}

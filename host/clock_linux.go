package host

import (
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/task"
)

func system() func() machine.Clock { return booted.clock }

var (
	start = time.Now() // where monotonic times begin
	// booted is the one of this process, so that all who read it are told the same.
	booted = &bootClock{boot: readBoot, now: func() (wall time.Time, mono int64) {
		wall = time.Now()
		return wall, int64(wall.Sub(start))
	}}
)

// bootClock tells CLOCK_BOOTTIME, which goes on while the machine is suspended, mostly without
// asking the system for it, which the loop would do for each of its inputs: package time reads the
// time of day and the monotonic clock without a system call. The boot clock is ahead of the monotonic
// one by how long the machine slept, and so is the time of day once more after each sleep. So the
// boot clock is read when these two have moved against each other, and every second.
type bootClock struct {
	now  func() (wall time.Time, mono int64) // of one moment
	boot func() int64
	last atomic.Pointer[sight]
}

// sight is what was seen when the boot clock was read. All are in nanoseconds.
type sight struct {
	mono  int64 // when it was
	wall  int64 // what the time of day was ahead of the monotonic clock then
	ahead int64 // what the boot clock is, or less
}

const (
	// sightFor is how long a sight is good while nothing speaks against it.
	sightFor = int64(time.Second)
	// unsteady is by how much clocks may seem to have moved that are read one after the other: no
	// machine sleeps for less.
	unsteady = int64(time.Millisecond)
	// looks is how often they are read at most if another thread comes in between.
	looks = 4
)

// clock reads all clocks. Any goroutine may call it; its boot clock never goes back.
func (c *bootClock) clock() machine.Clock {
	wall, mono := c.now()
	s := c.last.Load()
	offset := wall.UnixNano() - mono
	if s == nil || mono-s.mono >= sightFor || offset-s.wall > unsteady || s.wall-offset > unsteady {
		s = c.look(s, &sight{mono: mono, wall: offset})
	}
	return machine.Clock{Boot: task.Instant(mono + s.ahead), Wall: wall}
}

// look completes a sight by what it reads of the boot clock, and returns what holds from now on. The
// monotonic clock is read afterwards, so that what lies in between makes the sight less and never
// more: what is too little is set right by the next one.
func (c *bootClock) look(was, s *sight) *sight {
	for try := range looks {
		_, before := c.now()
		boot := c.boot()
		_, after := c.now()
		if ahead := boot - after; try == 0 || ahead > s.ahead {
			s.ahead = ahead
		}
		if after-before < unsteady {
			break
		}
	}
	if was != nil && s.ahead-was.ahead < unsteady {
		s.ahead = was.ahead // it did not sleep
	}
	if !c.last.CompareAndSwap(was, s) {
		return c.last.Load() // of who looked meanwhile
	}
	return s
}

func readBoot() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(fmt.Sprintf("host: this kernel has no CLOCK_BOOTTIME: %v", err)) // there since 2.6.39
	}
	return t.Nano()
}

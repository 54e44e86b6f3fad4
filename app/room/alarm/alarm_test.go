package alarm_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/room/alarm"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/task"
)

// bell is an alarm whose looks take some seconds and fail while it is broken.
type bell struct {
	*alarm.Alarm
	net    *kbrtest.Net
	node   *kbrtest.Node
	broken error
	takes  time.Duration
	looks  []time.Duration // when they began
	ended  []error
}

func newBell(t *testing.T) *bell {
	b := &bell{net: kbrtest.New(kbrtest.Config{Seed: 1})}
	t.Cleanup(b.net.Close)
	b.node = b.net.Add(kbrtest.Handle(id.Tiny(1)))
	b.Alarm = alarm.New(alarm.Deps{Loop: b.node.Endpoint(1), Step: 10 * time.Second, First: 10 * time.Second,
		Look: func(t *task.T) error {
			b.looks = append(b.looks, b.net.Elapsed())
			if err := t.Sleep(b.takes); err != nil {
				return err
			}
			return b.broken
		},
		Again: func(d time.Duration) { b.In(d) }, Ended: func(err error) { b.ended = append(b.ended, err) }})
	return b
}

func (b *bell) in(d time.Duration) { b.node.Do(func() { b.In(d) }) }

// waits are how long after each other it was looked, the first after a moment.
func (b *bell) waits(since time.Duration) (list []time.Duration) {
	for _, at := range b.looks {
		list = append(list, (at - since).Round(time.Second))
		since = at
	}
	return list
}

func want(t *testing.T, what string, got, want []time.Duration) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// It is looked at the earliest of the times that were said, once for all of them that were said before.
func TestEarliest(t *testing.T) {
	b := newBell(t)
	b.in(time.Minute)
	b.in(time.Hour)
	b.in(20 * time.Second)
	b.net.Run(2 * time.Hour)
	// It wakes each Step, to see whether it is wanted earlier.
	want(t, "looks", b.waits(0), []time.Duration{20 * time.Second})
}

// What is asked for while a look goes on comes after it.
func TestAskedMeanwhile(t *testing.T) {
	b := newBell(t)
	b.takes = 30 * time.Second
	b.in(time.Second)
	b.net.Run(11 * time.Second)
	b.in(0)
	b.net.Run(time.Hour)
	want(t, "looks", b.waits(0), []time.Duration{time.Second, 30 * time.Second})
}

// A look that fails is tried again, later each time up to 64 times the first wait, and after one that does not the waits begin anew.
func TestLaterEachTime(t *testing.T) {
	b := newBell(t)
	b.broken = errors.New("away")
	b.in(0)
	b.net.Run(40 * time.Minute)
	s := time.Second
	want(t, "looks while it fails", b.waits(0), []time.Duration{0, 10 * s, 20 * s, 40 * s, 80 * s, 160 * s, 320 * s, 640 * s, 640 * s})
	b.broken = nil
	b.net.Run(time.Hour)
	if n := len(b.looks); n != 10 || b.ended[9] != nil || b.ended[8] == nil {
		t.Fatalf("%d looks, the last ended with %v", n, b.ended[n-1])
	}
	b.broken = errors.New("away again")
	since := b.looks[9]
	b.looks = nil
	b.in(0)
	b.net.Run(35 * time.Second)
	if list := b.waits(since); len(list) != 3 {
		t.Fatalf("%d looks in 35 s, want 3", len(list))
	}
	want(t, "after it was well", b.waits(since)[1:], []time.Duration{10 * s, 20 * s})
}

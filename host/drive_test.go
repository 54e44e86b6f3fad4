package host_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/host"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/transport"
)

// TestOneLoop: whoever drives the loop, one input is handled at a time, and none is forgotten. The
// race detector sees it if two are.
func TestOneLoop(t *testing.T) {
	const each, of = 200, 4
	count := 0 // the loop's own
	bubble(t, func(r *rig, _ *host.Config) {
		r.toy.on = func(_ *toy, in machine.Input) {
			if in.Kind == machine.InMessage {
				count++
			}
		}
	}, func(r *rig) {
		offers := r.events.(transport.Offers)
		frame, err := table.Encode(&text{"x"})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		many := func(f func(n int)) {
			for n := range of {
				all.Go(func() {
					for range each {
						f(n)
					}
				})
			}
		}
		many(func(int) {
			if err := r.host.Call(context.Background(), func() { count++ }); err != nil {
				t.Error(err)
			}
		})
		many(func(n int) {
			if !offers.Offer(handle(uint8(2+n)), transport.App, frame) {
				r.events.Frame(handle(uint8(2+n)), transport.App, frame)
			}
		})
		many(func(n int) {
			r.events.Frame(handle(uint8(20+n)), transport.Upkeep, frame)
		})
		many(func(int) {
			r.host.Call(context.Background(), func() {
				count++
				r.toy.Work(func() any { return nil }, func(any) { count++ })
				r.toy.After(time.Millisecond, func() { count++ })
			})
		})
		all.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		got := 0
		r.host.Call(context.Background(), func() { got = count })
		if want := each * of * (1 + 1 + 1 + 3); got != want {
			t.Errorf("%d inputs were handled, want %d", got, want)
		}
	})
}

// TestDriverIsLetGo: who brings something to a loop that sleeps drives it for a while, not as long
// as there is something: it would be held up here, for ever.
func TestDriverIsLetGo(t *testing.T) {
	const more = 200
	bubble(t, nil, func(r *rig) {
		hold, n := make(chan struct{}), 0
		frame, err := table.Encode(&text{"x"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.toy.on = func(_ *toy, in machine.Input) {
			if in.Kind != machine.InMessage {
				return
			}
			switch n++; n {
			case 1:
				for i := range more { // they wait, as this is being handled
					r.events.Frame(handle(uint8(3+i%50)), transport.App, frame)
				}
			case 20:
				<-hold
			}
		}
		r.events.Frame(handle(2), transport.App, frame)
		close(hold)
		synctest.Wait()
		if n != 1+more {
			t.Errorf("%d of %d frames were handled", n, 1+more)
		}
	})
}

// TestDriverThatEnds: a machine that ends the goroutine which drives it is broken, and says so.
func TestDriverThatEnds(t *testing.T) {
	bubble(t, func(r *rig, _ *host.Config) {
		r.toy.on = func(_ *toy, in machine.Input) {
			if in.Kind == machine.InMessage {
				runtime.Goexit()
			}
		}
	}, func(r *rig) {
		frame, err := table.Encode(&text{"x"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		go r.events.Frame(handle(2), transport.App, frame)
		<-r.host.Done()
		if err := r.host.Err(); !errors.Is(err, host.ErrBroken) {
			t.Errorf("the host says %v, want %v", err, host.ErrBroken)
		}
	})
}

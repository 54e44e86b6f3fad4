// Package dirty does what a pure room may not do.
package dirty

import (
	"context"
	"fmt"
	"log/slog" // want: pure
	cheat "math/rand/v2"
	"os"   // want: pure
	"sync" // want: pure
	. "time"
	clock "time"

	"fixture.test/house/arrows" // want: import
	"other.test/lib"            // want: outside
)

var mu sync.Mutex

func now() clock.Time { return clock.Now() } // want: pure

var later = clock.Now // want: pure

func dotted() Duration { return Since(Time{}) } // want: pure

func wait() { <-clock.After(1) } // want: pure, pure

func timeout(ctx context.Context) (context.Context, func()) {
	return context.WithTimeout(ctx, 1) // want: pure
}

func dice() int { return cheat.IntN(6) } // want: pure

func fair() int { return cheat.New(cheat.NewPCG(1, lib.One)).IntN(6) }

func say() {
	fmt.Println("hello") // want: pure
	slog.Info("hello")
	os.Exit(arrows.One)
}

func background() {
	go say() // want: go
	mu.Lock()
}

// loop is where tasks run.
type loop interface {
	Work(f func() any, done func(any))
}

func work(l loop) (sum int) {
	var list [3]int
	l.Work(func() any {
		sum = 1   // want: off the loop
		sum++     // want: off the loop
		list[0]-- // want: off the loop
		return nil
	}, func(any) { sum = 2 })
	pass(l, func() {
		for _, sum = range list { // want: off the loop
		}
	})
	return sum
}

func pass(l loop, f func()) {
	l.Work(func() any { f(); return nil }, nil)
}

func init() { background() } // want: init

var _ = []any{now, later, dotted, wait, timeout, dice, fair, work}

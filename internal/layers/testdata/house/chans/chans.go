// Package chans uses channels in every way.
package chans

import "context"

// Run uses them.
func Run(ctx context.Context, in chan int) { // want: pure
	done := ctx.Done()
	<-done         // want: pure
	in <- 1        // want: pure
	for range in { // want: pure
	}
	select { // want: pure
	default:
	}
}

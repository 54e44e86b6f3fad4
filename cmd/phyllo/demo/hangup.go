package demo

import (
	"context"
	"os/signal"
	"syscall"
)

// untilHangup ends, besides with ctx, when the terminal is gone, so that what was
// begun there ends in order. With nohup it does not.
func untilHangup(ctx context.Context) (context.Context, context.CancelFunc) {
	if signal.Ignored(syscall.SIGHUP) {
		return context.WithCancel(ctx)
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}

package console

import (
	"context"

	"github.com/phyllo-net/phyllo/api"
)

// Ask runs f with a client of the node, and shows that it is under way.
func (w *World) Ask(ctx context.Context, doing string, f func(context.Context, *api.Client) error) error {
	c, err := w.Client()
	if err != nil {
		return err
	}
	defer c.Close()
	done := w.Waiting(doing)
	stop := func() {
		if done != nil {
			done()
			done = nil
		}
	}
	defer stop()
	return f(context.WithValue(ctx, quiet{}, stop), c)
}

// quiet is the key of the function that ends the progress line.
type quiet struct{}

// Answered ends the progress line: what follows is printed.
func Answered(ctx context.Context) {
	if stop, ok := ctx.Value(quiet{}).(func()); ok {
		stop()
	}
}

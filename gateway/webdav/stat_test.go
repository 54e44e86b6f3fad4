package webdav_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/phyllo-net/phyllo/gateway/files"
	"github.com/phyllo-net/phyllo/gateway/files/memory"
)

// counted are spaces of which is counted how often a file is looked for.
type counted struct {
	spaces
	stats *atomic.Int64
}

type spaces = files.Spaces

func (c counted) Space(ctx context.Context, name string) (files.Space, error) {
	s, err := c.spaces.Space(ctx, name)
	return countedSpace{s, c.stats}, err
}

type countedSpace struct {
	files.Space
	stats *atomic.Int64
}

func (c countedSpace) Stat(ctx context.Context, name, version string) (files.Entry, error) {
	c.stats.Add(1)
	return c.Space.Stat(ctx, name, version)
}

// TestOneLook: a file that is asked for is looked for once, though it might be a folder that has a page.
func TestOneLook(t *testing.T) {
	stats := new(atomic.Int64)
	w := openOn(t, counted{memory.New(1 << 20), stats}).start()
	w.do("PUT", "/s/a", "hello").Has(t, 201, "")
	for method, body := range map[string]string{"GET": "hello", "HEAD": ""} {
		stats.Store(0)
		w.do(method, "/s/a", "").Has(t, 200, body)
		if n := stats.Load(); n != 1 {
			t.Errorf("%s looks for the file %d times", method, n)
		}
	}
}

package libp2p_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
)

// heap is the heap in use after a collection, in bytes.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Fifty nodes in one process, each with a link to all others and idle, need at most
// 2 MiB of heap each; under the race detector, whose own memory counts, four times as
// much, and there are twenty. "make test" runs it without, too.
func TestMemory(t *testing.T) {
	many, limit := 50, uint64(2<<20)
	if racing {
		many, limit = 20, 4*limit
	}
	before := heap()
	var ns []*node
	for k := range many {
		ns = append(ns, start(t, byte(k+1), libp2p.Options{PerLoopback: 256, Unused: 2 * time.Second}, tcpLoop))
	}
	bare := heap()
	for i, a := range ns {
		for _, b := range ns[:i] {
			a.connect(t, b)
		}
	}
	for _, a := range ns {
		for _, b := range ns {
			if a != b {
				if err := a.Send(b.h, transport.App, make([]byte, 100)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, a := range ns {
		a.await(t, "a frame from all", func() bool { return a.got == many-1 })
	}
	var perNode uint64
	poll(t, "what is passing to pass", func() bool {
		perNode = (heap() - before) / uint64(many)
		return perNode <= limit
	})
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("heap %d KiB a node with %d links, %d KiB without; stacks %d KiB a node, %d goroutines",
		perNode>>10, many-1, (bare-before)/uint64(many)>>10, m.StackInuse/uint64(many)>>10, runtime.NumGoroutine()/many)
}

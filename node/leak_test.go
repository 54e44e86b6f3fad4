package node_test

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node"
)

// held is what a process holds.
type held struct {
	goroutines, fds int
	heap            uint64
}

func heldNow() held {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h := held{goroutines: runtime.NumGoroutine(), heap: m.HeapAlloc}
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil { // elsewhere they are not counted
		h.fds = len(entries)
	}
	return h
}

// settled waits until what is held is good, and returns it.
func settled(t *testing.T, what string, good func(held) bool) (h held) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		if h = heldNow(); good(h) {
			return h
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: in vain, this is held: %+v", what, h)
		}
		runtime.Gosched()
	}
}

// TestNothingLeaksFromKilledNodes: a whole node comes, is killed, and comes again at
// the same home. No goroutine and no descriptor is left of it in itself, nor in those
// who stay. Memory is logged only; that of links is held in transport/libp2p.
// PHYLLO_CYCLES says how often, times 20.
func TestNothingLeaksFromKilledNodes(t *testing.T) {
	cycles := 60
	if s := os.Getenv("PHYLLO_CYCLES"); s != "" {
		var err error
		if cycles, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	stay := ring(t, 2, nil)
	inv, err := stay[0].API().Invite(limited(t), api.InviteRequest{})
	if err != nil {
		t.Fatal(err)
	}
	c := settings(t.TempDir())
	c.Join = inv.Invite
	neighbours := func(n int) {
		for _, s := range stay {
			eventually(t, s, "the neighbours", func() bool { return len(status(t, s).LeafSet) == n })
		}
	}
	cycle := func() {
		n, err := node.New(c)
		if err != nil {
			t.Fatal(err)
		}
		defer n.Kill()
		if err := n.Start(limited(t)); err != nil {
			t.Fatal(err)
		}
		neighbours(2)
		n.Kill()
		neighbours(1)
	}
	for range 4 { // what is kept once is no leak
		cycle()
	}
	var last held
	before := settled(t, "a quiet beginning", func(h held) bool {
		quiet := h.goroutines == last.goroutines && h.fds == last.fds && h.heap <= last.heap+last.heap/100
		last = h
		return quiet
	})
	for range cycles / 20 {
		cycle()
	}
	after := settled(t, "goroutines and descriptors given back", func(h held) bool {
		return h.goroutines <= before.goroutines+2 && h.fds <= before.fds+2
	})
	t.Logf("after %d cycles: %+v, before: %+v", cycles/20, after, before)
}

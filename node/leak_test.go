package node_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node"
)

// held is what a process holds.
type held struct {
	goroutines, fds int
	tasks           int // goroutines, too, and not among those: coroutines of tasks, of which a node keeps spare ones
	heap            uint64
}

// stacks is what all goroutines do, each a paragraph.
func stacks() string {
	for buf := make([]byte, 1<<20); ; buf = make([]byte, 2*len(buf)) {
		if n := runtime.Stack(buf, true); n < len(buf) {
			return string(buf[:n])
		}
	}
}

func heldNow() held {
	var h held
	for _, what := range strings.Split(stacks(), "\n\n") {
		if strings.Contains(what, "task.(*Group).coroutine") {
			h.tasks++
		} else {
			h.goroutines++
		}
	}
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.heap = m.HeapAlloc
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil { // elsewhere they are not counted
		h.fds = len(entries)
	}
	return h
}

// settled waits until what is held is good, and returns it.
func settled(t *testing.T, what string, good func(held) bool) (h held) {
	t.Helper()
	again := time.NewTicker(asking) // looking stops the world
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; {
		if h = heldNow(); good(h) {
			return h
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: in vain, this is held: %+v\n%s", what, h, stacks())
		}
		<-again.C
	}
}

// What the heap may grow by over all, as caches fill and the collector leaves
// something over, and with each restart: those who stay keep answers and served keys
// for a while. A restarted node itself holds megabytes. And what the spare coroutines
// of those who stay may grow by: they keep as many as they ever had tasks at once, a few
// more if the machine is busy; a node that is not given back has a dozen.
const (
	mostSpare   = 24
	mostGrowth  = 1 << 20
	mostRestart = 6 << 10
)

// TestNothingLeaksFromKilledNodes: a whole node comes, is killed, and comes again at
// the same home. No goroutine, no descriptor and no memory is left of it in itself, nor
// in those who stay. PHYLLO_CYCLES says how often, times 20.
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
	neighbours := func(t *testing.T, n int) {
		t.Helper()
		for _, s := range stay {
			eventually(t, s, "the neighbours", func() bool { return len(status(t, s).LeafSet) == n })
		}
	}
	// Each is a test of its own, as a test keeps what it is to clean up, every context
	// of a call among it, until its end.
	cycle := func(t *testing.T) {
		n, err := node.New(c)
		if err != nil {
			t.Fatal(err)
		}
		defer n.Kill()
		if err := n.Start(limited(t)); err != nil {
			t.Fatal(err)
		}
		neighbours(t, 2)
		n.Kill()
		neighbours(t, 1)
	}
	for range 4 { // what is kept once is no leak
		if !t.Run("warm", cycle) {
			return
		}
	}
	var last held
	before := settled(t, "a quiet beginning", func(h held) bool {
		quiet := h.goroutines == last.goroutines && h.fds == last.fds && h.heap <= last.heap+last.heap/100
		last = h
		return quiet
	})
	for range cycles / 20 {
		if !t.Run("cycle", cycle) {
			return
		}
	}
	most := before.heap + mostGrowth + uint64(cycles/20)*mostRestart
	after := settled(t, fmt.Sprintf("goroutines, descriptors and memory given back: before it was %+v", before), func(h held) bool {
		return h.goroutines <= before.goroutines+2 && h.tasks <= before.tasks+mostSpare && h.fds <= before.fds+2 && h.heap <= most
	})
	t.Logf("after %d cycles: %+v, before: %+v", cycles/20, after, before)
}

package libp2p_test

import (
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
)

// cost is what a process holds.
type cost struct {
	goroutines, fds int
	heap            uint64
}

func costNow(t *testing.T) cost {
	t.Helper()
	c := cost{goroutines: runtime.NumGoroutine(), heap: heap()}
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil { // elsewhere they are not counted
		c.fds = len(entries)
	}
	return c
}

// near reports whether nothing but noise was added since before.
func (c cost) near(before cost) bool {
	return c.goroutines <= before.goroutines+2 && c.fds <= before.fds+2 && c.heap <= before.heap+before.heap/20
}

// TestNothingLeaksFromKilledPeers: peers connect, send and are killed, again and
// again, and nothing is left of them: no goroutine, no descriptor, no memory.
// PHYLLO_CYCLES says how often; "make soak" does it a thousand times.
func TestNothingLeaksFromKilledPeers(t *testing.T) {
	cycles := 40
	if s := os.Getenv("PHYLLO_CYCLES"); s != "" {
		var err error
		if cycles, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	const peers = 8
	stands := start(t, 1, libp2p.Options{}, tcpLoop, quicLoop)
	got, downs := 0, 0
	cycle := func(i int) {
		listen := []string{tcpLoop, quicLoop}[i/peers%2]
		n, err := newIncarnation(byte(2+i%peers), uint64(i+1), libp2p.Options{}, listen)
		if err != nil {
			t.Fatal(err)
		}
		defer n.Transport.Close()
		n.connect(t, stands)
		if err := n.Send(stands.h, transport.App, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		got++
		stands.await(t, "the frame", func() bool { return stands.got == got })
		if err := n.Cut(); err != nil {
			t.Fatal(err)
		}
		downs++
		stands.await(t, "the end of the link", func() bool { return len(stands.downs) == downs })
	}
	for i := range 4 * peers { // each peer twice in both ways: what is kept once is no leak
		cycle(i)
	}
	var before, after cost
	poll(t, "the beginning to be quiet", func() bool {
		last := before
		before = costNow(t)
		return before.goroutines == last.goroutines && before.fds == last.fds
	})
	for i := range cycles {
		cycle(4*peers + i)
	}
	defer func() { t.Logf("after %d cycles: %+v, before: %+v", cycles, after, before) }()
	poll(t, "everything to be given back", func() bool {
		after = costNow(t)
		return after.near(before)
	})
}

package pastry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/wire"
)

// Somebody joins, and after each of the messages about leases that it takes, one of those beside it ends,
// while what the newcomer says is held up. It asks its left neighbour first, and so
// before it has any other lease; it may be linked in by the right one, and claim its keys, long before others
// hear of that. No two claim one key, and all is well again soon.
func TestNoLeasePastOneWhoMayBeLinkedInByNow(t *testing.T) {
	const newcomer = 5
	ends := map[string]func(*sim.Sim, sim.NodeRef){
		"killed":     (*sim.Sim).Crash,
		"silent":     (*sim.Sim).Die,
		"born again": func(s *sim.Sim, n sim.NodeRef) { s.Crash(n); s.Restart(n) },
	}
	for name, end := range ends {
		for who, beside := range []string{"left neighbour", "right neighbour", "next on the right"} {
			for after := range 6 {
				t.Run(fmt.Sprintf("%s %s after %d", beside, name, after), func(t *testing.T) {
					var w *world
					count := 0
					c := tiny(linked(3), 0x10, 0x40, 0x50, 0x90, 0xd0, 0x30)
					c.Sim.Observe.Send = func(from, to sim.NodeRef, _ machine.Class, m wire.Message, _ int) {
						if _, is := m.(*msg.Lease); !is || from != newcomer && to != newcomer {
							return
						}
						if count++; count != after+1 {
							return
						}
						w.Sim.At(w.Sim.Now(), func() {
							for n := range sim.NodeRef(newcomer) {
								w.Sim.ClogPath(newcomer, n, 5*time.Second)
							}
						})
						w.Sim.At(w.Sim.Now()+time.Millisecond, func() { end(w.Sim, sim.NodeRef(who)) })
					}
					w = grow(t, 5, c)
					w.Add()
					for range 300 {
						w.Sim.RunFor(20 * time.Millisecond)
						w.Truth.Claims(false)
					}
					if count <= after {
						t.Fatalf("%d messages about leases, want %d", count, after+1)
					}
					w.Sim.RunFor(2 * time.Minute)
					w.check(4)
				})
			}
		}
	}
}

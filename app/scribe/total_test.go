package scribe_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
)

// What a node has of all groups together is bounded: large groups lose what is oldest, small
// ones nothing, and members have read all of it before.
func TestAllGroupsBounded(t *testing.T) {
	const total = 256 << 10
	w := newWorld(t, 6, kbrtest.Config{Seed: 27}, func(c *scribe.Config) { c.MaxTotal = total })
	small := w.mustCreate(open("small"))
	w.joinAll(small, w.nodes...)
	quiet := w.nodes[1].publisher(small, "alice", alice)
	for range 10 {
		quiet.say()
	}
	w.net.Run(time.Second)
	var large []id.Hash
	for i := range 8 {
		g := w.mustCreate(open(fmt.Sprint("large ", i)))
		large = append(large, g)
		p := w.nodes[0].publisher(g, "alice", alice)
		for range 40 {
			w.nodes[0].n.Do(func() {
				if err := p.p.Publish(make([]byte, 4000), nil); err != nil {
					t.Error(err)
				}
			})
			w.net.Run(50 * time.Millisecond)
		}
		for _, x := range w.nodes {
			if n := x.s.Kept(); n > total {
				t.Fatalf("a node has %d bytes of messages, at most %d", n, total)
			}
		}
	}
	w.all(quiet.acknowledged, w.nodes...)
	full := 0
	for _, x := range w.nodes {
		if n := x.s.Place(small).Messages; n != 10 {
			t.Errorf("a node has %d of the small group's 10 messages", n)
		}
		sum := 0
		for _, g := range large {
			n := x.s.Place(g).Messages
			if sum += n; n >= 40 {
				t.Errorf("a node has all %d messages of a large group", n)
			}
		}
		if sum > 0 {
			full++
		}
		if x.s.Kept() > 0 && sum*4000 > total {
			t.Errorf("a node has %d messages of 4,000 bytes in %d bytes", sum, total)
		}
	}
	if full == 0 {
		t.Error("nobody keeps a large group at all")
	}
}

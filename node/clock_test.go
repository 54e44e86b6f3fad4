package node_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node"
)

// TestWrongClock: RELIABILITY.md section 5, row 57: a clock that is ahead by an hour
// and set back while the node runs, one that is behind by a month and by ten years,
// and one that is ten years ahead, at a member and at an admitter. What is wrong is
// said, in one finding; and nothing has ended when the clock is right again.
func TestWrongClock(t *testing.T) {
	for _, admitter := range []bool{false, true} {
		t.Run(map[bool]string{false: "member", true: "admitter"}[admitter], func(t *testing.T) { wrongClock(t, admitter) })
	}
}

func wrongClock(t *testing.T, admitter bool) {
	const day = 24 * time.Hour
	var off atomic.Int64
	off.Store(int64(time.Hour))
	wall := func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
	const wrong = 3
	nodes := ring(t, wrong+1, func(i int) []node.Option {
		if i == wrong {
			return []node.Option{node.WithWall(wall)}
		}
		return nil
	})
	if admitter {
		eventually(t, nodes[0], "the admitter", func() bool {
			return nodes[0].API().Promote(limited(t), status(t, nodes[wrong]).ID) == nil
		})
	}
	addUser(t, nodes[0], "ann")
	addUser(t, nodes[wrong], "bob")
	certificate := *nodes[wrong].Certificate()

	// It was started an hour ahead, as its neighbours can tell.
	says(t, nodes[wrong], "clock", api.Bad, "1 hour ahead of 3 neighbours", "timedatectl")
	talk(t, nodes[wrong], "bob", "ann")
	off.Store(0)
	says(t, nodes[wrong], "clock", api.Warn, "set back by 1 hour")
	says(t, nodes[0], "clock", api.Good, "agrees with 3 neighbours to ")
	says(t, nodes[wrong], "certificate", api.Good, "more days")
	talk(t, nodes[wrong], "bob", "ann")
	talk(t, nodes[0], "ann", "bob")

	// Certificates begin later by this clock, its own and those of others.
	off.Store(int64(-30 * day))
	says(t, nodes[wrong], "clock", api.Bad, "begin up to 30 days later", "is behind", "timedatectl")
	says(t, nodes[wrong], "certificate", api.Warn, "when the clock is right")
	off.Store(int64(-3650 * day))
	says(t, nodes[wrong], "clock", api.Bad, "cannot be", "timedatectl")

	// All have ended by this clock; an admitter could sign itself a new one.
	off.Store(int64(3650 * day))
	if err := nodes[wrong].Upkeep(limited(t)); err == nil {
		t.Error("ten years ahead: the certificate was renewed")
	}
	says(t, nodes[wrong], "clock", api.Bad, "had ended", "most likely ahead", "timedatectl")
	says(t, nodes[wrong], "certificate", api.Warn, "when the clock is right")

	off.Store(0)
	if now := *nodes[wrong].Certificate(); now.NotBefore != certificate.NotBefore {
		t.Errorf("ten years ahead: a certificate from %v", time.Unix(now.NotBefore, 0))
	}
	talk(t, nodes[0], "ann", "bob")
	talk(t, nodes[wrong], "bob", "ann")
	says(t, nodes[wrong], "certificate", api.Good, "more days")
}

// TestClockJumps: the clock of one node of three jumps an hour ahead while it runs, and later back. Either time it goes on within
// ten seconds without help, and reads what others have changed meanwhile.
func TestClockJumps(t *testing.T) {
	var off atomic.Int64
	wall := func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
	nodes := ring(t, 3, func(i int) []node.Option {
		if i == 2 {
			return []node.Option{node.WithWall(wall)}
		}
		return nil
	})
	addUser(t, nodes[0], "ann")
	addUser(t, nodes[2], "bob")
	put := func(n *node.Node, value string) error {
		_, err := n.API().DHTPut(limited(t), api.DHTPut{Key: "colour", Value: []byte(value)})
		return err
	}
	reads := func(n *node.Node, value string) {
		t.Helper()
		e, err := n.API().DHTGet(limited(t), api.DHTKey{Key: "colour"})
		if err != nil || string(e.Value) != value {
			t.Errorf("read %+v, %v, want %s", e, err, value)
		}
	}
	if err := put(nodes[0], "blue"); err != nil {
		t.Fatal(err)
	}
	reads(nodes[2], "blue")
	for _, jump := range []time.Duration{time.Hour, 0} {
		off.Store(int64(jump))
		began := time.Now()
		value := "green, " + jump.String()
		if err := put(nodes[0], value); err != nil {
			t.Errorf("a node whose clock is right puts: %v", err)
		}
		reads(nodes[2], value)
		talk(t, nodes[0], "ann", "bob")
		talk(t, nodes[2], "bob", "ann")
		value += ", bob's"
		if err := put(nodes[2], value); err != nil {
			t.Errorf("%v ahead: that node puts: %v", jump, err)
		}
		for _, n := range nodes {
			reads(n, value)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%v ahead: it took %v", jump, took)
		}
	}
}

// says wants a finding of doctor with these words.
func says(t *testing.T, n *node.Node, about, verdict string, words ...string) {
	t.Helper()
	deadline := limited(t)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	seen := ""
	for {
		list, err := n.API().Doctor(deadline)
		if err != nil {
			t.Fatalf("%s: want %s with %q; it said %s before %v", about, verdict, words, seen, err)
		}
		seen = ""
		for _, f := range list {
			if f.About != about {
				continue
			}
			seen += f.Verdict + ": " + f.Sentence + "\n"
			fits := f.Verdict == verdict
			for _, w := range words {
				fits = fits && strings.Contains(f.Sentence, w)
			}
			if fits {
				return
			}
		}
		select {
		case <-tick.C:
		case <-deadline.Done():
			t.Fatalf("%s: want %s with %q; it says %s", about, verdict, words, seen)
		}
	}
}

// talk sends a message and wants it delivered.
func talk(t *testing.T, n *node.Node, from, to string) {
	t.Helper()
	s, err := n.API().Send(limited(t), api.Draft{From: from, To: to, Text: "hello", Wait: patience.Milliseconds()})
	if err != nil || s.State != api.StateDelivered {
		t.Errorf("%s to %s: %+v, %v", from, to, s, err)
	}
}

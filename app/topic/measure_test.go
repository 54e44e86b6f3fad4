package topic_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
	"github.com/phyllo-net/phyllo/task"
)

func (h *house) measure(n string, by peer.Signer, c topic.Trial) (m *topic.Measured, err error) {
	err = h.call(func(t *task.T) error {
		m, err = h.topics.Measure(t, name(n), by, c)
		return err
	})
	return m, err
}

// What is measured is what happens: in a ring whose links take a known time no message is
// faster than the light, the last reader not before the first, and all are counted.
func TestMeasure(t *testing.T) {
	const link = 10 * time.Millisecond
	w := newTownOf(t, 12, sim.Config{Topology: topo.NewUniform(100, link)})
	h := w.houses[3]
	w.houses[6].begin("other", topic.Options{Waiting: func() bool { return true }})
	if m, err := h.measure("other", ann, topic.Trial{Size: 16, Outstanding: 1, For: time.Second}); err != nil || m.Readers != 2 || m.All.Count == 0 {
		t.Errorf("with a reader who waited for the topic: %+v, %v", m, err)
	}
	if err := h.say("news", ann, "x"); err != nil {
		t.Fatal(err)
	}
	var rs []*reader
	for _, i := range []int{0, 1, 5, 7, 9} {
		rs = append(rs, w.houses[i].subscribe("news", topic.Options{}))
	}
	m, err := h.measure("news", ann, topic.Trial{Size: 100, Outstanding: 1, For: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if m.Messages < 10 || m.Lost != 0 || m.Readers != 6 || m.Followed != 5 || m.Silent != 0 || m.Took < 4*time.Second || m.Took > 6*time.Second {
		t.Errorf("measured is %+v", m)
	}
	if m.Read.Count != m.Messages || m.Safe.Count != m.Messages || m.All.Count == 0 || m.All.Count > m.Messages {
		t.Errorf("of %d messages are %d, %d and %d times", m.Messages, m.Read.Count, m.Safe.Count, m.All.Count)
	}
	for what, s := range map[string]topic.Spread{"safe": m.Safe, "read": m.Read, "all": m.All} {
		if s.P50 < link || s.P90 < s.P50 || s.P99 < s.P90 || s.Worst < s.P99 || s.Worst > time.Second {
			t.Errorf("%s: %+v", what, s)
		}
	}
	if m.All.P50 < m.Read.P50 {
		t.Errorf("all have read it after %v, this node after %v", m.All.P50, m.Read.P50)
	}
	for i, r := range rs {
		if len(r.read) != m.Messages+1 || len(r.read[0]) != 100 { // with the one that opens the topic
			t.Errorf("reader %d has %d messages of %d", i, len(r.read), m.Messages)
		}
	}
	fast, err := h.measure("news", ann, topic.Trial{Size: 16, Outstanding: 32, For: 2 * time.Second})
	if err != nil || fast.Rate() < 4*m.Rate() {
		t.Errorf("with 32 under way %.0f/s, with one %.0f/s, %v", fast.Rate(), m.Rate(), err)
	}
	slow, err := h.measure("news", ann, topic.Trial{Size: 16, Outstanding: 32, Rate: 20, For: 2 * time.Second})
	if err != nil || slow.Messages != 40 {
		t.Errorf("20 messages a second in 2 s are %+v, %v", slow, err)
	}
	// Where a rate is asked for that one message under way does not reach, what waits counts.
	late, err := h.measure("news", ann, topic.Trial{Size: 16, Outstanding: 1, Rate: 1000, For: 2 * time.Second})
	if err != nil || late.Read.Worst < time.Second || late.Messages > 200 {
		t.Errorf("a rate that is out of reach: %+v, %v", late, err)
	}
}

// A reader that is gone is told as silent, and a measurement ends when nobody waits for it.
func TestMeasureEnds(t *testing.T) {
	w := newTownOf(t, 6, sim.Config{Topology: topo.NewUniform(100, 5*time.Millisecond)})
	h := w.houses[0]
	if err := h.say("news", ann, "x"); err != nil {
		t.Fatal(err)
	}
	gone := w.houses[4].subscribe("news", topic.Options{})
	w.Sim.Call(h.node, func() {
		w.Node(h.node).Tasks().Go(func(t *task.T) error {
			if err := t.Sleep(time.Second); err != nil {
				return err
			}
			w.Sim.Call(w.houses[4].node, gone.x.Close)
			return nil
		}, nil)
	})
	m, err := h.measure("news", ann, topic.Trial{Size: 16, Outstanding: 2, For: 4 * time.Second})
	if err != nil || m.Silent == 0 || m.All.Count == 0 || m.Lost != 0 {
		t.Errorf("a reader that is gone: %+v, %v", m, err)
	}
	begun, asked := w.Sim.Now(), 0
	_, err = h.measure("news", ann, topic.Trial{Size: 16, Outstanding: 1, For: topic.MaxMeasure, Stop: func() bool { asked++; return asked > 20 }})
	if took := w.Sim.Now() - begun; err != nil || took > 30*time.Second {
		t.Errorf("it goes on for %s after nobody waits, %v", took, err)
	}
}

// What is out of range is refused before anything is published; so is who may not publish.
func TestMeasureRefused(t *testing.T) {
	w := newTown(t, 3)
	h := w.houses[1]
	good := topic.Trial{Size: 16, Outstanding: 1, For: time.Second}
	for what, change := range map[string]func(*topic.Trial){
		"too small": func(c *topic.Trial) { c.Size = 15 }, "too large": func(c *topic.Trial) { c.Size = topic.MaxMessage + 1 },
		"none under way": func(c *topic.Trial) { c.Outstanding = 0 }, "too many under way": func(c *topic.Trial) { c.Outstanding = 513 },
		"a rate below 0": func(c *topic.Trial) { c.Rate = -1 }, "no time": func(c *topic.Trial) { c.For = 0 },
		"a day": func(c *topic.Trial) { c.For = 24 * time.Hour }, "too many bytes": func(c *topic.Trial) { c.Size, c.Outstanding = 32000, 512 },
	} {
		c := good
		change(&c)
		if m, err := h.measure("news", ann, c); !errors.Is(err, topic.ErrMeasure) {
			t.Errorf("%s: %+v, %v", what, m, err)
		}
	}
	if n := len(h.scribe.Groups()); n != 0 {
		t.Errorf("%d topics were made", n)
	}
	w.houses[0].is("ann", ann)
	if err := w.houses[0].say("ann/door", ann, "x"); err != nil {
		t.Fatal(err)
	}
	if m, err := h.measure("ann/door", bob, good); !errors.Is(err, msg.ErrDenied) {
		t.Errorf("bob measures what is ann's: %+v, %v", m, err)
	}
}

// A node keeps a bounded number of questions about messages that do not come, and gives each
// an answer at last.
func TestSeenBounded(t *testing.T) {
	w := newTown(t, 2)
	if err := w.houses[0].say("news", ann, "x"); err != nil {
		t.Fatal(err)
	}
	w.houses[1].subscribe("news", topic.Options{})
	codes := make(map[uint16]int)
	ask := func(group id.Hash, mark []byte) {
		w.houses[0].must(func(tt *task.T) error {
			rs, err := kbr.CallAll(tt, w.Node(w.houses[0].node).Endpoint(appTopic), slicesOf(w.Node(w.houses[1].node).Self(), 300),
				func(int) []byte { return topic.AskSeen(group, mark) }, kbr.Options{}, nil)
			for _, r := range rs {
				if x, ok := r.Err.(*kbr.RefusedError); ok {
					codes[x.Code]++
				} else {
					codes[0]++
				}
			}
			return err
		})
	}
	mark := bytes.Repeat([]byte{7}, topic.MarkSize)
	ask(w.houses[1].scribe.Groups()[0], mark)
	if codes[2] != 300-256 || codes[4] != 256 {
		t.Errorf("300 questions about what does not come: %v", codes)
	}
	clear(codes)
	ask(id.HashOf("other"), mark)
	if codes[3] != 300 {
		t.Errorf("300 questions about a topic that is not read here: %v", codes)
	}
	clear(codes)
	if err := w.houses[0].say("news", ann, append([]string{string(mark)}, slices.Repeat([]string{"x"}, 3000)...)...); err != nil {
		t.Fatal(err)
	}
	ask(w.houses[1].scribe.Groups()[0], mark)
	if codes[0] != 300 {
		t.Errorf("300 questions that come 3,000 messages late: %v", codes)
	}
}

func slicesOf(h *peer.Handle, n int) (hs []*peer.Handle) {
	for range n {
		hs = append(hs, h)
	}
	return hs
}

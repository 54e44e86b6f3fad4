package scribe_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// joinMany makes a node a member of many groups at once.
func (x *node) joinMany(gs []id.Hash) {
	x.w.t.Helper()
	left := len(gs)
	x.n.Do(func() {
		for _, g := range gs {
			x.n.Endpoint(number).Go(func(t *task.T) error { return x.begin(t, g, scribe.Options{}) }, func(err error) {
				if left--; err != nil {
					x.w.t.Errorf("joins: %v", err)
				}
			})
		}
	})
	if !x.w.net.RunUntil(time.Minute, func() bool { return left == 0 }) {
		x.w.t.Fatalf("%d of %d groups were not joined", left, len(gs))
	}
}

// A node joins a hundred groups with a few messages to each of their roots, and so it does
// when one that was its parent in many of them dies: each of the groups is joined, and read.
func TestManyGroupsAreJoinedTogether(t *testing.T) {
	w := newWorld(t, 12, kbrtest.Config{Seed: 31}, nil)
	var gs []id.Hash
	roots := make(map[*node]int)
	for i := range 100 {
		g := w.mustCreate(open(fmt.Sprint("group ", i)))
		gs = append(gs, g)
		roots[w.root(g)]++
	}
	late := w.add()
	w.net.Run(time.Second)
	questions, largest := 0, 0
	for _, x := range w.nodes {
		x.n.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool {
			if d.Via.ID != late.n.Self().ID || x == late {
				return false
			}
			switch m, _ := msg.Decode(d.Payload); m.(type) {
			case *msg.Attach, *msg.Heads, *msg.Bundle:
				questions++
				largest = max(largest, len(d.Payload))
			}
			return false
		}
	}
	late.joinMany(gs)
	t.Logf("100 groups with %d roots are joined with %d questions", len(roots), questions)
	if most := 3 * len(roots); questions > most || largest > wire.MaxPayload/2 {
		t.Errorf("100 groups with %d roots were joined with %d messages, at most %d are needed, the largest of %d bytes", len(roots), questions, most, largest)
	}
	read := func(what string) {
		t.Helper()
		late.read, late.gaps = nil, nil
		for i, g := range gs {
			w.nodes[i%3].publisher(g, fmt.Sprint(what, i), alice).say()
		}
		w.net.Run(20 * time.Second)
		if len(late.read) != len(gs) || len(late.gaps) > 0 {
			t.Errorf("%s: of %d messages in as many groups %d were read, %d gaps", what, len(gs), len(late.read), len(late.gaps))
		}
	}
	read("first")
	var busiest *node
	for _, x := range w.nodes[3:] {
		if busiest == nil || roots[x] > roots[busiest] {
			busiest = x
		}
	}
	questions = 0
	busiest.n.Kill()
	w.net.Run(6 * time.Second) // before they ask others than their parents what there is
	t.Logf("the root of %d groups died: they are joined again with %d questions", roots[busiest], questions)
	if most := roots[busiest]; questions == 0 || questions > most {
		t.Errorf("the root of %d groups died: a member asked %d questions, at most %d are needed", roots[busiest], questions, most)
	}
	w.net.Run(20 * time.Second)
	read("second")
}

// What is refused of one group is refused of that alone; who asks by a bundle is counted for
// each of its questions; nobody else answers them; and a bundle that was not sent directly is
// refused.
func TestBundlesBringNothingMore(t *testing.T) {
	w := newWorld(t, 10, kbrtest.Config{Seed: 32}, func(c *scribe.Config) { c.PeerAsks = 100 })
	g := w.mustCreate(open("news"))
	root := w.root(g)
	var asker, liar *node
	for _, x := range w.nodes {
		if x != root {
			asker, liar = liar, x
		}
	}
	m := &msg.Bundle{Number: 7}
	m.Add(&msg.Heads{Group: g})
	m.Add(&msg.Heads{Group: id.HashOf("no group")})
	m.Add(&msg.Attach{Group: g, Number: 1})
	got, err := asker.ask(root, msg.Encode(m))
	a, ok := got.(*msg.Answers)
	if err != nil || !ok || len(a.List) != 3 {
		t.Fatalf("answered is %v, %v", got, err)
	}
	codes := make(map[uint64]uint16)
	for _, r := range a.List {
		codes[r.Number] = r.Code
	}
	if codes[7] != 0 || codes[8] != 0 || codes[9] != msg.RefusedUnknown {
		t.Errorf("refused are %v", codes)
	}
	for m.Len() < msg.MaxBundle {
		m.Add(&msg.Heads{Group: g})
	}
	busy := 0
	for range 3 {
		got, err := asker.ask(root, msg.Encode(m))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range got.(*msg.Answers).List {
			if r.Code == msg.RefusedBusy {
				busy++
			}
		}
	}
	if want := 3 + 3*msg.MaxBundle - 100; busy < want-2 || busy > want {
		t.Errorf("of %d questions %d were too many, at most 100 are answered", 3+3*msg.MaxBundle, busy)
	}
	err = asker.n.Call(time.Minute, func(t *task.T) error {
		_, err := kbr.Call(t, asker.n.Endpoint(number), g.Place(), msg.Encode(m), kbr.Options{Timeout: 5 * time.Second})
		return err
	})
	if msg.Refusal(err) != msg.RefusedMalformed {
		t.Errorf("a bundle by routing: %v", err)
	}

	// The root keeps silent, and another answers in its place.
	victim := w.add()
	w.net.Run(time.Second)
	silent := w.root(g)
	name := ""
	for i := 0; name == ""; i++ {
		if c := open(fmt.Sprint("other ", i)); w.root(c.Group(ring)) == silent {
			name = c.Name
		}
	}
	other := w.mustCreate(open(name))
	w.net.Run(time.Minute)
	forged := 0
	answer := func(d *kbr.Delivery) bool {
		got, err := msg.Decode(d.Payload)
		b, ok := got.(*msg.Bundle)
		if err != nil || !ok || d.Via.ID != victim.n.Self().ID {
			return false
		}
		forged++
		f := new(msg.Answers)
		b.Each(func(n uint64, _ wire.Message) {
			f.List = append(f.List, &msg.Reply{Number: n, Message: msg.Encode(&msg.Adopted{Charter: open("news"), Next: 600_000})})
		})
		liar.send(victim, f)
		return true
	}
	silent.n.OnDeliver = func(_ wire.AppID, d *kbr.Delivery) bool { return answer(d) }
	victim.n.Do(func() {
		ep := victim.n.Endpoint(number)
		for _, x := range []id.Hash{g, other} {
			ep.Go(func(t *task.T) error { return victim.begin(t, x, scribe.Options{}) }, nil)
		}
	})
	w.net.Run(time.Second)
	for _, x := range []id.Hash{g, other} {
		if p := victim.s.Place(x); !p.Parent.IsZero() || forged == 0 {
			t.Errorf("a node has the parent %s after %d forged answers", p.Parent.Short(), forged)
		}
	}
}

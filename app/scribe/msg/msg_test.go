package msg_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/budget"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/wire"
)

var (
	ring  = id.HashOf("test ring")
	alice = standin.NewSigner(1, 1)
	bob   = standin.NewSigner(1, 2)
	carol = standin.NewSigner(1, 3)
	now   = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	check standin.Verifier
)

func charter() *msg.Charter {
	return &msg.Charter{Name: "news", Version: 1, Publishers: msg.Keys(bob.Public()), Members: msg.Keys(bob.Public()), Count: 100, Age: 600}
}

func signed() *msg.Charter { return charter().Sign(ring, alice) }

func batch(group id.Hash, at time.Time) *msg.Batch {
	return msg.NewBatch(ring, group, 7, 1, 5, [][]byte{[]byte("one"), []byte("two"), []byte("three")}, bob, at)
}

// all is one good message of each kind.
func all() []wire.Message {
	c := signed()
	g := c.Group(ring)
	b := batch(g, now)
	h := &peer.Handle{ID: id.Tiny(9), Key: bob.Public(), Incarnation: 3, Addrs: []string{"somewhere"}}
	hs := []*peer.Handle{h}
	return []wire.Message{
		&msg.Create{Charter: c}, &msg.Done{Age: 600},
		&msg.Attach{Group: g, Version: 1, Pass: msg.NewPass(ring, g, id.Tiny(4), bob, now), Chain: msg.Path(id.Tiny(1), id.Tiny(2)), Number: 4},
		&msg.Adopted{Charter: c, Path: msg.Path(id.Tiny(1)), Backup: h, Next: 1000}, &msg.Full{Nodes: hs, Delays: []uint32{3}},
		&msg.Leave{Group: g, Parent: true, Nodes: hs}, &msg.Publish{Group: g, Batch: b}, &msg.Cast{Group: g, Batch: b},
		&msg.Beat{Group: g, Next: 1000, Version: 1, Path: msg.Path(id.Tiny(1)), Seals: []*msg.Seal{b.Seal}},
		&msg.Keep{Group: g, Charter: c, Batch: b}, &msg.Heads{Group: g, Publisher: bob.Public(), Life: 7},
		&msg.HeadsAre{Charter: c, Seals: []*msg.Seal{b.Seal}, Floors: []uint64{1}, More: true, Synced: true, Whole: true, Nexts: []uint64{2}},
		&msg.Fetch{Group: g, Publisher: bob.Public(), Life: 7, From: 1, To: 9, Seal: b.Seal}, &msg.Fetched{Batches: []*msg.Batch{b}, Floor: 5},
		&msg.Bundle{Number: 8, Attaches: []*msg.Attach{{Group: g, Number: 4}}, Heads: []*msg.Heads{{Group: g}}},
		&msg.Answers{List: []*msg.Reply{{Number: 8, Message: msg.Encode(new(msg.Done))}, {Number: 9, Code: msg.RefusedBusy}}},
	}
}

// Each message is read as it was written.
func TestRoundTrip(t *testing.T) {
	for _, m := range all() {
		got, err := msg.Decode(msg.Encode(m))
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%T: read %+v, %v", m, got, err)
		}
	}
}

// What breaks a limit is refused before it is used (hostile input, rows 30, 31, 40, 43).
func TestRefused(t *testing.T) {
	g := signed().Group(ring)
	seal := func(change func(*msg.Seal)) wire.Message {
		s := *batch(g, now).Seal
		change(&s)
		return &msg.Beat{Group: g, Next: 1, Seals: []*msg.Seal{&s}}
	}
	with := func(change func(*msg.Batch)) wire.Message {
		b := *batch(g, now)
		s := *b.Seal
		b.Seal = &s
		change(&b)
		return &msg.Cast{Group: g, Batch: &b}
	}
	chartered := func(change func(*msg.Charter)) wire.Message {
		c := *signed()
		change(&c)
		return &msg.Create{Charter: &c}
	}
	h := &peer.Handle{ID: id.Tiny(9), Key: bob.Public()}
	for what, m := range map[string]wire.Message{
		"no charter":                &msg.Create{},
		"name of nothing":           chartered(func(c *msg.Charter) { c.Name = "" }),
		"long name":                 chartered(func(c *msg.Charter) { c.Name = strings.Repeat("x", msg.MaxName+1) }),
		"name of control codes":     chartered(func(c *msg.Charter) { c.Name = "a\x1b[2J" }),
		"name with a NUL":           chartered(func(c *msg.Charter) { c.Name = "a\x00b" }),
		"name that turns":           chartered(func(c *msg.Charter) { c.Name = "abc\u202egnp" }),
		"half a key":                chartered(func(c *msg.Charter) { c.Members = c.Members[:20] }),
		"too many keys":             chartered(func(c *msg.Charter) { c.Publishers = make([]byte, 32*(msg.MaxKeys+1)) }),
		"history for ever":          chartered(func(c *msg.Charter) { c.Age = 1 << 31 }),
		"history of too many":       chartered(func(c *msg.Charter) { c.Count = msg.MaxCount + 1 }),
		"version 0":                 chartered(func(c *msg.Charter) { c.Version = 0 }),
		"sequence number 0":         seal(func(s *msg.Seal) { s.First = 0 }),
		"sequence number 2^64-1":    seal(func(s *msg.Seal) { s.First = 1<<64 - 1 }),
		"taken before it was said":  seal(func(s *msg.Seal) { s.Base = s.First + 1 }),
		"seal for nothing":          seal(func(s *msg.Seal) { s.Count = 0 }),
		"seal for too much":         seal(func(s *msg.Seal) { s.Count = msg.MaxMessages + 1 }),
		"seal before all time":      seal(func(s *msg.Seal) { s.Time = -1 }),
		"short signature":           seal(func(s *msg.Seal) { s.Sig = s.Sig[:63] }),
		"nobody's seal":             seal(func(s *msg.Seal) { s.Publisher = peer.Key{} }),
		"an empty seal":             &msg.Beat{Group: g, Next: 1, Seals: []*msg.Seal{nil}},
		"too many seals":            &msg.Beat{Group: g, Next: 1, Seals: slicesRepeat(batch(g, now).Seal, msg.MaxSeals+1)},
		"heartbeat never":           &msg.Beat{Group: g, Next: 1 << 31},
		"no batch":                  &msg.Publish{Group: g},
		"batch without a seal":      with(func(b *msg.Batch) { b.Seal = nil }),
		"message of 0 bytes":        with(func(b *msg.Batch) { b.Lengths = []uint32{0, 3, 8} }),
		"lengths that run over":     with(func(b *msg.Batch) { b.Lengths = []uint32{3, 3, 1 << 31} }),
		"lengths that fall short":   with(func(b *msg.Batch) { b.Lengths = []uint32{1, 1, 1} }),
		"fewer messages than said":  with(func(b *msg.Batch) { b.Lengths = b.Lengths[:2] }),
		"too large a batch":         with(func(b *msg.Batch) { b.Body, b.Lengths = make([]byte, msg.MaxBody+1), []uint32{1, 1, msg.MaxBody - 1} }),
		"path of half an id":        &msg.Attach{Group: g, Chain: make([]byte, 8)},
		"path too long":             &msg.Attach{Group: g, Chain: make([]byte, 16*(msg.MaxDepth+1))},
		"pass without end":          &msg.Attach{Group: g, Pass: &msg.Pass{Node: id.Tiny(1), Until: 1 << 60, Sig: make([]byte, 64)}},
		"full without children":     &msg.Full{},
		"full without delays":       &msg.Full{Nodes: []*peer.Handle{h}},
		"a child twice":             &msg.Full{Nodes: []*peer.Handle{h, h}, Delays: []uint32{1, 1}},
		"messages from 0":           &msg.Fetch{Group: g, Life: 1, To: 4},
		"messages backwards":        &msg.Fetch{Group: g, Life: 1, From: 4, To: 3},
		"messages by no seal":       &msg.Fetch{Group: g, Life: 1, From: 3, To: 4, Seal: new(msg.Seal)},
		"heads without a charter":   &msg.HeadsAre{},
		"heads without a number":    &msg.HeadsAre{Charter: signed(), Seals: []*msg.Seal{batch(g, now).Seal}, Floors: []uint64{1}},
		"heads with a number 0":     &msg.HeadsAre{Charter: signed(), Seals: []*msg.Seal{batch(g, now).Seal}, Floors: []uint64{1}, Nexts: []uint64{0}},
		"a bundle of nothing":       &msg.Bundle{Number: 1},
		"a bundle of nobody":        &msg.Bundle{Heads: []*msg.Heads{{Group: g}}},
		"too large a bundle":        &msg.Bundle{Number: 1, Heads: make([]*msg.Heads, msg.MaxBundle+1)},
		"an empty question":         &msg.Bundle{Number: 1, Attaches: []*msg.Attach{nil}},
		"bundled half an id":        &msg.Bundle{Number: 1, Attaches: []*msg.Attach{{Group: g, Chain: make([]byte, 8)}}},
		"too many answers":          &msg.Answers{List: make([]*msg.Reply, msg.MaxBundle+1)},
		"an answer of nothing":      &msg.Answers{List: []*msg.Reply{{Number: 1}}},
		"an answer of two kinds":    &msg.Answers{List: []*msg.Reply{{Number: 1, Code: 1, Message: []byte{1}}}},
		"heads without their floor": &msg.HeadsAre{Charter: signed(), Seals: []*msg.Seal{batch(g, now).Seal}},
	} {
		if _, err := msg.Decode(msg.Encode(m)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func slicesRepeat(s *msg.Seal, n int) (ss []*msg.Seal) {
	for range n {
		ss = append(ss, s)
	}
	return ss
}

// Nobody but its creator makes or changes a charter.
func TestCharterForged(t *testing.T) {
	c := signed()
	if err := c.Verify(ring, check); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*msg.Charter){
		"version":    func(c *msg.Charter) { c.Version++ },
		"name":       func(c *msg.Charter) { c.Name = "olds" },
		"members":    func(c *msg.Charter) { c.Members = msg.Keys(carol.Public()) },
		"publishers": func(c *msg.Charter) { c.Publishers = nil },
		"open":       func(c *msg.Charter) { c.OpenPublish = true },
		"opened":     func(c *msg.Charter) { c.OpenJoin = true },
		"count":      func(c *msg.Charter) { c.Count++ },
		"age":        func(c *msg.Charter) { c.Age++ },
		"creator":    func(c *msg.Charter) { c.Creator = carol.Public() },
	} {
		f := *c
		change(&f)
		if err := f.Verify(ring, check); !errors.Is(err, msg.ErrCharter) {
			t.Errorf("changed %s: %v", what, err)
		}
	}
	if err := c.Verify(id.HashOf("another ring"), check); !errors.Is(err, msg.ErrCharter) {
		t.Errorf("in another ring: %v", err)
	}
	if a, b := c.Group(ring), charter().Sign(ring, bob).Group(ring); a == b {
		t.Error("two creators' groups of one name are one")
	}
}

// Only who is listed publishes, what he sealed, in its time.
func TestAllows(t *testing.T) {
	c := signed()
	g := c.Group(ring)
	for what, try := range map[string]struct {
		b    *msg.Batch
		at   time.Time
		want error
	}{
		"good":             {batch(g, now), now, nil},
		"a while later":    {batch(g, now), now.Add(14 * time.Minute), nil},
		"of another group": {batch(id.HashOf("other"), now), now, msg.ErrDenied},
		"too old":          {batch(g, now), now.Add(16 * time.Minute), msg.ErrClock},
		"of tomorrow":      {batch(g, now), now.Add(-time.Hour), msg.ErrClock},
		"not listed":       {msg.NewBatch(ring, g, 7, 1, 1, [][]byte{{1}}, carol, now), now, msg.ErrDenied},
		"the creator's":    {msg.NewBatch(ring, g, 7, 1, 1, [][]byte{{1}}, alice, now), now, nil},
	} {
		if err := c.AllowsBatch(ring, try.b, check, try.at); !errors.Is(err, try.want) {
			t.Errorf("%s: %v, want %v", what, err, try.want)
		}
	}
	for what, change := range map[string]func(*msg.Batch){
		"a message":  func(b *msg.Batch) { b.Body = bytes.Replace(b.Body, []byte("two"), []byte("six"), 1) },
		"their cuts": func(b *msg.Batch) { b.Lengths = []uint32{2, 4, 5} },
		"life":       func(b *msg.Batch) { b.Seal.Life++ },
		"number":     func(b *msg.Batch) { b.Seal.First++ },
		"base":       func(b *msg.Batch) { b.Seal.Base++ },
		"time":       func(b *msg.Batch) { b.Seal.Time++ },
		"root":       func(b *msg.Batch) { b.Seal.Root[3]++ },
		"publisher":  func(b *msg.Batch) { b.Seal.Publisher = alice.Public() },
	} {
		b := batch(g, now)
		change(b)
		if err := c.AllowsBatch(ring, b, check, now); !errors.Is(err, msg.ErrDenied) {
			t.Errorf("changed %s: %v", what, err)
		}
	}
}

// A pass is good for one group, for who is listed, and for its time.
func TestAdmits(t *testing.T) {
	c := signed()
	g := c.Group(ring)
	pass := msg.NewPass(ring, g, id.Tiny(1), bob, now)
	stolen := *pass
	stolen.Node = id.Tiny(2)
	long := *pass
	long.Until += time.Hour.Milliseconds()
	for what, try := range map[string]struct {
		p    *msg.Pass
		at   time.Time
		want error
	}{
		"good": {pass, now, nil}, "none": {nil, now, msg.ErrDenied}, "changed": {&stolen, now, msg.ErrDenied},
		"old": {pass, now.Add(36 * time.Minute), msg.ErrClock}, "longer": {&long, now, msg.ErrClock},
		"of another group": {msg.NewPass(ring, id.HashOf("other"), id.Tiny(1), bob, now), now, msg.ErrDenied},
		"not listed":       {msg.NewPass(ring, g, id.Tiny(1), carol, now), now, msg.ErrDenied},
	} {
		if err := c.Admits(ring, try.p, check, try.at); !errors.Is(err, try.want) {
			t.Errorf("%s: %v, want %v", what, err, try.want)
		}
	}
}

// FuzzDecode holds the decoder to its share of memory, and to one form of each message.
func FuzzDecode(f *testing.F) {
	for _, m := range all() {
		f.Add(msg.Encode(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		budget.Decode(t, len(b), func() { msg.Decode(b) })
		m, err := msg.Decode(b)
		if err != nil {
			return
		}
		again, err := msg.Decode(msg.Encode(m))
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%T was read and is written otherwise: %v", m, err)
		}
	})
}

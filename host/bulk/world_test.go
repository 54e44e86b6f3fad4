package bulk_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phyllo-net/phyllo/host/bulk"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// content is one that both ends know, with its outline.
type content struct {
	bytes   []byte
	outline store.Outline
}

func newContent(size int) *content {
	b := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{byte(size)})
	rng.Read(b)
	return &content{b, store.OutlineOf(b)}
}

// ReadChunk implements task.Source.
func (c *content) ReadChunk(n int, into []byte) ([]byte, error) {
	at := n * task.ChunkSize
	return append(into[:0], c.bytes[at:at+c.outline.ChunkLen(n)]...), nil
}

func (c *content) part() task.Part { return task.Whole(int64(len(c.bytes))) }

// basket is a sink that keeps what is verified.
type basket struct {
	of    *content
	fails int           // this chunk cannot be kept; -1: all can
	each  func(n int)   // called for each chunk that was kept; may be nil
	slow  time.Duration // for each chunk

	mu  sync.Mutex
	got map[int][]byte
}

func newBasket(of *content) *basket { return &basket{of: of, fails: -1, got: make(map[int][]byte)} }

var errDisk = errors.New("the disk is broken, on purpose")

// WriteChunk implements task.Sink.
func (b *basket) WriteChunk(n int, content []byte) error {
	time.Sleep(b.slow)
	if err := b.of.outline.Verify(n, content); err != nil {
		return err
	}
	if n == b.fails {
		return errDisk
	}
	b.mu.Lock()
	b.got[n] = bytes.Clone(content)
	b.mu.Unlock()
	if b.each != nil {
		b.each(n)
	}
	return nil
}

// whole tells whether everything is there.
func (b *basket) whole() bool {
	var all []byte
	for n := range b.of.outline.Chunks {
		all = append(all, b.got[n]...)
	}
	return bytes.Equal(all, b.of.bytes)
}

// node is a Mover on a network in memory.
type node struct {
	t      *testing.T
	self   *peer.Handle
	wires  *mem.Transport
	mover  *bulk.Mover
	done   chan outcome
	mu     sync.Mutex
	bad    map[string]int
	blamed int
	slot   uint32
}

type outcome struct {
	slot  uint32
	moved task.Moved
}

type noEvents struct{}

func (noEvents) Up(*peer.Handle, *peer.Certificate)          {}
func (noEvents) Frame(*peer.Handle, transport.Class, []byte) {}
func (noEvents) Down(*peer.Handle, transport.Why)            {}

func join(t *testing.T, net *mem.Network, n uint8) *node {
	t.Helper()
	x := &node{t: t, done: make(chan outcome, 1000), bad: make(map[string]int)}
	x.self = &peer.Handle{ID: id.Tiny(n), Key: peer.Key{n}, Incarnation: 1, Addrs: []string{fmt.Sprintf("mem:%d", n)}}
	var err error
	x.wires, err = net.Join(x.self.Key, transport.Config{
		Listen: x.self.Addrs, Events: noEvents{},
		Hello: func() (*peer.Handle, *peer.Certificate) { return x.self, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	x.mover = bulk.New(bulk.Config{
		Carrier: x.wires,
		Done:    func(slot uint32, m task.Moved) { x.done <- outcome{slot, m} },
		Bad: func(from *peer.Handle, kind string, err error) {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.bad[kind]++
			if from != nil {
				x.blamed++
			}
		},
		Broke: func(v any) { t.Errorf("a panic: %v", v) },
	})
	t.Cleanup(x.close)
	return x
}

func (x *node) close() {
	<-x.mover.Close()
	x.wires.Close()
}

func (x *node) open(tr task.Transfer) uint32 {
	x.slot++
	if tr.Timeout == 0 {
		tr.Timeout = time.Hour
	}
	x.mover.Open(x.slot, &tr)
	return x.slot
}

var tickets byte

// admit gives out a ticket for a transfer.
func (x *node) admit(tr task.Transfer) task.Ticket {
	x.slot++
	tickets++
	tr.Ticket = task.Ticket{tickets, byte(x.slot)}
	if tr.Timeout == 0 {
		tr.Timeout = time.Hour
	}
	x.mover.Admit(x.slot, &tr)
	return tr.Ticket
}

// want waits for the next outcome.
func (x *node) want(what string, chunks int, err error) {
	x.t.Helper()
	o := <-x.done
	if o.moved.Chunks != chunks || !errors.Is(o.moved.Err, err) || err == nil && o.moved.Err != nil {
		x.t.Errorf("%s: %d chunks, %v; want %d, %v", what, o.moved.Chunks, o.moved.Err, chunks, err)
	}
}

func (x *node) wantBad(kind string, n int) {
	x.t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.bad[kind] != n {
		x.t.Errorf("bad input: %v, want %d of %s", x.bad, n, kind)
	}
}

package bulk_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phyllo-net/phyllo/host/bulk"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/mem"
	"github.com/phyllo-net/phyllo/wire"
)

// raw opens a stream whose bytes the test writes.
func (x *node) raw(to *node) transport.Stream {
	st, err := x.wires.Open(context.Background(), to.self.Key, to.self.Addrs, bulk.Protocol)
	if err != nil {
		x.t.Fatal(err)
	}
	return st
}

// ends waits until the other end has ended a stream.
func ends(st transport.Stream) { io.Copy(io.Discard, st) }

// wanted is an opening as it goes over the wire.
type wanted struct {
	App    uint32   `cbor:"1,keyasint"`
	Ticket []byte   `cbor:"2,keyasint"`
	Sends  bool     `cbor:"3,keyasint,omitempty"`
	Size   int64    `cbor:"4,keyasint"`
	Runs   []uint32 `cbor:"5,keyasint"`
}

func (w wanted) frame() []byte {
	b, err := wire.AppendFrame(nil, wire.MustMarshal(w))
	if err != nil {
		panic(err)
	}
	return b
}

// Kinds of records, as they go over the wire.
const (
	letIn byte = iota + 1
	aPiece
	anAck
	aStop
)

func rec(kind byte, n uint32, size uint64) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind}, n)
	return binary.BigEndian.AppendUint64(b, size)
}

// What is no opening is counted, and costs nothing else.
func TestHostileOpenings(t *testing.T) {
	good := func() wanted {
		return wanted{Ticket: make([]byte, 16), Size: 3 * mib, Runs: []uint32{0, 3}}
	}
	change := func(f func(*wanted)) []byte {
		w := good()
		f(&w)
		return w.frame()
	}
	for _, c := range []struct {
		name string
		sent []byte
		kind string
	}{
		{"a length of 4 GiB", []byte{0xff, 0xff, 0xff, 0xff}, bulk.BadOpening},
		{"an empty frame", []byte{0, 0, 0, 0}, bulk.BadOpening},
		{"one byte more than an opening may have", []byte{0, 0, 0x40, 1}, bulk.BadOpening},
		{"no CBOR", []byte{0, 0, 0, 2, 'h', 'i'}, bulk.BadOpening},
		{"half a frame, and nothing more", []byte{0, 0, 0, 9, 1}, bulk.BadOpening},
		{"nothing", nil, bulk.BadOpening},
		{"a short ticket", change(func(w *wanted) { w.Ticket = w.Ticket[1:] }), bulk.BadOpening},
		{"no chunks", change(func(w *wanted) { w.Runs = nil }), bulk.BadOpening},
		{"half a run", change(func(w *wanted) { w.Runs = w.Runs[:1] }), bulk.BadOpening},
		{"a run of 4 billion chunks", change(func(w *wanted) { w.Runs[1] = 1<<32 - 1 }), bulk.BadOpening},
		{"a run of none", change(func(w *wanted) { w.Runs = []uint32{0, 1, 2, 0} }), bulk.BadOpening},
		{"a chunk too many", change(func(w *wanted) { w.Runs[1] = 4 }), bulk.BadOpening},
		{"chunks twice", change(func(w *wanted) { w.Runs = []uint32{0, 2, 1, 2} }), bulk.BadOpening},
		{"a size below nothing", change(func(w *wanted) { w.Size = -1 }), bulk.BadOpening},
		{"more bytes than there are", change(func(w *wanted) { w.Size = 1 << 62 }), bulk.BadOpening},
		{"a ticket that nobody gave out", good().frame(), bulk.BadTicket},
	} {
		two(t, func(t *testing.T, _ *mem.Network, a, b *node) {
			start := time.Now()
			st := a.raw(b)
			st.Write(c.sent)
			ends(st)
			st.Close()
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("%s: held for %v", c.name, d)
			}
			synctest.Wait()
			b.wantBad(c.kind, 1)
		})
	}
}

// What may not come at its place ends the transfer, and is held against the sender.
func TestHostileStreams(t *testing.T) {
	c := newContent(3 * mib)
	chunk := c.bytes[:mib]
	piece := func(n uint32, size int) []byte {
		return append(rec(aPiece, n, uint64(size)), chunk[:min(size, mib)]...)
	}
	for _, h := range []struct {
		name  string
		sends bool // the hostile one sends; else it takes
		says  [][]byte
	}{
		{"a chunk out of its turn", true, [][]byte{piece(1, 9)}},
		{"a chunk that was not asked for", true, [][]byte{piece(7, 9)}},
		{"an empty piece", true, [][]byte{piece(0, 0)}},
		{"a piece that is too long", true, [][]byte{rec(aPiece, 0, bulk.MaxPiece+1)}},
		{"a piece of 2^64 - 1 bytes", true, [][]byte{rec(aPiece, 0, 1<<64-1)}},
		{"more than the chunk lacks", true, [][]byte{piece(0, bulk.MaxPiece), piece(0, bulk.MaxPiece), piece(0, bulk.MaxPiece), piece(0, 9), piece(0, bulk.MaxPiece)}},
		{"an acknowledgement by the sender", true, [][]byte{rec(anAck, 0, 0)}},
		{"an unknown record", true, [][]byte{rec(99, 0, 0)}},
		{"a piece to the sender", false, [][]byte{piece(0, 9)}},
		{"chunks are verified that were not sent", false, [][]byte{rec(anAck, 3, 0)}},
		{"bytes came that were not sent", false, [][]byte{rec(anAck, 0, 1<<40)}},
		{"more chunks than there are", false, [][]byte{rec(anAck, 1<<31, 9)}},
	} {
		two(t, func(t *testing.T, _ *mem.Network, evil, b *node) {
			tr := task.Transfer{With: evil.self, Part: c.part(), Source: c}
			sink := newBasket(c)
			if h.sends {
				tr.Source, tr.Sink = nil, sink
			}
			ticket := b.admit(tr)
			st := evil.raw(b)
			st.Write(wanted{Ticket: ticket[:], Sends: h.sends, Size: 3 * mib, Runs: []uint32{0, 3}}.frame())
			for _, b := range h.says {
				st.Write(b)
			}
			ends(st)
			o := <-b.done
			st.Close()
			if !errors.Is(o.moved.Err, task.ErrBroken) || o.moved.Chunks != 0 || len(sink.got) != 0 {
				t.Errorf("%s: %+v", h.name, o.moved)
			}
			b.wantBad(bulk.BadStream, 1)
			if b.blamed != 1 {
				t.Errorf("%s: blamed %d times", h.name, b.blamed)
			}
		})
	}
}

// Who is so slow that no piece comes in thirty seconds is given up (RELIABILITY 5, 35),
// and so is a taker that takes nothing.
func TestSlow(t *testing.T) {
	c := newContent(3 * mib)
	for _, sends := range []bool{true, false} {
		two(t, func(t *testing.T, _ *mem.Network, slow, b *node) {
			tr := task.Transfer{With: slow.self, Part: c.part(), Source: c}
			if sends {
				tr.Source, tr.Sink = nil, newBasket(c)
			}
			ticket := b.admit(tr)
			st := slow.raw(b)
			st.Write(wanted{Ticket: ticket[:], Sends: sends, Size: 3 * mib, Runs: []uint32{0, 3}}.frame())
			var quiet <-chan time.Time = time.After(0)
			if sends {
				st.Write(rec(aPiece, 0, 1000))
			}
			start := time.Now()
			for len(b.done) == 0 {
				<-quiet
				if sends {
					st.Write([]byte{1}) // one byte a second
				}
				quiet = time.After(time.Second)
			}
			if d := time.Since(start); d < task.Stall || d > task.Stall+2*time.Second {
				t.Errorf("sends %v: held for %v", sends, d)
			}
			b.want("a slow one", 0, task.ErrStalled)
			st.Reset()
		})
	}
}

// An end that gives the transfer up right after it was let in, and one that answers an
// opening with what is no answer.
func TestOtherEndGivesUp(t *testing.T) {
	two(t, func(t *testing.T, _ *mem.Network, a, b *node) {
		c := newContent(3 * mib)
		for _, x := range []struct {
			says []byte
			err  error
			bad  int
		}{
			{rec(aStop, 3, 0), task.ErrFar, 0},
			{rec(aStop, 2, 0), task.ErrBusy, 0},
			{rec(anAck, 0, 0), task.ErrBroken, 1},
			{append(rec(letIn, 0, 0), rec(aStop, 3, 0)...), task.ErrFar, 1},
		} {
			b.wires.Serve(bulk.Protocol, func(st transport.Stream) {
				wire.ReadFrame(st, bulk.MaxOpening)
				st.Write(x.says)
				ends(st)
				st.Close()
			})
			a.open(task.Transfer{With: b.self, Part: c.part(), Sink: newBasket(c)})
			a.want("given up", 0, x.err)
			a.wantBad(bulk.BadStream, x.bad)
		}
	})
}

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/bench/computer"
	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/bench/row"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
)

// moved is the length of the content in the row "move", in bytes.
const moved = 100_000_000

// moveRows are measured between two nodes.
func moveRows() []row.Row {
	return []row.Row{{
		Name: "move", What: "100 MB from one holder", Transports: row.Links, Rounds: 5,
		Counted: "a bulk transfer between two nodes, from memory to memory, each chunk's SHA-256 verified; its length over the time from `Bulk` to its outcome",
		Goals:   []row.Goal{{Metric: "rate", Limit: 450, AtLeast: true}}, Measure: measureMove,
	}}
}

// cargo is a content in memory, with the hashes of its chunks.
type cargo struct {
	bytes []byte
	sums  [][sha256.Size]byte
}

func newCargo() *cargo {
	c := &cargo{bytes: make([]byte, moved)}
	rand.NewChaCha8([32]byte{1}).Read(c.bytes)
	for at := 0; at < moved; at += task.ChunkSize {
		c.sums = append(c.sums, sha256.Sum256(c.bytes[at:min(at+task.ChunkSize, moved)]))
	}
	return c
}

// ReadChunk implements task.Source.
func (c *cargo) ReadChunk(n int, into []byte) ([]byte, error) {
	at := n * task.ChunkSize
	return append(into[:0], c.bytes[at:min(at+task.ChunkSize, moved)]...), nil
}

// WriteChunk implements task.Sink: what is verified need not be kept for this.
func (c *cargo) WriteChunk(n int, content []byte) error {
	if sha256.Sum256(content) != c.sums[n] {
		return fmt.Errorf("chunk %d has another hash", n)
	}
	return nil
}

// measureMove moves a content between two nodes, and as many bytes over a raw stream.
func measureMove(ctx context.Context, e *row.Env) (rounds []row.Round, err error) {
	r, err := ring.Start(ctx, 2, ring.Options{Transport: ring.Transport(e.Transport)})
	if err != nil {
		return nil, err
	}
	defer func() {
		if stopped := r.Stop(context.WithoutCancel(ctx)); err == nil {
			err = stopped
		}
	}()
	if err := r.Mesh(ctx); err != nil {
		return nil, err
	}
	c := newCargo()
	if _, err := c.move(ctx, r); err != nil { // to warm up
		return nil, err
	}
	for range e.Rounds {
		raw, err := c.raw(ctx, r, 1)
		if err != nil {
			return nil, err
		}
		used := computer.ProcessorTime()
		took, err := c.move(ctx, r)
		if err != nil {
			return nil, err
		}
		used = computer.ProcessorTime() - used
		rounds = append(rounds, row.Round{
			Bound: fmt.Sprintf("a raw stream of the library below carries %.0f MB/s here, unverified; both ends and their encryption share the processors",
				perSecond(raw)),
			Figures: []row.Figure{{Metric: "rate", Value: perSecond(took), Unit: "MB/s"}, {Metric: "CPU", Value: used.Seconds() * 1e9 / moved, Unit: "ms a MB"}, {Metric: "of a raw stream", Value: 100 * raw.Seconds() / took.Seconds(), Unit: "%"}},
		})
	}
	return rounds, nil
}

func perSecond(took time.Duration) float64 { return moved / took.Seconds() / 1e6 }

// move lets one node fetch the content from the other.
func (c *cargo) move(ctx context.Context, r *ring.Ring) (took time.Duration, err error) {
	from, to := r.Nodes()[0], r.Nodes()[1]
	var ticket task.Ticket
	part, sent := task.Whole(moved), make(chan error, 1)
	if err := from.Do(ctx, func(_ *task.T, ep kbr.Endpoint) error {
		ticket, _ = ep.Admit(task.Transfer{With: to.Self(), Part: part, Source: c, Timeout: time.Minute}, func(m task.Moved) { sent <- m.Err })
		return nil
	}); err != nil {
		return 0, err
	}
	err = to.Do(ctx, func(t *task.T, ep kbr.Endpoint) error {
		begun := time.Now()
		_, err := task.Bulk(t, ep, task.Transfer{With: from.Self(), Ticket: ticket, Part: part, Sink: c, Timeout: time.Minute})
		took = time.Since(begun)
		return err
	})
	return took, errors.Join(err, <-sent)
}

// rawProtocol is a protocol of streams of which one end says when it has read them.
const rawProtocol = "/phyllo/bench/raw"

// raw writes the content to a stream of the transport's library from the first node to
// another, and waits until that has read it.
func (c *cargo) raw(ctx context.Context, r *ring.Ring, other int) (time.Duration, error) {
	from, to := r.Nodes()[0], r.Nodes()[other]
	to.Transport().Serve(rawProtocol, func(s transport.Stream) {
		defer s.Close()
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{s}, make([]byte, task.ChunkSize)); err == nil {
			s.Write([]byte{1})
		}
	})
	s, err := from.Transport().Open(ctx, to.Self().Key, to.Self().Addrs, rawProtocol)
	if err != nil {
		return 0, fmt.Errorf("a raw stream: %w", err)
	}
	defer s.Close()
	begun := time.Now()
	if err := s.SetDeadline(begun.Add(time.Minute)); err != nil {
		return 0, err
	}
	if _, err := s.Write(c.bytes); err != nil {
		return 0, err
	}
	if err := s.CloseWrite(); err != nil {
		return 0, err
	}
	_, err = io.ReadFull(s, make([]byte, 1))
	return time.Since(begun), err
}

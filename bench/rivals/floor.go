package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/transport"
)

// library is the side of what stands below both: no operation can cost less than an
// exchange of bytes on a stream that is open.
const library = "go-libp2p"

// rawExchange names that operation.
const rawExchange = "100 bytes there and back, open stream"

// echoProtocol is a protocol of streams that gives back what it gets.
const echoProtocol = "/phyllo/rivals/echo"

// exchangeTime bounds all exchanges of a run together.
const exchangeTime = time.Hour

// echoStream returns what gives back, on one stream, size bytes at a time.
func echoStream(size int) func(transport.Stream) {
	return func(s transport.Stream) {
		defer s.Close()
		b := make([]byte, size)
		for {
			if _, err := io.ReadFull(s, b); err != nil {
				return
			}
			if _, err := s.Write(b); err != nil {
				return
			}
		}
	}
}

// exchange returns the operation with so many bytes, over streams between many nodes, as
// requests go.
func (p *phylloNet) exchange(ctx context.Context, size int, rng *rand.Rand) (*operation, error) {
	for _, n := range p.nodes {
		n.Transport().Serve(echoProtocol, echoStream(size))
	}
	streams := make([]transport.Stream, 4*len(p.nodes))
	for i := range streams {
		from := p.nodes[i%len(p.nodes)]
		to := p.other(from, rng).Self()
		s, err := from.Transport().Open(ctx, to.Key, to.Addrs, echoProtocol)
		if err != nil {
			return nil, fmt.Errorf("a raw stream: %w", err)
		}
		if err := s.SetDeadline(time.Now().Add(exchangeTime)); err != nil {
			return nil, err
		}
		streams[i] = s
	}
	return &operation{name: rawExchange, side: library, prepare: func(int) call {
		s, b := streams[rng.IntN(len(streams))], make([]byte, size)
		return func(context.Context) error {
			if _, err := s.Write(b); err != nil {
				return err
			}
			_, err := io.ReadFull(s, b)
			return err
		}
	}}, nil
}

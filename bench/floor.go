package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/phyllo-net/phyllo/bench/ring"
	"github.com/phyllo-net/phyllo/bench/row"
	"github.com/phyllo-net/phyllo/transport"
)

// echoProtocol is a protocol of streams that gives back what it gets.
const echoProtocol = "/phyllo/bench/echo"

func echo(s transport.Stream) {
	defer s.Close()
	var b [row.Payload]byte
	for {
		if _, err := io.ReadFull(s, b[:]); err != nil {
			return
		}
		if _, err := s.Write(b[:]); err != nil {
			return
		}
	}
}

// spread is the middle and the end of many times.
type spread struct{ p50, p99 time.Duration }

// streamTime measures what stands below links: 100 bytes there and back on a stream of
// the transport's library, between two nodes of the ring.
func streamTime(ctx context.Context, r *ring.Ring) (spread, error) {
	one, two := r.Nodes()[0], r.Nodes()[1]
	two.Transport().Serve(echoProtocol, echo)
	s, err := one.Transport().Open(ctx, two.Self().Key, two.Self().Addrs, echoProtocol)
	if err != nil {
		return spread{}, fmt.Errorf("a raw stream: %w", err)
	}
	defer s.Close()
	if err := s.SetDeadline(time.Now().Add(patience)); err != nil {
		return spread{}, err
	}
	var b [row.Payload]byte
	var took []time.Duration
	for range 5000 {
		begun := time.Now()
		if _, err := s.Write(b[:]); err != nil {
			return spread{}, err
		}
		if _, err := io.ReadFull(s, b[:]); err != nil {
			return spread{}, err
		}
		took = append(took, time.Since(begun))
	}
	return spread{quantile(took, 0.5), quantile(took, 0.99)}, nil
}

// dialTime measures a new connection between two nodes that have none: the handshake
// and the first bytes there and back. The median of a few.
func dialTime(ctx context.Context, r *ring.Ring) (time.Duration, error) {
	two := r.Nodes()[1]
	two.Transport().Serve(echoProtocol, echo)
	var took []time.Duration
	for range 5 {
		d, err := dialOnce(ctx, r, two)
		if err != nil {
			return 0, fmt.Errorf("a new connection: %w", err)
		}
		took = append(took, d)
	}
	return quantile(took, 0.5), nil
}

func dialOnce(ctx context.Context, r *ring.Ring, to *ring.Node) (took time.Duration, err error) {
	stranger, err := r.Stranger()
	if err != nil {
		return 0, err
	}
	defer func() {
		if closed := stranger.Close(); err == nil {
			err = closed
		}
	}()
	begun := time.Now()
	s, err := stranger.Open(ctx, to.Self().Key, to.Self().Addrs, echoProtocol)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if err := s.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	var b [row.Payload]byte
	if _, err := s.Write(b[:]); err != nil {
		return 0, err
	}
	_, err = io.ReadFull(s, b[:])
	return time.Since(begun), err
}

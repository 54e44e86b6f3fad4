package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
)

// newHost starts the library of both sides, with nothing on it: Noise as the one way to
// seal TCP (as phyllo has it), and no relays or metrics, of which the rival would only be
// slower.
func newHost(transport string) (host.Host, error) {
	h, err := libp2p.New(libp2p.ListenAddrStrings(listen(transport)), libp2p.Security(noise.ID, noise.New),
		libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		return nil, fmt.Errorf("start a host of libp2p: %w", err)
	}
	return h, nil
}

// linkPairs starts n hosts, width of them at a time, each of which connects to all that
// came before it, and to those beside it that it stands behind. It returns when all
// pairs are connected: no network in which each node knows all others can form sooner.
func linkPairs(ctx context.Context, transport string, n, width int) (close func(), err error) {
	hosts := make([]host.Host, n)
	close = func() {
		atOnce(0, n, func(i int) error {
			if hosts[i] != nil {
				return hosts[i].Close()
			}
			return nil
		})
	}
	if hosts[0], err = newHost(transport); err != nil {
		return close, err
	}
	for from := 1; from < n && err == nil; from += width {
		to := min(n, from+width)
		err = atOnce(from, to, func(i int) (err error) {
			hosts[i], err = newHost(transport)
			return err
		})
		if err == nil {
			err = atOnce(from, to, func(i int) error { return connect(ctx, hosts[i], hosts[:i]) })
		}
	}
	return close, err
}

// connect connects a host to others, all at once.
func connect(ctx context.Context, h host.Host, others []host.Host) error {
	return atOnce(0, len(others), func(i int) error {
		for {
			err := h.Connect(ctx, peer.AddrInfo{ID: others[i].ID(), Addrs: others[i].Addrs()})
			if err == nil {
				return nil
			}
			// One node cannot take in all others at once, over QUIC: they try again.
			if late := pause(ctx, again); late != nil {
				return fmt.Errorf("a pair is not connected: %w", errors.Join(err, late))
			}
		}
	})
}

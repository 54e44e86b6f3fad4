package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	kb "github.com/libp2p/go-libp2p-kbucket"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// kadNode is one node of the rival. Its settings are the library's own, but for what
// is named here: server mode, records of a kind of ours, and newHost's.
type kadNode struct {
	host host.Host
	dht  *dht.IpfsDHT
	// records is where the node keeps values for others.
	records datastore.Batching
}

// kadNet is a network of the rival.
type kadNet struct {
	nodes []*kadNode
	// served counts the requests that arrived at any node, each of which is answered.
	served atomic.Uint64
}

// listen is where a node of either side listens.
func listen(transport string) string {
	if transport == quic {
		return "/ip4/127.0.0.1/udp/0/quic-v1"
	}
	return "/ip4/127.0.0.1/tcp/0"
}

// startKad forms a network of n nodes, width of them at a time (n: all at once), and
// returns when all tables are full.
func startKad(ctx context.Context, transport string, n, width int) (*kadNet, error) {
	k := &kadNet{nodes: make([]*kadNode, n)}
	first, err := k.start(transport, nil)
	if err != nil {
		return nil, err
	}
	k.nodes[0] = first
	seed := peer.AddrInfo{ID: first.host.ID(), Addrs: first.host.Addrs()}
	for from := 1; from < n && err == nil; from += width {
		err = atOnce(from, min(n, from+width), func(i int) (err error) {
			if k.nodes[i], err = k.start(transport, &seed); err != nil {
				return err
			}
			return k.nodes[i].join(ctx, seed)
		})
	}
	if err == nil {
		err = k.fill(ctx)
	}
	if err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

func (k *kadNet) start(transport string, seed *peer.AddrInfo) (*kadNode, error) {
	h, err := newHost(transport)
	if err != nil {
		return nil, err
	}
	node := &kadNode{host: h, records: dssync.MutexWrap(datastore.NewMapDatastore())}
	opts := []dht.Option{
		dht.Mode(dht.ModeServer), dht.ProtocolPrefix("/rivals"), dht.NamespacedValidator("v", anything{}),
		dht.Datastore(node.records), dht.OnRequestHook(func(context.Context, network.Stream, *pb.Message) { k.served.Add(1) }),
	}
	if seed != nil {
		opts = append(opts, dht.BootstrapPeers(*seed))
	}
	if node.dht, err = dht.New(h, opts...); err != nil {
		h.Close()
		return nil, fmt.Errorf("start a node of kad-dht: %w", err)
	}
	return node, nil
}

// join connects a node to one that is in the network, and lets it look for its place.
func (n *kadNode) join(ctx context.Context, seed peer.AddrInfo) error {
	for {
		err := n.host.Connect(ctx, seed)
		if err == nil {
			break
		}
		// One node cannot take in all others at once, over QUIC: they try again.
		if pause(ctx, again) != nil {
			return fmt.Errorf("a node of kad-dht does not reach the first one: %w", err)
		}
	}
	return await(ctx, n.dht.RefreshRoutingTable())
}

// again is the time between two attempts to connect.
const again = 100 * time.Millisecond

// await waits until a node has looked for others. Questions that fail are no fault: the
// network is still forming.
func await(ctx context.Context, looked <-chan error) error {
	select {
	case <-looked:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fill waits until the table of each node has all that it has room for. Those that lack
// something look again every second, in all their buckets; the library itself would do
// so after minutes.
func (k *kadNet) fill(ctx context.Context) error {
	next := time.Now().Add(time.Second)
	for {
		lacking := slices.DeleteFunc(slices.Clone(k.nodes), func(n *kadNode) bool { return k.lacks(n) == 0 })
		if len(lacking) == 0 {
			return nil
		}
		var err error
		if time.Now().After(next) {
			err = atOnce(0, len(lacking), func(i int) error { return await(ctx, lacking[i].dht.ForceRefresh()) })
			next = time.Now().Add(time.Second)
		} else {
			err = pause(ctx, poll)
		}
		if err != nil {
			return fmt.Errorf("%d tables of kad-dht are not full: %w", len(lacking), ctx.Err())
		}
	}
}

// lacks returns how many entries a node's table could have beyond those it has: one
// for each other node, and at most a bucketful for each length of common prefix.
func (k *kadNet) lacks(n *kadNode) int {
	own, room := kb.ConvertPeerID(n.host.ID()), map[int]int{}
	for _, other := range k.nodes {
		if other != n {
			room[kb.CommonPrefixLen(own, kb.ConvertPeerID(other.host.ID()))]++
		}
	}
	full := 0
	for _, c := range room {
		full += min(c, n.dht.BucketSize())
	}
	return max(0, full-n.dht.RoutingTable().Size())
}

// close stops all nodes.
func (k *kadNet) close() {
	atOnce(0, len(k.nodes), func(i int) error {
		n := k.nodes[i]
		if n == nil {
			return nil
		}
		return errors.Join(n.dht.Close(), n.host.Close())
	})
}

// messages returns how many messages the nodes have sent: requests and answers.
func (k *kadNet) messages() uint64 { return 2 * k.served.Load() }

// anything takes every value for good: the rival has no signatures to verify.
type anything struct{}

func (anything) Validate(string, []byte) error        { return nil }
func (anything) Select(string, [][]byte) (int, error) { return 0, nil }

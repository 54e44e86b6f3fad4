package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// gossipSub is the rival of topics.
const gossipSub = "gossipsub"

// neighbours is how many others each node of gossipsub calls; about as many call it.
const neighbours = 10

// room is how many messages may wait for the reader of this program. It reads at once: what
// is lost is not lost here. By itself the library has room for 32.
const room = 4096

// topicName is the topic of all.
const topicName = "bench"

// gossipNode is a node of gossipsub. Its settings are the library's own (signed messages
// that all verify, D = 6, queues of 32 for each neighbour), but for room and newHost's.
type gossipNode struct {
	host  host.Host
	topic *pubsub.Topic
	tally *tally
	known int // to how many others it is connected
}

// gossipNet is a network of gossipsub, all of whose nodes read one topic.
type gossipNet struct {
	nodes   []*gossipNode
	end     context.CancelFunc
	ended   sync.Once
	reading sync.WaitGroup
}

// startGossip forms a network of n nodes, and returns when each has the neighbours for
// messages that it looks for.
func startGossip(ctx context.Context, transport string, n int, a *audience) (*gossipNet, error) {
	living, end := context.WithCancel(context.WithoutCancel(ctx))
	g := &gossipNet{nodes: make([]*gossipNode, n), end: end}
	err := atOnce(0, n, func(i int) error { return g.start(living, transport, i, a) })
	if err == nil {
		err = g.link(ctx)
	}
	if err == nil {
		err = g.mesh(ctx)
	}
	if err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

func (g *gossipNet) start(ctx context.Context, transport string, i int, a *audience) error {
	h, err := newHost(transport)
	if err != nil {
		return err
	}
	node := &gossipNode{host: h, tally: new(tally)}
	g.nodes[i] = node
	ps, err := pubsub.NewGossipSub(ctx, h, pubsub.WithRawTracer(node.tally))
	if err != nil {
		return fmt.Errorf("start a node of gossipsub: %w", err)
	}
	if node.topic, err = ps.Join(topicName); err != nil {
		return err
	}
	sub, err := node.topic.Subscribe(pubsub.WithBufferSize(room))
	if err != nil {
		return err
	}
	g.reading.Go(func() {
		for {
			m, err := sub.Next(ctx)
			if err != nil {
				return
			}
			a.heard(i, m.Data)
		}
	})
	return nil
}

// link connects each node to some others at random.
func (g *gossipNet) link(ctx context.Context) error {
	n := len(g.nodes)
	rng := rand.New(rand.NewPCG(uint64(n), 2))
	for i, node := range g.nodes {
		others := make([]host.Host, 0, neighbours)
		for _, k := range rng.Perm(n) {
			if k != i && len(others) < neighbours {
				others = append(others, g.nodes[k].host)
			}
		}
		if err := connect(ctx, node.host, others); err != nil {
			return err
		}
	}
	for _, node := range g.nodes {
		node.known = len(node.host.Network().Peers())
	}
	return nil
}

// mesh waits until each node knows that its neighbours read the topic, and gives messages
// to as many of them as it wants to.
func (g *gossipNet) mesh(ctx context.Context) error {
	for {
		lacking := slices.ContainsFunc(g.nodes, func(n *gossipNode) bool {
			return len(n.topic.ListPeers()) < n.known || int(n.tally.meshed.Load()) < min(pubsub.GossipSubDlo, n.known)
		})
		if !lacking {
			return nil
		}
		if err := pause(ctx, poll); err != nil {
			return fmt.Errorf("the nodes of gossipsub do not find each other: %w", err)
		}
	}
}

// publish implements crowd.
func (g *gossipNet) publish(ctx context.Context, from int, message []byte) error {
	return g.nodes[from].topic.Publish(ctx, message)
}

// written implements crowd.
func (g *gossipNet) written() (sum float64) {
	for _, n := range g.nodes {
		sum += float64(n.tally.sent.Load())
	}
	return sum
}

// close implements crowd.
func (g *gossipNet) close() {
	g.ended.Do(func() {
		g.end()
		g.reading.Wait()
		// What a node says at its end is no matter of the comparison.
		_ = atOnce(0, len(g.nodes), func(i int) error {
			if g.nodes[i] == nil {
				return errors.New("was not started")
			}
			return g.nodes[i].host.Close()
		})
	})
}

// tally counts what the library tells of one node.
type tally struct {
	sent   atomic.Int64 // bytes
	meshed atomic.Int64 // neighbours to which it gives all messages
}

// SendRPC implements pubsub.RawTracer: something waits for the stream to a neighbour. Its
// length goes before it.
func (t *tally) SendRPC(rpc *pubsub.RPC, _ peer.ID) {
	size := proto.Size(&rpc.RPC)
	t.sent.Add(int64(size + protowire.SizeVarint(uint64(size))))
}

// Graft implements pubsub.RawTracer.
func (t *tally) Graft(peer.ID, string) { t.meshed.Add(1) }

// Prune implements pubsub.RawTracer.
func (t *tally) Prune(peer.ID, string) { t.meshed.Add(-1) }

// The rest of pubsub.RawTracer is not asked for.

func (*tally) OnNewOutboundStream(peer.ID, protocol.ID) {}
func (*tally) OnClosedOutboundStream(peer.ID)           {}
func (*tally) Join(string)                              {}
func (*tally) Leave(string)                             {}
func (*tally) ValidateMessage(*pubsub.Message)          {}
func (*tally) DeliverMessage(*pubsub.Message)           {}
func (*tally) RejectMessage(*pubsub.Message, string)    {}
func (*tally) DuplicateMessage(*pubsub.Message)         {}
func (*tally) ThrottlePeer(peer.ID)                     {}
func (*tally) RecvRPC(*pubsub.RPC)                      {}
func (*tally) DropRPC(*pubsub.RPC, peer.ID)             {}
func (*tally) UndeliverableMessage(*pubsub.Message)     {}

package libp2p

import (
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"

	"github.com/phyllo-net/phyllo/transport"
)

// Reachable implements transport.Transport. Without Options.NAT it is what the own
// addresses say; with it, what other nodes found when they called back.
func (t *Transport) Reachable() transport.Reachability {
	switch network.Reachability(t.reach.Load()) {
	case network.ReachabilityPublic:
		return transport.Reachability{Kind: "public", Sentence: "Other nodes have reached this node from outside."}
	case network.ReachabilityPrivate:
		return transport.Reachability{Kind: "private", Sentence: "This node cannot be reached from outside: a router or firewall is in the way. " +
			"Allow UPnP on the router, or forward the node's port to this machine."}
	}
	farthest, any := onHost, false
	for _, e := range t.site.Load().own {
		any = true
		farthest = max(farthest, placeOf(e.ip))
	}
	switch {
	case !any:
		return transport.Reachability{Kind: "unknown", Sentence: "This node listens at no address. Set one with --listen."}
	case farthest == onNet:
		return transport.Reachability{Kind: "unknown", Sentence: "This node has a public address; whether a firewall lets others through is not known yet."}
	case farthest == onSite:
		return transport.Reachability{Kind: "private", Sentence: "This node has private addresses only: nodes on the same network reach it. " +
			"For others, forward its port on the router to this machine."}
	}
	return transport.Reachability{Kind: "loopback", Sentence: "This node listens on this machine only. " +
		"Let it listen elsewhere with --listen, for example --listen /ip4/0.0.0.0/tcp/4001."}
}

// hear keeps what the library finds out about reachability.
func (t *Transport) hear() error {
	sub, err := t.host.EventBus().Subscribe(new(event.EvtLocalReachabilityChanged))
	if err != nil {
		return err
	}
	t.wg.Go(func() {
		defer sub.Close()
		for {
			select {
			case e, ok := <-sub.Out():
				if !ok {
					return
				}
				if r, ok := e.(event.EvtLocalReachabilityChanged); ok {
					t.reach.Store(int32(r.Reachability))
				}
			case <-t.stop:
				return
			}
		}
	})
	return nil
}

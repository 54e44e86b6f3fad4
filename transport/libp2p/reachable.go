package libp2p

import (
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
)

// Reachable implements transport.Transport. It says what members found who called
// this node back; as long as nobody has, what the own addresses say.
func (t *Transport) Reachable() transport.Reachability {
	farthest, any := addr.OnHost, false
	for _, e := range t.site.Load().Own {
		any = true
		farthest = max(farthest, addr.PlaceOf(e.IP))
	}
	if !any {
		return transport.Reachability{Kind: "unknown", Sentence: "This node listens at no address. Set one with --listen."}
	}
	if t.reach != nil {
		if r, known := t.reach.Reachable(); known {
			return r
		}
	}
	switch farthest {
	case addr.OnNet:
		return transport.Reachability{Kind: "unknown", Sentence: "This node has a public address; whether a firewall lets others through is not known yet."}
	case addr.OnSite:
		return transport.Reachability{Kind: "private", Sentence: "This node has private addresses only: nodes on the same network reach it. " +
			"For others, forward its port on the router to this machine."}
	}
	return transport.Reachability{Kind: "loopback", Sentence: "This node listens on this machine only. " +
		"Let it listen elsewhere with --listen, for example --listen /ip4/0.0.0.0/tcp/4001."}
}

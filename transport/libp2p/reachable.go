package libp2p

import (
	"fmt"
	"strings"

	"github.com/phyllo-net/phyllo/id"
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
		if r, known := t.reach.reachable(); known {
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

// whatHelps against a router or firewall.
const whatHelps = "To be reached directly, allow UPnP on the router, or forward this node's port (TCP and UDP) to this computer."

// reachable says what members found out; known is false as long as they did not.
func (r *reach) reachable() (_ transport.Reachability, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.standing() {
	case unasked:
		return transport.Reachability{}, false
	case reachable:
		good, _ := r.verified()
		for _, text := range good {
			if addr.PlaceOf(endpointOf(text).IP) == addr.OnNet {
				return transport.Reachability{Kind: "public", Sentence: "Other nodes have called this node from outside and got through: it can be reached directly."}, true
			}
		}
		return transport.Reachability{Kind: "private", Sentence: "The nodes that called this node at its private addresses got through: nodes on the same network reach it. " +
			"For others, forward its port on the router to this computer."}, true
	}
	var names []string
	for _, v := range r.relays {
		names = append(names, v.node.Short())
	}
	switch {
	case len(names) > 0:
		return transport.Reachability{Kind: "relayed", Relays: r.relayIDs(), Sentence: fmt.Sprintf(
			"A router or firewall keeps others out: they reach this node through %s, which relays sealed links for it. %s", strings.Join(names, " and "), whatHelps)}, true
	case !r.opts.Relays:
		return transport.Reachability{Kind: "private", Sentence: "A router or firewall keeps others out, and relays are switched off: switch them on (the setting relays). " + whatHelps}, true
	}
	return transport.Reachability{Kind: "private", Sentence: "A router or firewall keeps others out, and no member is known that can be reached and relays: " +
		"this node reaches those who can be reached. " + whatHelps}, true
}

// relayIDs returns the nodes that relay for this one; r.mu is held.
func (r *reach) relayIDs() []id.ID {
	var ids []id.ID
	for _, v := range r.relays {
		ids = append(ids, v.node)
	}
	return ids
}

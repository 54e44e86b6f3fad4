package reach

import (
	"fmt"
	"strings"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p/addr"
)

// whatHelps against a router or firewall.
const whatHelps = "To be reached directly, allow UPnP on the router, or forward this node's port (TCP and UDP) to this computer."

// Reachable says what members found out; known is false as long as they did not.
func (r *Reach) Reachable() (_ transport.Reachability, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.standing() {
	case unasked:
		return transport.Reachability{}, false
	case reachable:
		good, _ := r.verified()
		for _, text := range good {
			if addr.PlaceOf(addr.EndpointOf(text).IP) == addr.OnNet {
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
func (r *Reach) relayIDs() []id.ID {
	var ids []id.ID
	for _, v := range r.relays {
		ids = append(ids, v.node)
	}
	return ids
}

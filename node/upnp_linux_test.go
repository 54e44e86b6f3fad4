package node_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestRouterOpensAPort: a node behind a router that speaks UPnP has a port opened there,
// tells others of it, and is reached by it from outside, with nobody who relays. With
// one of the switches off no router is asked.
func TestRouterOpensAPort(t *testing.T) {
	t.Parallel()
	n := newInternet(t, false)
	ann := inSpace(t, n.house("ann", 1, ""))
	g := newGateway(t, n, "ann", 1)
	n.script(`nft -f - <<'END'
		table inet watch {
			counter asked { }
			chain out { type filter hook output priority 0; udp dport { 1900, 5351 } counter name asked; }
		}`+"\nEND", "ann")
	for _, off := range [][]string{{"PHYLLO_NAT=true", "PHYLLO_UPNP=false"}, {"PHYLLO_NAT=false", "PHYLLO_UPNP=true"}} {
		ann.env = off
		ann.up()
		ann.must("down")
		if _, searches := g.mapped(); searches > 0 || !n.counted("ann", "asked", "packets 0 ") {
			t.Errorf("%v: a router is looked for all the same", off)
		}
	}

	ann.env = []string{"PHYLLO_NAT=true", "PHYLLO_UPNP=true"}
	ann.up()
	ann.until("a port of the router is announced", func() bool {
		return slices.ContainsFunc(ann.status().Addrs, func(a string) bool { return strings.HasPrefix(a, "/ip4/"+g.outside+"/tcp/") })
	})
	if ports, _ := g.mapped(); ports != 2 || n.counted("ann", "asked", "packets 0 ") {
		t.Errorf("%d ports are open, want one of TCP and one of UDP", ports)
	}

	outside := inSpace(t, n.onStreet("two", 12))
	ann.admit(outside)
	if out := outside.must("ping", ann.id()); !strings.Contains(out, "direct") || !strings.Contains(out, g.outside) {
		t.Errorf("ping from outside says %q", out)
	}
	ann.until("it knows that it is reached from outside", func() bool { return ann.status().Reach.Kind == "public" })
	ann.must("down")
	if ports, _ := g.mapped(); ports != 0 {
		t.Errorf("%d ports are still open when the node is down", ports)
	}
}

// counted reports whether a counter in a namespace is listed with this text.
func (n *internet) counted(space, counter, text string) bool {
	n.t.Helper()
	out, err := exec.Command("ip", "netns", "exec", n.id+space, "nft", "list", "counter", "inet", "watch", counter).CombinedOutput()
	if err != nil {
		n.t.Fatalf("the counter %s: %v: %s", counter, err, out)
	}
	return strings.Contains(string(out), text)
}

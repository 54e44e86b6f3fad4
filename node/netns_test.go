package node_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

// internet is a network of network namespaces of its own: a street with machines on
// it, and houses behind routers.
type internet struct {
	t      *testing.T
	v6     bool
	id     string
	street []string // names of the machines and routers on the street
	houses []int    // the networks behind routers
}

var internets atomic.Int32

// newInternet makes an internet, over IPv4 with NATs or over IPv6 with firewalls.
func newInternet(t *testing.T, v6 bool) *internet {
	for _, tool := range []string{"ip", "nft", "sysctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("client missing: " + tool)
		}
	}
	if out, err := exec.Command("unshare", "--net", "true").CombinedOutput(); err != nil {
		t.Logf("no network namespace can be made: %v: %s", err, out)
		t.Skip("client missing: root, for network namespaces")
	}
	n := &internet{t: t, v6: v6, id: fmt.Sprintf("ph%d-%d-", os.Getpid()%100_000, internets.Add(1))}
	n.space("street", `ip link add br0 type bridge
		ip link set br0 up`)
	return n
}

// space makes a namespace and runs a script there.
func (n *internet) space(name, script string) {
	n.t.Helper()
	n.t.Cleanup(func() { exec.Command("ip", "netns", "del", n.id+name).Run() })
	n.script("ip netns add "+n.id+name, "")
	n.script(`sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
		ip link set lo up
		`+script, name)
}

// script runs lines of a shell in a namespace; @NAME stands for a namespace.
func (n *internet) script(lines, space string) {
	n.t.Helper()
	line := []string{"sh", "-ec", strings.ReplaceAll(lines, "@", n.id)}
	if space != "" {
		line = append([]string{"ip", "netns", "exec", n.id + space}, line...)
	}
	if out, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
		n.t.Fatalf("in %s: %v: %s\n%s", space, err, out, lines)
	}
}

// addr is the address of machine host in net.
func (n *internet) addr(net, host int) string {
	switch {
	case n.v6:
		return fmt.Sprintf("2a00:1:1:%x::%x", net, host)
	case net == 0:
		return fmt.Sprintf("5.1.1.%d", host)
	}
	return fmt.Sprintf("192.168.%d.%d", net, host)
}

func (n *internet) mask(addr string) string {
	if n.v6 {
		return addr + "/64"
	}
	return addr + "/24"
}

// onStreet puts a machine, or a router, on the street, and returns its namespace.
func (n *internet) onStreet(name string, host int) string {
	n.space(name, "")
	n.street = append(n.street, name)
	n.script(fmt.Sprintf(`ip link add up0 type veth peer name %[1]s netns @street
		ip addr add %[2]s dev up0
		ip link set up0 up
		ip netns exec @street ip link set %[1]s master br0 up`, name, n.mask(n.addr(0, host))), name)
	return n.id + name
}

// house builds a house on the street, with a router and a machine behind it whose
// namespace is returned. nat is how the router masquerades; with IPv6 it is a
// firewall. Machines on the street know no way into it but over IPv6.
func (n *internet) house(name string, net int, nat string) string {
	router := name + "r"
	n.onStreet(router, 100+net)
	n.space(name, "")
	n.script(fmt.Sprintf(`ip link add lan0 type veth peer name eth0 netns @%[1]s
		ip addr add %[2]s dev lan0
		ip link set lan0 up
		ip netns exec @%[1]s ip addr add %[3]s dev eth0
		ip netns exec @%[1]s ip link set eth0 up
		ip netns exec @%[1]s ip route add default via %[4]s`, name, n.mask(n.addr(net, 1)), n.mask(n.addr(net, 2)), n.addr(net, 1)), router)
	// What comes from outside is dropped unless something inside has asked for it.
	n.script(`nft -f - <<'END'
		table inet gate {
			chain in { type filter hook input priority 0; iifname "up0" meta l4proto { tcp, udp } drop; }
			chain through { type filter hook forward priority 0; policy drop;
				iifname "lan0" accept; ct state established,related accept; }
		}`+"\nEND", router)
	if n.v6 { // all others find the way into the house, and the firewall there
		for _, other := range n.street[:len(n.street)-1] {
			n.script(fmt.Sprintf("ip route add %s via %s", n.mask(n.addr(net, 0)), n.addr(0, 100+net)), other)
		}
		for _, other := range n.houses {
			n.script(fmt.Sprintf("ip route add %s via %s", n.mask(n.addr(other, 0)), n.addr(0, 100+other)), router)
		}
		n.houses = append(n.houses, net)
		return n.id + name
	}
	n.masquerade(router, nat)
	return n.id + name
}

// masquerade sets how a router hides what is behind it.
func (n *internet) masquerade(router, how string) {
	n.script(`nft -f - <<'END'
		table ip nat { }
		delete table ip nat
		table ip nat {
			chain post { type nat hook postrouting priority 100; oifname "up0" masquerade `+how+`; }
		}`+"\nEND", router)
}

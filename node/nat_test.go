package node_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
)

// inSpace is a node's process in a namespace, with all that helps behind NATs.
func inSpace(t *testing.T, ns string) *process {
	p := newProcess(t)
	p.ns = ns
	p.env = []string{"PHYLLO_NAT=true", "PHYLLO_UPNP=false"}
	return p
}

// relays returns the nodes that relay for this one.
func (p *process) relays() int {
	s := p.status()
	if s.Reach.Kind != "relayed" {
		return 0
	}
	return len(s.Reach.Relays)
}

// ping returns over which path somebody answers, or "" if he does not.
func (p *process) ping(name string) string {
	out, err := p.run("ping", name)
	switch {
	case err != nil:
		return ""
	case strings.Contains(out, "relayed"):
		return "relayed"
	case strings.Contains(out, "direct"):
		return "direct"
	}
	p.t.Fatalf("ping says %q", out)
	return ""
}

// id is the node's.
func (p *process) id() string { return p.status().ID.String() }

// log is what the node has logged.
func (p *process) log() string {
	b, err := os.ReadFile(filepath.Join(p.home, "phyllo.log"))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// logged reports whether the log of a node has a line with this text.
func (p *process) logged(text string) bool { return strings.Contains(p.log(), text) }

// street is a ring of two nodes on the street and two behind routers.
type street struct {
	*internet
	one, two, ann, bob *process
}

// newStreet starts it. If the houses are parted, nothing gets directly from one to
// the other.
func newStreet(t *testing.T, v6 bool, nat string, parted bool) *street {
	n := newInternet(t, v6)
	s := &street{internet: n}
	s.one, s.two = inSpace(t, n.onStreet("one", 11)), inSpace(t, n.onStreet("two", 12))
	s.ann, s.bob = inSpace(t, n.house("ann", 1, nat)), inSpace(t, n.house("bob", 2, nat))
	if parted {
		s.part()
	}
	s.one.up()
	for _, p := range []*process{s.two, s.ann, s.bob} {
		var inv api.Invitation
		s.one.read(&inv, "invite")
		began := time.Now()
		p.up("--join", inv.Invite)
		t.Logf("joined in %v", time.Since(began).Round(time.Millisecond))
	}
	for _, p := range []*process{s.ann, s.bob} {
		p.until("two members relay for a node", func() bool { return p.relays() == 2 })
	}
	s.ann.must("user", "add", "ann")
	s.bob.must("user", "add", "bob")
	return s
}

// part drops what goes directly from house to house.
func (s *street) part() {
	family, from := "ip", s.addr(0, 102)
	if s.v6 {
		family, from = "ip6", s.mask(s.addr(2, 0))
	}
	s.script(`nft -f - <<'END'
		table inet parted {
			chain through { type filter hook forward priority -10; `+family+` saddr `+from+` drop; }
			chain pre { type filter hook prerouting priority -300; `+family+` saddr `+from+` drop; }
		}`+"\nEND", "annr")
}

func (s *street) meet() { s.script("nft delete table inet parted", "annr") }

// talk has ann write to bob, and waits until he has got it.
func (s *street) talk(text string) {
	s.t.Helper()
	s.ann.until("a message is delivered", func() bool {
		out, err := s.ann.run("send", "bob", text)
		return err == nil && strings.Contains(out, "delivered")
	})
	s.bob.must("inbox", "--unread")
}

// testHouses: two nodes behind two routers talk through members on the street, lose
// one of those, and find the direct way when the routers let them.
func testHouses(t *testing.T, v6 bool) {
	beside(t)
	s := newStreet(t, v6, "", true)
	s.talk("through a relay")
	if path := s.ann.ping("bob"); path != "relayed" {
		t.Errorf("ping says %q behind closed routers", path)
	}
	if path := s.ann.ping(s.two.id()); path != "direct" {
		t.Errorf("ping of one on the street says %q", path)
	}

	s.one.kill()
	s.talk("through another one")
	if path := s.ann.ping("bob"); path != "relayed" {
		t.Errorf("ping says %q after the relay died", path)
	}

	s.meet()
	s.ann.until("ping is direct", func() bool { return s.ann.ping("bob") == "direct" })
	s.talk("straight on")
	if path := s.bob.ping("ann"); path != "direct" {
		t.Errorf("ping the other way says %q", path)
	}
}

func TestHouses(t *testing.T)         { testHouses(t, false) }
func TestHousesOverIPv6(t *testing.T) { testHouses(t, true) }

// TestHousesWithoutAWay: where each connection gets another port of the router no
// hole can be punched, and all goes on through the relay.
func TestHousesWithoutAWay(t *testing.T) {
	beside(t)
	s := newStreet(t, false, "fully-random", false)
	if path := s.ann.ping("bob"); path != "relayed" {
		t.Errorf("ping says %q", path)
	}
	s.ann.until("a hole could not be punched", func() bool {
		s.ann.ping("bob")
		return s.ann.logged("a hole could not be punched") || s.bob.logged("a hole could not be punched")
	})
	s.talk("through a relay")
	if path := s.ann.ping("bob"); path != "relayed" {
		t.Errorf("ping says %q", path)
	}
}

package node_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node/config"
)

// TestListen: addresses to listen on are IP:PORT, or as status prints them; what a
// node would print for them is taken again, and means the same.
func TestListen(t *testing.T) {
	for _, c := range []struct {
		typed string
		want  []string
	}{
		{"0.0.0.0:4280", []string{"/ip4/0.0.0.0/tcp/4280", "/ip4/0.0.0.0/udp/4280/quic-v1"}},
		{"[::1]:0", []string{"/ip6/::1/tcp/0", "/ip6/::1/udp/0/quic-v1"}},
		{"/ip4/1.2.3.4/tcp/4280", []string{"/ip4/1.2.3.4/tcp/4280"}},
		{"/ip4/1.2.3.4/udp/4280/quic-v1", []string{"/ip4/1.2.3.4/udp/4280/quic-v1"}},
		{"/ip6/2001:db8::1/udp/65535/quic-v1", []string{"/ip6/2001:db8::1/udp/65535/quic-v1"}},
		{"/ip4/1.2.3.4/tcp/4280/p2p/12D3KooWBmAwcd4PJNJvfV89HwE48nwkRmAgo8Vy3uQEyNNHBox2", []string{"/ip4/1.2.3.4/tcp/4280"}},
	} {
		s, err := config.Load(t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Set("listen", c.typed, "--listen"); err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(c.want, s.Config.TransportAddrs()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.typed, diff)
		}
		if err := s.Set("listen", strings.Join(c.want, ","), "--listen"); err != nil {
			t.Errorf("what %s means is refused: %v", c.typed, err)
		} else if diff := cmp.Diff(c.want, s.Config.TransportAddrs()); diff != "" {
			t.Errorf("%s, again (-want +got):\n%s", c.typed, diff)
		}
	}
}

func TestListenRefuses(t *testing.T) {
	s, err := config.Load(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for typed, says := range map[string]string{
		"/":                                "/ip4/0.0.0.0/tcp/4280",
		"/ip4":                             "/ip4/0.0.0.0/tcp/4280",
		"/ip4/1.2.3.4":                     "/ip4/0.0.0.0/tcp/4280",
		"/ip4/1.2.3.4/tcp":                 "/ip4/0.0.0.0/tcp/4280",
		"/ip4/1.2.3.4/tcp/":                "/ip4/0.0.0.0/tcp/4280",
		"/ip4/1.2.3.4/tcp/65536":           "/ip4/0.0.0.0/tcp/4280",
		"/ip4/1.2.3.4/tcp/-1":              "/ip4/0.0.0.0/tcp/4280",
		"/ip4/::1/tcp/1":                   "/ip4/0.0.0.0/tcp/4280",
		"/ip6/1.2.3.4/tcp/1":               "/ip4/0.0.0.0/tcp/4280",
		"/ip4/1.2.3.4/udp/1":               "/udp/4280/quic-v1",
		"/ip4/1.2.3.4/tcp/1/quic-v1":       "/udp/4280/quic-v1",
		"/dns4/example.org/tcp/1":          "/ip4/0.0.0.0/tcp/4280",
		"/p2p/12D3KooWBmAwcd4PJNJvfV89HwE": "/ip4/0.0.0.0/tcp/4280",
		"/ip4/224.0.0.1/tcp/1":             "this computer's own",
		"/ip6/ff02::1/udp/1/quic-v1":       "this computer's own",
		"/ip6/::ffff:1.2.3.4/tcp/1":        "this computer's own",
		"/ip6/fe80::1%eth0/tcp/1":          "this computer's own",
		"example.org:4280":                 "give an IP and a port",
	} {
		err := s.Set("listen", typed, "--listen")
		if err == nil || api.KindOf(err) != api.Usage || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "--listen: ") {
			t.Errorf("%q: %v; want %q", typed, err, says)
		}
	}
}

// TestListenOnOneKind: a real node that was told to listen for TCP alone does.
func TestListenOnOneKind(t *testing.T) {
	c := settings(t.TempDir())
	c.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	n := start(t, c)
	s, err := n.API().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Addrs) == 0 {
		t.Error("it listens nowhere")
	}
	for _, a := range s.Addrs {
		if !strings.HasPrefix(a, "/ip4/127.0.0.1/tcp/") {
			t.Errorf("it listens at %s", a)
		}
		if err := c.Validate(); err != nil {
			t.Errorf("what status prints is refused: %v", err)
		}
	}
}

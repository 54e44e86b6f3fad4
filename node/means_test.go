package node_test

import (
	"testing"

	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/transport/libp2p"
)

// TestMeans: all that helps behind routers is on, each can be switched off by itself,
// and one switch turns off all, as does listening on loopback alone.
func TestMeans(t *testing.T) {
	all := libp2p.Reach{PortMap: true, Punch: true, Relays: true, RelayFor: 32, RelayRate: 1 << 20}
	for name, x := range map[string]struct {
		change func(*config.Config)
		want   func(*libp2p.Reach)
	}{
		"nothing":  {func(*config.Config) {}, func(*libp2p.Reach) {}},
		"upnp":     {func(c *config.Config) { c.UPnP = false }, func(r *libp2p.Reach) { r.PortMap = false }},
		"punch":    {func(c *config.Config) { c.PunchHoles = false }, func(r *libp2p.Reach) { r.Punch = false }},
		"relays":   {func(c *config.Config) { c.Relays = false }, func(r *libp2p.Reach) { r.Relays = false }},
		"peers":    {func(c *config.Config) { c.RelayPeers = 0 }, func(r *libp2p.Reach) { r.RelayFor = 0 }},
		"rate":     {func(c *config.Config) { c.RelayRate = 1 << 16 }, func(r *libp2p.Reach) { r.RelayRate = 1 << 16 }},
		"nat":      {func(c *config.Config) { c.NAT = false }, func(r *libp2p.Reach) { *r = libp2p.Reach{} }},
		"loopback": {func(c *config.Config) { c.Listen = []string{"127.0.0.1:0"} }, func(r *libp2p.Reach) { *r = libp2p.Reach{} }},
	} {
		c, want := config.Default(), all
		x.change(&c)
		x.want(&want)
		if got := node.Means(c); got != want {
			t.Errorf("%s off: %+v, want %+v", name, got, want)
		}
	}
}

package node_test

import (
	"testing"

	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/transport/libp2p/reach"
)

// TestMeans: all that helps behind routers is on, each can be switched off by itself,
// and one switch turns off all, as does listening on loopback alone.
func TestMeans(t *testing.T) {
	all := reach.Options{PortMap: true, Punch: true, Relays: true, RelayFor: 32, RelayRate: 1 << 20}
	for name, x := range map[string]struct {
		change func(*config.Config)
		want   func(*reach.Options)
	}{
		"nothing":  {func(*config.Config) {}, func(*reach.Options) {}},
		"upnp":     {func(c *config.Config) { c.UPnP = false }, func(r *reach.Options) { r.PortMap = false }},
		"punch":    {func(c *config.Config) { c.PunchHoles = false }, func(r *reach.Options) { r.Punch = false }},
		"relays":   {func(c *config.Config) { c.Relays = false }, func(r *reach.Options) { r.Relays = false }},
		"peers":    {func(c *config.Config) { c.RelayPeers = 0 }, func(r *reach.Options) { r.RelayFor = 0 }},
		"rate":     {func(c *config.Config) { c.RelayRate = 1 << 16 }, func(r *reach.Options) { r.RelayRate = 1 << 16 }},
		"nat":      {func(c *config.Config) { c.NAT = false }, func(r *reach.Options) { *r = reach.Options{} }},
		"loopback": {func(c *config.Config) { c.Listen = []string{"127.0.0.1:0"} }, func(r *reach.Options) { *r = reach.Options{} }},
	} {
		c, want := config.Default(), all
		x.change(&c)
		x.want(&want)
		if got := node.Means(c); got != want {
			t.Errorf("%s off: %+v, want %+v", name, got, want)
		}
	}
}

package node

import (
	"context"
	"time"

	"github.com/phyllo-net/phyllo/app/past/dht"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/transport/libp2p/reach"
)

// WithAddrCheck makes the node look at its own addresses more often.
func WithAddrCheck(d time.Duration) Option { return func(o *options) { o.addrCheck = d } }

// WithWall gives the node another time of day.
func WithWall(now func() time.Time) Option { return func(o *options) { o.wall = now } }

// WithScrub makes the node read again what it keeps at another pace.
func WithScrub(p store.Pace) Option { return func(o *options) { o.scrub = p } }

// WithCounts makes the node count the copies of what its users store sooner, and rest no longer after
// long counts: on a loaded machine one of a second would have it rest for longer than a test waits.
func WithCounts(gap time.Duration) Option { return func(o *options) { o.countGap = gap } }

// Upkeep does at once what is due in the membership.
func (n *Node) Upkeep(ctx context.Context) error {
	_, err := n.member.Upkeep(ctx)
	return err
}

// Certificate is the one that the node shows.
func (n *Node) Certificate() *peer.Certificate { return n.member.Certificate() }

// TellValues tells of values that others have put as well.
func (n *Node) TellValues(met []dht.Watched) { n.table.Met(met) }

// Means is what of the settings helps behind routers and firewalls.
func Means(c config.Config) reach.Options { return (&Node{cfg: c}).natMeans() }

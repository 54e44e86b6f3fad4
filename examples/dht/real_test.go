package dht_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past/dht"
	example "github.com/phyllo-net/phyllo/examples/dht"
	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/task"
)

// TestRealNodes: three real nodes count over loopback, in turn.
func TestRealNodes(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	start := func(invitation string) *node.Node {
		c := config.Default()
		c.Home, c.Listen, c.UI, c.LAN, c.NAT = t.TempDir(), []string{"127.0.0.1:0"}, "off", false, false
		c.Offer = 1 << 30
		c.Join = invitation
		n, err := node.New(c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := n.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		if err := n.Start(ctx); err != nil {
			t.Fatal(err)
		}
		return n
	}
	first := start("")
	invitation, err := first.API().Invite(ctx, api.InviteRequest{Uses: 2})
	if err != nil {
		t.Fatal(err)
	}
	nodes := []*node.Node{first, start(invitation.Invite), start(invitation.Invite)}
	for i := range 6 {
		err := nodes[i%3].Table(ctx, dht.Copies, func(t *task.T, table dht.Table) error {
			visits, err := example.Visit(t, table, "welcome")
			if want := uint64(i + 1); err == nil && visits != want {
				err = fmt.Errorf("visit %d, want %d", visits, want)
			}
			return err
		})
		if err != nil {
			t.Errorf("at node %d: %v", i%3, err)
		}
	}
}

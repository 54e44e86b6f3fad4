package echo_test

import (
	"context"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/examples/echo"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/task"
)

// TestRealNodes runs echo on three real nodes, which talk over loopback.
func TestRealNodes(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	start := func(invitation string) (*node.Node, *echo.App) {
		c := config.Default()
		c.Home, c.Listen, c.UI, c.LAN, c.NAT = t.TempDir(), []string{"127.0.0.1:0"}, "off", false, false
		c.Offer = 1 << 30
		c.Join = invitation
		app := new(echo.App)
		n, err := node.New(c, node.WithApp(kbr.Mount{Number: echo.Number, App: app}))
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
		return n, app
	}

	first, app := start("")
	invitation, err := first.API().Invite(ctx, api.InviteRequest{Uses: 2})
	if err != nil {
		t.Fatal(err)
	}
	nodes, apps := []*node.Node{first}, []*echo.App{app}
	for range 2 {
		n, app := start(invitation.Invite)
		nodes, apps = append(nodes, n), append(apps, app)
	}

	for i, n := range nodes {
		for _, to := range nodes {
			s, err := to.API().Status(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var line echo.Line
			err = n.Do(ctx, echo.Number, func(t *task.T, _ kbr.Endpoint) (err error) {
				line, err = apps[i].Say(t, s.ID, "hello")
				return err
			})
			if err != nil || line.Text != "hello" || line.By != s.ID {
				t.Errorf("node %d said hello to %s: got %q from %s, %v", i, s.ID.Short(), line.Text, line.By.Short(), err)
			}
		}
	}
}

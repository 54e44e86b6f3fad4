package chat_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/examples/chat"
	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// TestRealNodes: three real nodes chat over loopback.
func TestRealNodes(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	start := func(invitation string) *node.Node {
		c := config.Default()
		c.Home, c.Listen, c.UI, c.LAN, c.NAT = t.TempDir(), []string{"127.0.0.1:0"}, "off", false, false
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
	var rooms [3]*chat.Room
	nodes, read := []*node.Node{first, start(invitation.Invite), start(invitation.Invite)}, make(chan string, 100)
	on := func(i int, f func(t *task.T, topics *topic.Topics, me peer.Signer) error) {
		t.Helper()
		if err := nodes[i].Topics(ctx, "", f); err != nil {
			t.Fatalf("node %d: %v", i, err)
		}
	}
	for i := range nodes {
		on(i, func(t *task.T, topics *topic.Topics, me peer.Signer) (err error) {
			rooms[i], err = chat.Enter(t, topics, "tea", fmt.Sprint("node", i), me, func(line string) { read <- fmt.Sprint(i, " ", line) })
			return err
		})
	}
	on(2, func(t *task.T, _ *topic.Topics, _ peer.Signer) error { return rooms[2].Say(t, "the kettle is on") })
	want := map[string]bool{}
	for i := range nodes {
		for j := range nodes {
			want[fmt.Sprintf("%d node%d: hello", i, j)] = true
		}
		want[fmt.Sprint(i, " node2: the kettle is on")] = true
	}
	for len(want) > 0 {
		select {
		case line := <-read:
			if !want[line] {
				t.Errorf("read %q, twice or not at all expected", line)
			}
			delete(want, line)
		case <-ctx.Done():
			t.Fatalf("nobody reads %v", want)
		}
	}
	for i, r := range rooms {
		on(i, func(*task.T, *topic.Topics, peer.Signer) error {
			r.Leave()
			return nil
		})
	}
}

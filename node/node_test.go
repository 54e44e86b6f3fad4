package node_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/node/config"
)

// patience bounds every wait of a test.
const patience = 30 * time.Second

func limited(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// settings are those of a node of a test, on loopback.
func settings(home string) config.Config {
	c := config.Default()
	c.Home, c.Listen, c.UI, c.LAN, c.NAT = home, []string{"127.0.0.1:0"}, "off", false, false
	c.Offer = 1 << 30 // whatever the disk of this computer has
	return c
}

// start starts a node with these settings, and stops it with the test.
func start(t testing.TB, c config.Config, opts ...node.Option) *node.Node {
	t.Helper()
	n, err := node.New(c, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(context.Background()); err != nil {
			t.Errorf("stopping %s: %v", c.Home, err)
		}
	})
	if err := n.Start(limited(t)); err != nil {
		t.Fatal(err)
	}
	return n
}

// ring starts a ring of n nodes; the options of node i are those that opts gives.
func ring(t testing.TB, n int, opts func(i int) []node.Option) []*node.Node {
	t.Helper()
	if opts == nil {
		opts = func(int) []node.Option { return nil }
	}
	out := []*node.Node{start(t, settings(t.TempDir()), opts(0)...)}
	inv, err := out[0].API().Invite(limited(t), api.InviteRequest{Uses: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < n; i++ {
		c := settings(t.TempDir())
		c.Join = inv.Invite
		out = append(out, start(t, c, opts(i)...))
	}
	return out
}

func addUser(t testing.TB, n *node.Node, name string) *api.User {
	t.Helper()
	u, err := n.API().UserAdd(limited(t), api.UserRequest{Name: name})
	if err != nil {
		t.Fatalf("user %s: %v", name, err)
	}
	if u.Trouble != "" {
		t.Fatalf("user %s: %s", name, u.Trouble)
	}
	return u
}

// send sends a message and wants it delivered.
func send(t *testing.T, n *node.Node, from, to, text string) {
	t.Helper()
	s, err := n.API().Send(limited(t), api.Draft{From: from, To: to, Text: text, Wait: patience.Milliseconds()})
	if err != nil || s.State != api.StateDelivered && s.State != api.StateRead {
		t.Fatalf("%s to %s: %+v, %v", from, to, s, err)
	}
}

func inbox(t *testing.T, n *node.Node, user string) []string {
	t.Helper()
	list, err := n.API().Inbox(limited(t), api.InboxQuery{User: user})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range list {
		out = append(out, m.From+": "+m.Text)
	}
	return out
}

func status(t *testing.T, n *node.Node) *api.Status {
	t.Helper()
	s, err := n.API().Status(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// eventually asks until yes says that it is so. It asks again when the node tells of
// anything (at least once a second, by its traffic), so it neither sleeps nor polls.
func eventually(t *testing.T, n *node.Node, what string, yes func() bool) {
	t.Helper()
	err := n.API().Events(limited(t), func(*api.Event) error {
		if yes() {
			return errSeen
		}
		return nil
	})
	if !errors.Is(err, errSeen) {
		t.Fatalf("%s: not so: %v", what, err)
	}
}

var errSeen = errors.New("seen")

func TestThreeNodesTalk(t *testing.T) {
	t.Parallel()
	ns := ring(t, 3, nil)
	people := []string{"ann", "bob", "carol"}
	for i, name := range people {
		addUser(t, ns[i], name)
	}
	for i, from := range people {
		for j, to := range people {
			if i != j {
				send(t, ns[i], from, to, "hello "+to)
			}
		}
	}
	for i, name := range people {
		if got := inbox(t, ns[i], name); len(got) != 2 {
			t.Errorf("%s has %q", name, got)
		}
	}
	for _, n := range ns {
		if s := status(t, n); s.State != api.StateReady || len(s.LeafSet) != 2 || s.Size != 3 || len(s.Users) != 1 || s.Connections < 2 {
			t.Errorf("status %+v", s)
		}
	}
}

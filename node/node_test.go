package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// patience bounds every wait of a test.
const patience = 30 * time.Second

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// settings are those of a node of a test, on loopback.
func settings(home string) node.Config {
	c := node.Default()
	c.Home, c.Listen, c.UI, c.LAN, c.NAT = home, []string{"127.0.0.1:0"}, "off", false, false
	return c
}

// start starts a node with these settings, and stops it with the test.
func start(t *testing.T, c node.Config, opts ...node.Option) *node.Node {
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
func ring(t *testing.T, n int, opts func(i int) []node.Option) []*node.Node {
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

func addUser(t *testing.T, n *node.Node, name string) *api.User {
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

func TestPingAndTrace(t *testing.T) {
	t.Parallel()
	ns := ring(t, 3, nil)
	addUser(t, ns[2], "carol")
	ctx := limited(t)
	p, err := ns[0].API().Ping(ctx, "Carol")
	if err != nil || p.Name != "carol" || p.Path != "direct" || p.Kind != "tcp" || p.RTTMicros <= 0 || p.ID != status(t, ns[2]).ID {
		t.Errorf("ping carol: %+v, %v", p, err)
	}
	if p, err = ns[0].API().Ping(ctx, status(t, ns[0]).ID.String()); err != nil || p.Kind != "self" {
		t.Errorf("ping oneself: %+v, %v", p, err)
	}
	if _, err = ns[0].API().Ping(ctx, strings.Repeat("0", 31)+"1"); api.KindOf(err) != api.Unreachable {
		t.Errorf("ping of nobody: %v", err)
	}
	if _, err = ns[0].API().Ping(ctx, "nobody"); api.KindOf(err) != api.NotFound {
		t.Errorf("ping of an unknown name: %v", err)
	}
	for _, n := range ns {
		root := status(t, n).ID
		tr, err := ns[1].API().Trace(ctx, root.String())
		switch own := root == status(t, ns[1]).ID; {
		case err != nil || tr.Root != root || tr.Key != root:
			t.Errorf("trace: %+v, %v", tr, err)
		case own && len(tr.Hops) != 0:
			t.Errorf("the way to oneself has hops: %+v", tr)
		case !own && (len(tr.Hops) == 0 || tr.Hops[len(tr.Hops)-1].ID != root):
			t.Errorf("the way to %s: %+v", root, tr)
		}
	}
}

// counter is an application as a builder would write one.
type counter struct {
	ep    kbr.Endpoint
	place node.Place
}

func (c *counter) Start(ep kbr.Endpoint) { c.ep = ep }
func (c *counter) Deliver(d *kbr.Delivery) {
	d.Reply([]byte(fmt.Sprintf("%s by %s", d.Payload, c.place.Node)))
}
func (c *counter) Update(*peer.Handle, bool) {}
func (c *counter) Stop()                     {}

const counterNumber = node.FirstFree + 7

func TestWithApp(t *testing.T) {
	t.Parallel()
	ns := ring(t, 3, func(int) []node.Option {
		return []node.Option{node.WithAppAt(counterNumber, func(p node.Place) kbr.App { return &counter{place: p} })}
	})
	for _, root := range ns {
		key := status(t, root).ID
		var got string
		err := ns[0].Do(limited(t), counterNumber, func(t *task.T, ep kbr.Endpoint) error {
			a, err := kbr.Call(t, ep, key, []byte("counted"), kbr.Options{})
			got = string(a.Payload)
			return err
		})
		if want := "counted by " + key.String(); err != nil || got != want {
			t.Errorf("got %q, want %q: %v", got, want, err)
		}
	}
	if err := ns[0].Do(limited(t), counterNumber+1, func(*task.T, kbr.Endpoint) error { return nil }); err == nil {
		t.Error("an application that is not there was reached")
	}
	if _, err := node.New(settings(t.TempDir()), node.WithApp(kbr.Mount{Number: 5, App: &counter{}})); err == nil {
		t.Error("a number of phyllo's own was taken")
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	ns := ring(t, 2, nil)
	addUser(t, ns[0], "ann")
	addUser(t, ns[1], "bob")
	send(t, ns[0], "ann", "bob", "before")
	c := settings(status(t, ns[1]).Home)
	old := status(t, ns[1])
	begin := time.Now()
	if err := ns[1].Stop(limited(t)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if s, err := ns[0].API().Send(limited(t), api.Draft{To: "bob", Text: "meanwhile"}); err != nil || s.State != api.StateQueued {
		t.Errorf("to one who is off: %+v, %v", s, err)
	}
	again := start(t, c)
	eventually(t, again, "what was sent meanwhile is there", func() bool { return len(inbox(t, again, "")) == 2 })
	if got := inbox(t, again, "bob"); strings.Join(got, ", ") != "ann: before, ann: meanwhile" {
		t.Errorf("bob has %q", got)
	}
	now := status(t, again)
	if now.ID != old.ID || now.Ring != old.Ring || len(now.Users) != 1 {
		t.Errorf("was %+v, is %+v", old, now)
	}
	send(t, again, "bob", "ann", "after")
}

// TestKillIsSilent: a node that is killed says nothing, and the others go on.
func TestKillIsSilent(t *testing.T) {
	t.Parallel()
	ns := ring(t, 4, nil)
	addUser(t, ns[0], "ann")
	addUser(t, ns[1], "bob")
	ns[3].Kill()
	send(t, ns[0], "ann", "bob", "still there?")
	eventually(t, ns[0], "the dead one is no neighbour any more", func() bool { return len(status(t, ns[0]).LeafSet) == 2 })
}

// TestJoinMovesUsers: a node alone in its ring joins another with its users; one that
// is not alone refuses.
func TestJoinMovesUsers(t *testing.T) {
	t.Parallel()
	ns := ring(t, 2, nil)
	addUser(t, ns[0], "ann")
	lone := start(t, settings(t.TempDir()))
	key := addUser(t, lone, "zoe").Key
	if _, err := lone.API().UserAdd(limited(t), api.UserRequest{Name: "ann"}); err != nil {
		t.Fatal(err) // in its own ring nobody has the name yet
	}
	inv, err := ns[0].API().Invite(limited(t), api.InviteRequest{Uses: 2})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // twice is no error
		j, err := lone.API().Join(limited(t), inv.Invite)
		if err != nil || j.Ring != status(t, ns[0]).Ring || j.Size != 3 || j.ID != status(t, lone).ID {
			t.Fatalf("%+v, %v", j, err)
		}
	}
	eventually(t, lone, "the users have come along", func() bool {
		u, err := ns[1].API().UserFind(limited(t), "zoe")
		return err == nil && u.Key == key && len(u.Devices) == 1 && u.Devices[0] == status(t, lone).ID
	})
	send(t, ns[0], "ann", "zoe", "welcome")
	eventually(t, lone, "the second ann is told that her name is taken", func() bool {
		list, err := lone.API().UserList(limited(t))
		return err == nil && len(list) == 2 && list[0].Name == "ann" && list[0].Trouble != ""
	})

	other := start(t, settings(t.TempDir()))
	inv, err = other.API().Invite(limited(t), api.InviteRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lone.API().Join(limited(t), inv.Invite); err == nil || !strings.Contains(err.Error(), "--home") {
		t.Errorf("a node that is not alone: %v", err)
	}
	if _, err := lone.API().Join(limited(t), "hello"); api.KindOf(err) != api.Usage {
		t.Errorf("no invitation: %v", err)
	}
}

func TestExpulsionClosesConnections(t *testing.T) {
	t.Parallel()
	ns := ring(t, 3, nil)
	out := status(t, ns[2]).ID
	if err := ns[0].API().Expel(limited(t), out); err != nil {
		t.Fatal(err)
	}
	for i, n := range ns[:2] {
		eventually(t, n, fmt.Sprintf("node %d has dropped it", i), func() bool {
			s := status(t, n)
			ms, err := n.API().Members(limited(t))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range ms {
				if m.ID == out && (m.Connected || m.Expelled.IsZero()) {
					return false
				}
			}
			return len(s.LeafSet) == 1
		})
	}
	if err := ns[0].API().Expel(limited(t), id.ID{Lo: 1}); api.KindOf(err) != api.NotFound {
		t.Errorf("one who was never there: %v", err)
	}
	// It does not come back in by itself.
	home := status(t, ns[2]).Home
	if err := ns[2].Stop(limited(t)); err != nil {
		t.Fatal(err)
	}
	n, err := node.New(settings(home))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Stop(context.Background())
	ctx, cancel := context.WithTimeout(limited(t), 2*time.Second)
	defer cancel()
	if err := n.Start(ctx); err == nil && status(t, n).Size > 1 {
		t.Error("an expelled node is in the ring again")
	}
	if s := status(t, ns[0]); len(s.LeafSet) != 1 {
		t.Errorf("leaf set %+v", s.LeafSet)
	}
}

// TestExportMovesAUser: the same person on a second node, by one file and a passphrase.
func TestExportMovesAUser(t *testing.T) {
	t.Parallel()
	ns := ring(t, 3, nil)
	addUser(t, ns[0], "ann")
	key := addUser(t, ns[1], "bob").Key
	file, err := ns[1].API().UserExport(limited(t), "bob", "five words of mine here")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ns[2].API().UserImport(limited(t), *file, "another passphrase"); api.KindOf(err) != api.Failed {
		t.Errorf("with a wrong passphrase: %v", err)
	}
	if _, err := ns[2].API().UserImport(limited(t), api.Sealed{Text: "hello"}, "x"); api.KindOf(err) != api.Usage {
		t.Errorf("something else: %v", err)
	}
	u, err := ns[2].API().UserImport(limited(t), *file, "five words of mine here")
	if err != nil || u.Key != key || len(u.Devices) != 2 || u.Trouble != "" {
		t.Fatalf("%+v, %v", u, err)
	}
	send(t, ns[0], "ann", "bob", "both of you")
	for _, n := range ns[1:] {
		eventually(t, n, "both have it", func() bool { return strings.Join(inbox(t, n, "bob"), "") == "ann: both of you" })
	}
	if _, err := ns[2].API().UserImport(limited(t), *file, "five words of mine here"); api.KindOf(err) != api.Failed {
		t.Errorf("twice: %v", err)
	}
}

func TestHomes(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	n := start(t, settings(home))
	addUser(t, n, "ann")
	second, err := node.New(settings(home))
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(limited(t)); api.KindOf(err) != api.Locked || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("a second node: %v", err)
	}
	if err := second.Stop(limited(t)); err != nil {
		t.Errorf("stopping what never started: %v", err)
	}
	err = filepath.WalkDir(home, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		private := strings.HasSuffix(path, ".key") || filepath.Base(path) == "record"
		switch {
		case err != nil:
			return err
		case path == filepath.Join(home, "store"):
			return filepath.SkipDir // its modes are the store's business, within this folder
		case d.IsDir() && st.Mode().Perm()&0o077 != 0:
			t.Errorf("the folder %s has mode %o", path, st.Mode().Perm())
		case private && st.Mode().Perm() != 0o600:
			t.Errorf("the file %s has mode %o", path, st.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestNewerHome: the home of a newer version is left as it is.
func TestNewerHome(t *testing.T) {
	home := t.TempDir()
	version := filepath.Join(home, "version")
	if err := os.WriteFile(version, []byte("2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := node.New(settings(home))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(limited(t)); api.KindOf(err) != api.NewerState {
		t.Errorf("kind %s: %v", api.KindOf(err), err)
	}
	if err := n.Stop(limited(t)); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(home); err != nil || len(entries) != 1 {
		t.Errorf("there is now %v, %v", entries, err)
	}
}

// TestControlSocket: what the API says is what the socket says, and a stop through it
// ends with the node.
func TestControlSocket(t *testing.T) {
	n := start(t, settings(t.TempDir()))
	c, err := api.Dial(status(t, n).Home)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := c.Status(limited(t))
	if err != nil || s.ID != status(t, n).ID || s.Control == "" {
		t.Errorf("%+v, %v", s, err)
	}
	findings, err := c.Doctor(limited(t))
	if err != nil || len(findings) < 5 {
		t.Errorf("%+v, %v", findings, err)
	}
	for _, f := range findings {
		if f.Verdict == api.Bad {
			t.Errorf("a healthy node: %+v", f)
		}
	}
	metrics, err := c.Metrics(limited(t))
	if err != nil || len(metrics) < 20 {
		t.Errorf("%d metrics, %v", len(metrics), err)
	}
	p, err := c.Picture(limited(t))
	if err != nil || len(p.Nodes) != 1 || p.Self != s.ID {
		t.Errorf("%+v, %v", p, err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Stop(limited(t)) }()
	select {
	case <-n.Done():
	case <-time.After(patience):
		t.Fatal("nobody was told")
	}
	if err := n.Stop(limited(t)); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Errorf("the one who asked: %v", err)
	}
	if _, err := c.Status(limited(t)); api.KindOf(err) != api.NotRunning {
		t.Errorf("afterwards: %v", err)
	}
}

// TestRingBackup: the authority's key comes back under its passphrase.
func TestRingBackup(t *testing.T) {
	t.Parallel()
	ns := ring(t, 2, nil)
	ctx := limited(t)
	if _, err := ns[1].API().RingBackup(ctx, "five words of mine here"); api.KindOf(err) != api.Failed {
		t.Errorf("where the key is not: %v", err)
	}
	if _, err := ns[0].API().RingBackup(ctx, "short"); api.KindOf(err) != api.Usage {
		t.Errorf("a short passphrase: %v", err)
	}
	b, err := ns[0].API().RingBackup(ctx, "five words of mine here")
	if err != nil {
		t.Fatal(err)
	}
	if err := ns[1].API().RingRestore(ctx, *b, "five words of mine here"); err != nil {
		t.Fatal(err)
	}
	// It can invite now.
	if _, err := ns[1].API().Invite(ctx, api.InviteRequest{}); err != nil {
		t.Error(err)
	}
}

// TestInvitation: limits, and a picture of the line.
func TestInvitation(t *testing.T) {
	n := start(t, settings(t.TempDir()))
	for _, q := range []api.InviteRequest{{Uses: -1}, {Uses: 1001}, {Expires: -1}, {Expires: 91 * 24 * 3600}} {
		if _, err := n.API().Invite(limited(t), q); api.KindOf(err) != api.Usage {
			t.Errorf("%+v: %v", q, err)
		}
	}
	inv, err := n.API().Invite(limited(t), api.InviteRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.QR) < 21 || len(inv.QR) != len(inv.QR[0]) || strings.Trim(inv.QR[3], "01") != "" || inv.Uses != 1 {
		b, err := json.Marshal(inv)
		t.Errorf("%s, %v", b, err)
	}
}

package node_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
	"github.com/phyllo-net/phyllo/transport/link"
)

// waiting is a transport that makes no link itself, and waits until others do.
type waiting struct{ *libp2p.Transport }

func (w waiting) linked(to *peer.Handle) bool {
	for _, l := range w.Links() {
		if l.Peer.ID == to.ID {
			return true
		}
	}
	return false
}

// Send implements transport.Transport.
func (w waiting) Send(to *peer.Handle, c transport.Class, frame []byte) error {
	if !w.linked(to) {
		return nil
	}
	return w.Transport.Send(to, c, frame)
}

// Connect implements transport.Transport.
func (w waiting) Connect(ctx context.Context, to *peer.Handle) error {
	if !w.linked(to) {
		return errors.New("it waits")
	}
	return w.Transport.Connect(ctx, to)
}

// TestExplicitActionsDialAtOnce: a node was killed, and everybody believes it dead; it
// is back, and does not say so. Who pings it or writes to somebody who lives there
// reaches it at once, though the back-off would be an hour.
func TestExplicitActionsDialAtOnce(t *testing.T) {
	t.Parallel()
	patient := node.WithTransport(func(c transport.Config) (transport.Transport, error) {
		return libp2p.New(c, libp2p.Options{Limits: link.Limits{FirstBackoff: time.Hour, MaxBackoff: time.Hour}})
	})
	ann := start(t, settings(t.TempDir()), keptLog(t, "ann"), patient)
	inv, err := ann.API().Invite(limited(t), api.InviteRequest{})
	if err != nil {
		t.Fatal(err)
	}
	c := settings(t.TempDir())
	c.Listen, c.Join = []string{ownPlace(t)}, inv.Invite
	bob := start(t, c, keptLog(t, "bob"), patient)
	addUser(t, ann, "ann")
	addUser(t, bob, "bob")
	send(t, ann, "ann", "bob", "hello")
	id := status(t, bob).ID.String()
	c.Join = ""
	for _, x := range []struct {
		name string
		act  func() error
	}{
		{"ping", func() error {
			_, err := ann.API().Ping(limited(t), id)
			return err
		}},
		{"send", func() error {
			s, err := ann.API().Send(limited(t), api.Draft{From: "ann", To: "bob", Text: "are you back?", Wait: patience.Milliseconds()})
			if err == nil && s.State != api.StateDelivered && s.State != api.StateRead {
				err = errors.New("the message is " + s.State)
			}
			return err
		}},
	} {
		bob.Kill()
		eventually(t, ann, "the killed node is out of the leaf set", func() bool { return len(status(t, ann).LeafSet) == 0 })
		bob = startSilent(t, c)
		if err := x.act(); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}

// ownPlace is a port that nobody takes while it is not listened on: one of an address
// that nobody else uses, where the system has such.
func ownPlace(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.77.0.2:0")
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// keptLog lets a node log into the test's own log, which is shown if the test fails.
func keptLog(t *testing.T, name string) node.Option {
	var mu sync.Mutex
	var b bytes.Buffer
	t.Cleanup(func() {
		if t.Failed() {
			mu.Lock()
			defer mu.Unlock()
			t.Logf("log of %s:\n%s", name, b.String())
		}
	})
	return node.WithLog(slog.New(slog.NewTextHandler(&locked{&mu, &b}, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// startSilent starts a node that makes no link itself, and returns when it has taken its
// place in the ring, and so answers those who call it.
func startSilent(t *testing.T, c config.Config) *node.Node {
	t.Helper()
	n, err := node.New(c, keptLog(t, "bob"), node.WithTransport(func(c transport.Config) (transport.Transport, error) {
		tr, err := libp2p.New(c, libp2p.Options{})
		if err != nil {
			return nil, err
		}
		return waiting{tr}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- n.Start(limited(t)) }()
	t.Cleanup(func() {
		if err := n.Stop(context.Background()); err != nil {
			t.Errorf("stopping %s: %v", c.Home, err)
		}
		<-done // what it says does not matter: it may have been killed
	})
	for deadline := time.Now().Add(patience); ; {
		_, err := n.View(limited(t))
		if err == nil {
			return n
		}
		select {
		case err := <-done:
			t.Fatalf("the start ended: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/transport/libp2p"
)

// traitors are attackers with certificates of the ring, each with a user.
type traitors struct {
	orders *orders
	do     func(context.Context, *traitors, int) error
	all    []*traitor
}

// traitor is a whole node in the attackers' process, whose frames are noted.
type traitor struct {
	node *node.Node
	name string
	wire *recorder
}

// recorder is a transport that keeps some of what it sends.
type recorder struct {
	transport.Transport
	mu   sync.Mutex
	kept []sent
}

// sent is a frame that was sent.
type sent struct {
	to    *peer.Handle
	class transport.Class
	frame []byte
}

// mostKept is how many frames a traitor keeps to send them again.
const mostKept = 1000

// Send implements transport.Transport.
func (r *recorder) Send(to *peer.Handle, c transport.Class, frame []byte) error {
	r.mu.Lock()
	if len(r.kept) < mostKept {
		r.kept = append(r.kept, sent{to, c, slices.Clone(frame)})
	}
	r.mu.Unlock()
	return r.Transport.Send(to, c, frame)
}

// Cut implements what the node looks for when it is killed.
func (r *recorder) Cut() error { return r.Transport.(*libp2p.Transport).Cut() }

func gatherMembers(do func(context.Context, *traitors, int) error) func(context.Context, *orders) (force, []string, error) {
	return func(ctx context.Context, o *orders) (force, []string, error) {
		all := &traitors{orders: o, do: do}
		var names []string
		for i, inv := range o.Invites {
			t, err := turn(ctx, o, i, inv)
			if t != nil {
				all.all = append(all.all, t)
			}
			if err != nil {
				all.close()
				return nil, nil, err
			}
			names = append(names, t.name)
		}
		return all, names, nil
	}
}

// turn makes a member, and lets him do what members do, so that he has frames.
func turn(ctx context.Context, o *orders, i int, inv string) (*traitor, error) {
	t := &traitor{name: fmt.Sprintf("traitor%d-%d", i, rand.Uint32())}
	c := config.Default()
	c.Home, c.Listen, c.Join, c.LAN, c.NAT, c.User = filepath.Join(o.Dir, t.name), []string{"127.0.0.1:0"}, inv, false, false, t.name
	c.Offer = 1 << 30
	var err error
	t.node, err = node.New(c, node.WithoutControl(), node.WithTransport(func(c transport.Config) (transport.Transport, error) {
		inner, err := libp2p.New(c, libp2p.Options{PerLoopback: 1024})
		if err != nil {
			return nil, err
		}
		t.wire = &recorder{Transport: inner}
		return t.wire, nil
	}))
	if err != nil {
		return nil, err
	}
	if err := t.node.Start(ctx); err != nil {
		return t, err
	}
	for _, v := range o.Victims {
		if _, err := t.node.API().UserFind(ctx, v.User); err != nil {
			return t, err
		}
		if _, err := t.node.API().Send(ctx, api.Draft{To: v.User, Text: "hello"}); err != nil {
			return t, err
		}
	}
	return t, nil
}

func (t *traitors) strike(ctx context.Context, n int) error { return t.do(ctx, t, n) }

func (t *traitors) close() {
	for _, m := range t.all {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		m.node.Stop(ctx)
		cancel()
	}
}

func (t *traitors) one(n int) *traitor { return t.all[n%len(t.all)] }

// write sends what is signed and true.
func write(ctx context.Context, t *traitors, n int) error {
	m := t.one(n)
	if n/len(t.all)%10 == 9 {
		_, err := m.node.API().UserEdit(ctx, api.UserRequest{Profile: &api.Profile{About: fmt.Sprint(n)}})
		return err
	}
	_, err := m.node.API().Send(ctx, api.Draft{To: t.orders.victim(n / len(t.all)).User, Text: strings.Repeat("x", 1024)})
	return err
}

// ask asks for what makes others ask.
func ask(ctx context.Context, t *traitors, n int) error {
	m := t.one(n)
	if n%2 == 0 {
		_, err := m.node.API().Trace(ctx, id.ID{Hi: rand.Uint64(), Lo: rand.Uint64()}.String())
		return err
	}
	_, err := m.node.API().UserFind(ctx, fmt.Sprintf("nobody%d", rand.Uint32()))
	if api.KindOf(err) == api.NotFound {
		return nil // this is the answer
	}
	return err
}

// again sends a frame once more, whoever it was for.
func again(_ context.Context, t *traitors, n int) error {
	w := t.one(n).wire
	w.mu.Lock()
	f := w.kept[n/len(t.all)%len(w.kept)]
	w.mu.Unlock()
	return w.Transport.Send(f.to, f.class, slices.Clone(f.frame))
}

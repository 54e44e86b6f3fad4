package node

import (
	"context"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/gateway/control"
	"github.com/phyllo-net/phyllo/gateway/password"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/transport"
	"github.com/phyllo-net/phyllo/ui"
)

func (n *Node) controlConfig() control.Config {
	served := n.API()
	if n.opt.serve != nil {
		served = n.opt.serve(served)
	}
	return control.Config{
		Home: n.home.Dir, Node: served, UI: n.cfg.UI, Files: ui.Files, OpenMetrics: n.cfg.OpenMetrics, Getenv: os.Getenv, Log: n.log,
	}
}

// sizeOf is a view's estimate of the number of nodes, with this one.
func sizeOf(v pastry.View) int { return max(1, len(v.Leaf)+1, int(math.Round(v.Size))) }

// Status implements api.Node.
func (f face) Status(ctx context.Context) (*api.Status, error) {
	n := f.n
	s := &api.Status{
		State: api.StateStarting, Size: 1, RSSBytes: rss(), Home: n.cfg.Home, PID: os.Getpid(), Version: Version(), Started: n.begun.UTC(),
	}
	if n.home != nil {
		s.Home = n.home.Dir
	}
	if ring, err := n.member.Ring(); err == nil {
		s.Ring, s.RingName, s.Admitter = ring.ID, ring.Name, ring.Admitter
	}
	if c := n.server(); c != nil {
		s.Control, s.UI = c.Socket(), c.UI()
	}
	s.S3, s.WebDAV = n.doors.URL(password.S3), n.doors.URL(password.WebDAV)
	s.Addrs = n.ownAddrs()
	s.Reach = n.reachable()
	s.Traffic = n.meter.now(n.carrier, n.overlay())
	s.Connections = s.Traffic.Connections
	for _, u := range n.people.All() {
		s.Users = append(s.Users, u.Name())
	}
	if v, err := n.View(ctx); err == nil {
		n.addView(s, v)
	} else if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if queued, err := n.queued(ctx); err == nil {
		s.Queued = queued
	}
	var kept past.Stats
	if err := loop.Call(ctx, n.overlay(), func(o *overlay) { kept = o.past.Stats() }); err == nil {
		s.Keeps = n.storage.Keeping(kept)
	}
	n.mu.Lock()
	if n.state != "" {
		s.State = n.state
	}
	n.mu.Unlock()
	s.Mine = n.storage.Copies()
	return s, nil
}

// reachable says whether others reach this node, in terms of this program's flags.
func (n *Node) reachable() api.Reach {
	r := n.carrier.Reachable()
	if r.Kind == "loopback" {
		r.Sentence = "This node listens on this computer only: let it listen elsewhere with --listen 0.0.0.0:" + strconv.Itoa(config.DefaultPort) + "."
	}
	return api.Reach{Kind: r.Kind, Sentence: r.Sentence, Relays: r.Relays}
}

func (n *Node) addView(s *api.Status, v pastry.View) {
	s.ID, s.TableEntries, s.Size = v.Self.ID, len(v.Table), sizeOf(v)
	s.State = api.StateJoining
	if v.Ready {
		s.State = api.StateReady
	}
	for i := range max(len(v.Left), len(v.Right)) { // nearest first, from both sides
		for _, one := range [][]*handle{v.Left, v.Right} {
			if i >= len(one) || slices.ContainsFunc(s.LeafSet, func(p api.Peer) bool { return p.ID == one[i].ID }) {
				continue
			}
			p := api.Peer{ID: one[i].ID}
			if len(one[i].Addrs) > 0 {
				p.Addr = one[i].Addrs[0]
			}
			s.LeafSet = append(s.LeafSet, p)
		}
	}
}

// queued is the number of messages that wait, of all users.
func (n *Node) queued(ctx context.Context) (int, error) {
	return loop.Do(ctx, n.overlay(), func(t *task.T, o *overlay) (sum int, err error) {
		for _, u := range n.people.All() {
			q, err := o.talk.IM().Queued(t, u.Key())
			if err != nil {
				return 0, err
			}
			sum += q
		}
		return sum, nil
	})
}

// Picture implements api.Node.
func (f face) Picture(ctx context.Context) (*api.Picture, error) {
	v, err := f.n.View(ctx)
	if err != nil {
		return nil, kind.Give(err)
	}
	p := &api.Picture{Self: v.Self.ID, Size: sizeOf(v)}
	add := func(h *handle, role string, rtt int64) {
		at, have := slices.BinarySearchFunc(p.Nodes, h.ID, func(x api.PictureNode, y id.ID) int { return x.ID.Cmp(y) })
		if !have {
			x := api.PictureNode{ID: h.ID}
			if len(h.Addrs) > 0 {
				x.Addr = h.Addrs[0]
			}
			p.Nodes = slices.Insert(p.Nodes, at, x)
		}
		x := &p.Nodes[at]
		x.RTTMicros = max(x.RTTMicros, rtt)
		if !slices.Contains(x.Roles, role) {
			x.Roles = append(x.Roles, role)
		}
	}
	add(v.Self, api.RoleSelf, 0)
	for _, h := range v.Leaf {
		add(h, api.RoleLeaf, 0)
	}
	for _, e := range v.Table {
		add(e.Node, api.RoleTable, int64(e.RTT))
	}
	for _, h := range v.Near {
		add(h, api.RoleNeighbour, 0)
	}
	for i := range p.Nodes {
		if p.Nodes[i].ID == v.Self.ID {
			p.Nodes[i].Joining = !v.Ready
			for _, u := range f.n.people.All() {
				p.Nodes[i].Users = append(p.Nodes[i].Users, u.Name())
			}
		}
	}
	return p, nil
}

// ringChanged tells followers that the picture has changed. It may be time to make
// somebody who is new an admitter, and what is stored may have fewer copies than before, or more.
func (n *Node) ringChanged() {
	n.memberChanged()
	n.storage.Changed()
	n.feed.Publish(&api.Event{Kind: api.EventRing, Time: time.Now().UTC()})
}

// meter measures traffic over the last seconds: frames on links, and contents on streams.
type meter struct {
	mu                sync.Mutex
	at                time.Time
	in, out           uint64
	last              api.Traffic
	movedIn, movedOut moved
}

// moved is how many bytes of contents went one way, in all places that the node took in a
// ring: each counts from 0.
type moved struct{ all, seen uint64 }

// to takes what the present place has counted so far.
func (m *moved) to(n uint64) {
	if n < m.seen {
		m.seen = 0 // another place
	}
	m.all, m.seen = m.all+n-m.seen, n
}

// counted is what a transport counts, if it does.
func counted(t transport.Transport) transport.Metrics {
	if c, ok := t.(interface{ Metrics() transport.Metrics }); ok {
		return c.Metrics()
	}
	return transport.Metrics{Links: len(t.Links())}
}

// now returns the counts so far, and rates over at least half a second. o may be nil.
func (m *meter) now(t transport.Transport, o *overlay) api.Traffic {
	c := counted(t)
	m.mu.Lock()
	defer m.mu.Unlock()
	if o != nil {
		b := o.host.Stats().Bulk
		m.movedIn.to(b.BytesIn)
		m.movedOut.to(b.BytesOut)
	}
	c.BytesIn, c.BytesOut = c.BytesIn+m.movedIn.all, c.BytesOut+m.movedOut.all
	x := api.Traffic{BytesIn: c.BytesIn, BytesOut: c.BytesOut, RateIn: m.last.RateIn, RateOut: m.last.RateOut, RSSBytes: rss(), Connections: max(c.Connections, c.Links)}
	now := time.Now()
	if passed := now.Sub(m.at); passed >= 500*time.Millisecond {
		if !m.at.IsZero() {
			x.RateIn = uint64(float64(c.BytesIn-m.in) / passed.Seconds())
			x.RateOut = uint64(float64(c.BytesOut-m.out) / passed.Seconds())
		}
		m.at, m.in, m.out = now, c.BytesIn, c.BytesOut
	}
	m.last = x
	return x
}

// watchTraffic tells followers once a second what the node costs.
func (n *Node) watchTraffic() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-n.ctx.Done():
			return
		}
		if n.feed.Followers() > 0 {
			t := n.meter.now(n.carrier, n.overlay())
			n.feed.Publish(&api.Event{Kind: api.EventTraffic, Time: time.Now().UTC(), Traffic: &t})
		}
	}
}

// rss is the memory of the process, as the system counts it where it tells.
func rss() uint64 {
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(b)); len(f) > 1 {
			if pages, err := strconv.ParseUint(f[1], 10, 64); err == nil {
				return pages * uint64(os.Getpagesize())
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys - m.HeapReleased
}

func sortMembers(list []api.Member) {
	slices.SortFunc(list, func(a, b api.Member) int { return a.ID.Cmp(b.ID) })
}

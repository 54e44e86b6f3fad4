package fakenode

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/api/events"
	"github.com/phyllo-net/phyllo/gateway/files/memory"
	"github.com/phyllo-net/phyllo/id"
)

// Begin is the time at which a fake node's clock stands at first.
var Begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Node is a pretended node. Its fields may be set before use.
type Node struct {
	// Home, UI and Control are what Status says.
	Home, UI, Control string
	// PID is what Status says.
	PID int
	// Unreadable, if it is set, is what reading any file's content ends with at once.
	Unreadable error
	// Called, if it is set, is what a shared file is called, as a program of others may have made it.
	Called string

	feed *events.Feed
	done chan struct{}

	mu      sync.Mutex
	clock   time.Time
	count   uint64
	users   []api.User
	mail    []letter
	chats   []*chat
	friends []api.Contact
	members []api.Member
	values  map[string]value
	spaces  *memory.Memory
	granted map[string][]api.SpaceMember
	foreign map[string]bool // spaces that were granted to the user
	topics  map[string]*channel
	queued  []api.WorkItem
	offered int                       // items that were ever offered
	atWork  map[id.Hash]chan struct{} // closed when the item is confirmed
	offer   int64
	auto    bool // it chose its offer
	gift    int64
	keys    []api.Key
	asked   bool // a request on the local network is open
	joined  bool
	stopped bool
	hang    bool
	hanging int
}

// letter is a message in somebody's history.
type letter struct {
	user string
	m    api.Message
}

var _ api.Node = (*Node)(nil)

// New returns a node on which nobody lives yet, in a ring of five.
func New() *Node {
	n := &Node{feed: events.NewFeed(), values: make(map[string]value), offer: chosen, auto: true, gift: api.DefaultGift, spaces: memory.New(1 << 30), granted: make(map[string][]api.SpaceMember), foreign: make(map[string]bool), done: make(chan struct{}), clock: Begin, PID: 4242, UI: "http://127.0.0.1:4281"}
	for i := range 5 {
		m := api.Member{ID: nodeID(i), Self: i == 0, Admitter: i < 2, AdmittedBy: nodeID(0).String(), Until: Begin.Add(90 * 24 * time.Hour),
			Connected: i > 0, Addr: nodeAddr(i)}
		if i == 0 {
			m.Authority, m.AdmittedBy = true, "authority"
		}
		n.members = append(n.members, m)
	}
	return n
}

// Ring is the id of the pretended ring.
func Ring() id.Hash { return hash("ring") }

// ID is the id of the i-th node of the ring, 0 to 4; the node itself is the first.
func ID(i int) id.ID { return nodeID(i) }

func hash(s string) id.Hash          { return sha256.Sum256([]byte(s)) }
func nodeID(i int) id.ID             { return hash("node" + string(rune('0'+i))).Place() }
func nodeAddr(i int) string          { return "10.0.0." + string(rune('1'+i)) + ":4280" }
func fingerprint(name string) string { return hash("key of " + name).String()[:24] }
func words(name string) string       { return "amber canoe lantern maple otter seven of " + name }
func key(name string) api.Fingerprint {
	return api.Fingerprint{Hex: fingerprint(name), Words: words(name)}
}

// next returns a new message id. The caller holds the lock.
func (n *Node) next() id.ID {
	n.count++
	return hash("message" + string(binary.BigEndian.AppendUint64(nil, n.count))).Place()
}

// Pass moves the clock.
func (n *Node) Pass(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clock = n.clock.Add(d)
}

// Done is closed when somebody has asked the node to stop.
func (n *Node) Done() <-chan struct{} { return n.done }

// Emit publishes an event.
func (n *Node) Emit(e api.Event) { n.feed.Publish(&e) }

// Followers is how many streams of events there are.
func (n *Node) Followers() int { return n.feed.Followers() }

// Status implements api.Node.
func (n *Node) Status(context.Context) (*api.Status, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := &api.Status{
		ID: nodeID(0), State: api.StateReady, Ring: Ring(), RingName: "home", TableEntries: 4, Connections: 4, Size: 5,
		RSSBytes: 41 << 20, Admitter: true, Addrs: []string{nodeAddr(0)},
		Reach:   api.Reach{Kind: "private", Sentence: "This node is behind a NAT: others reach it through relays. Forward port 4280 of the router to change that."},
		Traffic: api.Traffic{BytesIn: 120_000, BytesOut: 90_000, RateIn: 300, RateOut: 200, RSSBytes: 41 << 20, Connections: 4},
		S3:      s3URL, WebDAV: webdavURL,
		Keeps: api.Keeping{Bytes: 5 << 20, Objects: 321, Read: Begin.Add(-50 * time.Hour), Reading: Begin.Add(-time.Hour)},
		Mine:  &api.Copies{Objects: 40, Whole: 40, Counted: Begin.Add(-5 * time.Minute)},
		UI:    n.UI, Control: n.Control, Home: n.Home, PID: n.PID, Version: "test", Started: Begin.Add(-3 * time.Hour),
	}
	if n.stopped {
		s.State = api.StateStopping
	}
	for i := 1; i < 5; i++ {
		s.LeafSet = append(s.LeafSet, api.Peer{ID: nodeID(i), Addr: nodeAddr(i)})
	}
	for _, u := range n.users {
		s.Users = append(s.Users, u.Name)
	}
	for _, l := range n.mail {
		if l.m.State == api.StateQueued {
			s.Queued++
		}
	}
	return s, nil
}

// Stop implements api.Node.
func (n *Node) Stop(context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.stopped {
		n.stopped = true
		close(n.done)
		n.feed.Close()
	}
	return nil
}

// Doctor implements api.Node.
func (n *Node) Doctor(context.Context) ([]api.Finding, error) {
	return []api.Finding{
		{About: "NAT", Verdict: api.Warn, Sentence: "This node is behind a NAT: forward port 4280 of the router to be reached directly."},
		{About: "clock", Verdict: api.Good, Sentence: "The clock agrees with 4 neighbours to 20 ms."},
		{About: "disk", Verdict: api.Good, Sentence: "The disk has 120 GB free."},
	}, nil
}

// Metrics implements api.Node.
func (n *Node) Metrics(context.Context) ([]api.Metric, error) {
	return []api.Metric{
		{Name: "phyllo_connections", Help: "Connections that stand.", Value: 4},
		{Name: api.BadInputMetric, Help: api.BadInputHelp, Counter: true, Labels: map[string]string{"kind": "frame"}, Value: 2},
	}, nil
}

// Events implements api.Node.
func (n *Node) Events(ctx context.Context, f func(*api.Event) error) error {
	return n.feed.Follow(ctx, f)
}

// Picture implements api.Node.
func (n *Node) Picture(context.Context) (*api.Picture, error) {
	p := &api.Picture{Self: nodeID(0), Size: 5}
	for i := range 5 {
		node := api.PictureNode{ID: nodeID(i), Addr: nodeAddr(i), Roles: []string{api.RoleLeaf, api.RoleTable}, RTTMicros: int64(1000 * i)}
		if i == 0 {
			node.Roles = []string{api.RoleSelf}
		}
		p.Nodes = append(p.Nodes, node)
	}
	slices.SortFunc(p.Nodes, func(a, b api.PictureNode) int { return a.ID.Cmp(b.ID) })
	return p, nil
}

// Hang lets every ping and every sending hang until its context ends, or no longer.
func (n *Node) Hang(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hang = on
}

// Hanging is how many hang.
func (n *Node) Hanging() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hanging
}

// waitIfHung hangs if Hang says so.
func (n *Node) waitIfHung(ctx context.Context) error {
	n.mu.Lock()
	hang := n.hang
	if hang {
		n.hanging++
	}
	n.mu.Unlock()
	if !hang {
		return nil
	}
	<-ctx.Done()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hanging--
	return ctx.Err()
}

// Ping implements api.Node: bob's node answers directly, carol's through a relay.
func (n *Node) Ping(ctx context.Context, target string) (*api.Pong, error) {
	if err := n.waitIfHung(ctx); err != nil {
		return nil, err
	}
	switch x, err := id.Parse(target); {
	case err == nil && x == nodeID(1):
		return &api.Pong{ID: x, Addr: nodeAddr(1), Path: "direct", Kind: "tcp", RTTMicros: 850}, nil
	case target == "bob":
		return &api.Pong{Name: "bob", ID: nodeID(1), Addr: nodeAddr(1), Path: "direct", Kind: "tcp", RTTMicros: 11_200}, nil
	case target == "carol":
		return &api.Pong{Name: "carol", ID: nodeID(2), Addr: nodeAddr(2), Path: "relayed", Kind: "relay", RTTMicros: 48_000}, nil
	}
	if _, err := person(target); err != nil {
		return nil, err
	}
	return nil, api.Errorf(api.Unreachable, "%s's node does not answer now: try again later", target)
}

// Trace implements api.Node.
func (n *Node) Trace(_ context.Context, target string) (*api.Trace, error) {
	k, err := id.Parse(target)
	if err != nil {
		if k = hash("name " + target).Place(); target == "" {
			return nil, api.Errorf(api.Usage, "trace wants a key or a name, as in `phyllo trace bob`")
		}
	}
	return &api.Trace{Key: k, Root: nodeID(3), RTTMicros: 31_000, Hops: []api.Hop{
		{ID: nodeID(1), Addr: nodeAddr(1), RTTMicros: 9_000}, {ID: nodeID(3), Addr: nodeAddr(3), RTTMicros: 14_000}}}, nil
}

// person gives the record of one of the people, or the error for one who cannot
// be found: see People.
func person(name string) (api.User, error) {
	switch name = strings.ToLower(name); name {
	case "bob", "carol", "dave", "kim":
		at := slices.Index(People, name)
		return api.User{Name: name, Key: key(name), Profile: api.Profile{FullName: strings.ToUpper(name[:1]) + name[1:] + " Example"},
			Devices: []id.ID{nodeID(1 + at)}, Version: 1, Updated: Begin.Add(-24 * time.Hour), Agree: 5, Of: 5}, nil
	case "mallory":
		return api.User{}, api.Errorf(api.Disputed, "the name mallory is disputed, between the keys %s and %s: compare fingerprints with the person whom you mean", fingerprint("m1"), fingerprint("m2"))
	case "zoe":
		return api.User{}, api.Errorf(api.Unreachable, "zoe's keepers are not reachable now: try again in a moment")
	case "", "..":
		return api.User{}, api.Errorf(api.Usage, "%+q is not a name: a name has 1 to 64 letters, digits and . - _, as in `bob`", name)
	}
	return api.User{}, api.Errorf(api.NotFound, "nobody has the name %q: is it spelt right? `phyllo user list --all` lists all", name)
}

// People are those whom the pretended directory knows: bob is there, carol is behind
// a relay, dave is away, kim's key has changed. Besides, mallory's name is disputed,
// and zoe's keepers cannot be reached.
var People = []string{"bob", "carol", "dave", "kim"}

var errNoUser = errors.New("nobody lives on this node yet: make a user with `phyllo user add NAME`")

// user returns the name of the user who is meant. The caller holds the lock.
func (n *Node) user(name string) (string, error) {
	var names []string
	for _, u := range n.users {
		names = append(names, u.Name)
	}
	switch {
	case len(names) == 0:
		return "", api.Wrap(api.NotFound, errNoUser)
	case name == "" && len(names) == 1:
		return names[0], nil
	case name == "":
		return "", api.Errorf(api.Usage, "several users live here (%s): say which, as in `--from %s`", strings.Join(names, ", "), names[0])
	case !slices.Contains(names, name):
		return "", api.Errorf(api.NotFound, "%q does not live on this node: see `phyllo user list`", name)
	}
	return name, nil
}

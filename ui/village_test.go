package ui_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/api/events"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/internal/fakenode"
)

// village is what the fake nodes have in common: messages go from one to another
// at once, as long as both are there.
type village struct {
	mu    sync.Mutex
	nodes []*node
	made  int
}

// node is a fake of a running node: an api.Node with as much behind it as the page
// needs. Operations that the page does not use panic.
type node struct {
	api.Node
	v    *village
	feed *events.Feed

	status   api.Status
	picture  api.Picture
	members  []api.Member
	users    []api.User
	contacts map[string][]api.Contact // by user
	history  map[string][]api.Message // by user
	asleep   bool                     // takes no messages
	refuse   map[string]error         // by operation
	shelf    *fakenode.Node           // has the files
	copies   int                      // of each file
	pause    <-chan struct{}          // a file that is stored, or a search, goes on when it is closed
	searches []string                 // the patterns for which people were asked
}

// ident is an id that looks like any other; 16 of them in a row lie all around.
func ident(t testing.TB, n int) id.ID {
	t.Helper()
	sum := sha256.Sum256([]byte{byte(n)})
	x, err := id.Parse(fmt.Sprintf("%x%x", n*7%16, sum[:])[:32])
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func print24(word string) string {
	sum := sha256.Sum256([]byte(word))
	return fmt.Sprintf("%x", sum[:12])
}

func fingerprint(word string) api.Fingerprint {
	return api.Fingerprint{Hex: print24(word), Words: "amber canoe lantern otter maple seven river stone cloud fern lamp " + word}
}

// newNode adds a node where these people live.
func (v *village) newNode(t testing.TB, users ...string) *node {
	n := &node{v: v, feed: events.NewFeed(), contacts: map[string][]api.Contact{}, history: map[string][]api.Message{}, refuse: map[string]error{}, shelf: fakenode.New()}
	self := ident(t, len(v.nodes))
	started := time.Now().Add(-100 * time.Minute)
	n.status = api.Status{
		ID: self, State: api.StateReady, RingName: "home", Size: 1, Admitter: true, Connections: 0, Addrs: []string{"192.168.1.20:4280"},
		RSSBytes: 41_200_000, Home: "/home/ann/.local/share/phyllo", Version: "0.1", Started: started,
		Reach:   api.Reach{Kind: "private", Sentence: "Others on your network reach this node; from the internet it is reached through a relay: forward UDP port 4280 on your router to change that."},
		Traffic: api.Traffic{RateIn: 180, RateOut: 140, RSSBytes: 41_200_000, BytesIn: 812_000, BytesOut: 640_000},
	}
	n.picture = api.Picture{Self: self, Size: 1, Nodes: []api.PictureNode{{ID: self, Roles: []string{api.RoleSelf}}}}
	n.members = []api.Member{{ID: self, Self: true, Admitter: true, Authority: true, AdmittedBy: "authority", Until: started.Add(90 * 24 * time.Hour)}}
	for _, name := range users {
		n.users = append(n.users, api.User{Name: name, Key: fingerprint(name), Here: true, Version: 1})
		n.lives(name)
	}
	v.nodes = append(v.nodes, n)
	return n
}

func (n *node) lock() func() {
	n.v.mu.Lock()
	return n.v.mu.Unlock
}

func (n *node) Status(context.Context) (*api.Status, error) {
	defer n.lock()()
	s := n.status
	s.Users = nil
	for _, u := range n.users {
		s.Users = append(s.Users, u.Name)
	}
	return &s, n.refuse["status"]
}

func (n *node) Doctor(context.Context) ([]api.Finding, error) {
	return []api.Finding{
		{About: "NAT", Verdict: api.Warn, Sentence: "the router maps no port: others on the internet reach you through a relay; forward UDP port 4280 to change that."},
		{About: "clock", Verdict: api.Good, Sentence: "the clock agrees with that of 3 peers to 0.2 s."},
	}, nil
}

func (n *node) Picture(context.Context) (*api.Picture, error) {
	defer n.lock()()
	p := n.picture
	p.Nodes = slices.Clone(p.Nodes)
	return &p, nil
}

func (n *node) Members(context.Context) ([]api.Member, error) {
	defer n.lock()()
	return slices.Clone(n.members), nil
}

func (n *node) Invite(context.Context, api.InviteRequest) (*api.Invitation, error) {
	rows := make([]string, 29)
	for y := range rows {
		for x := range rows {
			rows[y] += string("01"[(x*x+3*y*y+x*y)/3%2])
		}
	}
	line := "phyllo1" + strings.Repeat("k5w3e7aq2m", 22)
	return &api.Invitation{Invite: line, Uses: 1, Expires: time.Now().Add(24 * time.Hour), QR: rows}, n.refuse["invite"]
}

func (n *node) Trace(_ context.Context, target string) (*api.Trace, error) {
	defer n.lock()()
	t := &api.Trace{RTTMicros: 23_400}
	for _, p := range n.picture.Nodes {
		if p.ID.String() == target || slices.Contains(p.Users, target) {
			t.Key, t.Root = p.ID, p.ID
		}
	}
	if t.Root.IsZero() {
		return nil, api.Errorf(api.NotFound, "nobody is called %q: see `phyllo user find`", target)
	}
	for _, p := range n.picture.Nodes {
		if len(t.Hops) < 2 && p.ID != n.status.ID && p.ID != t.Root && !p.Dead {
			t.Hops = append(t.Hops, api.Hop{ID: p.ID, RTTMicros: 8_000})
		}
	}
	t.Hops = append(t.Hops, api.Hop{ID: t.Root, RTTMicros: 5_200})
	return t, nil
}

func (n *node) Events(ctx context.Context, f func(*api.Event) error) error {
	return n.feed.Follow(ctx, f)
}

func (n *node) UserList(context.Context) ([]api.User, error) {
	defer n.lock()()
	return slices.Clone(n.users), n.refuse["users"]
}

// UserSearch implements api.Node. Two at a time come, and the rest when n.pause is closed.
func (n *node) UserSearch(ctx context.Context, q api.UserQuery, each func([]api.User) error) (*api.Reached, error) {
	found, err := func() ([]api.User, error) {
		defer n.lock()()
		n.searches = append(n.searches, q.Pattern)
		var found []api.User
		for _, other := range n.v.nodes {
			for _, u := range other.users {
				if fits, _ := path.Match(q.Pattern, u.Name); fits && !u.Profile.Unlisted {
					found = append(found, u)
				}
			}
		}
		return found, n.refuse["user/search"]
	}()
	if err != nil {
		return nil, err
	}
	more := q.Limit > 0 && len(found) > q.Limit
	if more {
		found = found[:q.Limit]
	}
	for part := range slices.Chunk(found, 2) {
		if err := each(part); err != nil {
			return nil, err
		}
		if n.pause != nil {
			select {
			case <-n.pause:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	return &api.Reached{Nodes: len(n.v.nodes), About: len(n.v.nodes), More: more}, nil
}

func (n *node) UserAdd(_ context.Context, q api.UserRequest) (*api.User, error) {
	defer n.lock()()
	if owner, _ := n.v.owner(q.Name); owner != nil {
		return nil, api.Errorf(api.Failed, "the name %q is taken: choose another", q.Name)
	}
	u := api.User{Name: q.Name, Key: fingerprint(q.Name), Here: true, Version: 1}
	n.users = append(n.users, u)
	n.lives(q.Name)
	return &u, nil
}

// owner is where a person lives.
func (v *village) owner(name string) (*node, *api.User) {
	for _, n := range v.nodes {
		for i := range n.users {
			if n.users[i].Name == name {
				return n, &n.users[i]
			}
		}
	}
	return nil, nil
}

func (n *node) UserKeys(_ context.Context, q api.Who) (*api.KeyPair, error) {
	defer n.lock()()
	pair := &api.KeyPair{Name: q.Name, Mine: fingerprint(q.User), Pinned: fingerprint(q.Name)}
	if c := n.contact(q.User, q.Name); c != nil {
		pair.Verified = c.Verified
		if c.Changed != "" {
			found := fingerprint("new " + q.Name)
			pair.Found = &found
		}
	}
	return pair, nil
}

func (n *node) UserVerify(_ context.Context, q api.Who, print string) error {
	defer n.lock()()
	c := n.contact(q.User, q.Name)
	if c == nil || (print != c.Key && print != c.Changed) {
		return api.Errorf(api.Failed, "this fingerprint is none of the two: compare again")
	}
	c.Key, c.Changed, c.Verified = print, "", true
	n.tell(&api.Event{Kind: api.EventContact, User: q.User, Contact: c})
	return nil
}

// tell publishes an event with copies of what it points to.
func (n *node) tell(e *api.Event) {
	if e.Message != nil {
		m := *e.Message
		e.Message = &m
	}
	if e.Contact != nil {
		c := *e.Contact
		e.Contact = &c
	}
	e.Time = time.Now()
	n.feed.Publish(e)
}

package ui_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
)

func (n *node) contact(user, who string) *api.Contact {
	for i := range n.contacts[user] {
		if c := &n.contacts[user][i]; c.Name == who || c.Key == who {
			return c
		}
	}
	return nil
}

func (n *node) ContactList(_ context.Context, user string) ([]api.Contact, error) {
	defer n.lock()()
	return slices.Clone(n.contacts[user]), nil
}

func (n *node) ContactAdd(_ context.Context, q api.Who) (*api.Contact, error) {
	defer n.lock()()
	c := n.contact(q.User, q.Name)
	if c == nil {
		if owner, _ := n.v.owner(q.Name); owner == nil {
			return nil, api.Errorf(api.NotFound, "nobody is called %q: see `phyllo user find`", q.Name)
		}
		n.contacts[q.User] = append(n.contacts[q.User], api.Contact{Name: q.Name, Key: print24(q.Name)})
		c = n.contact(q.User, q.Name)
	}
	c.Added, c.Request, c.Blocked, c.Waiting, c.Online = true, false, false, 0, true
	for i := range n.history[q.User] {
		n.history[q.User][i].Request = false
	}
	n.tell(&api.Event{Kind: api.EventContact, User: q.User, Contact: c})
	return c, nil
}

func (n *node) ContactAccept(ctx context.Context, q api.Who) (*api.Contact, error) {
	return n.ContactAdd(ctx, q)
}

func (n *node) ContactBlock(_ context.Context, q api.Who) error {
	defer n.lock()()
	c := n.contact(q.User, q.Name)
	c.Blocked, c.Request = true, false
	n.tell(&api.Event{Kind: api.EventContact, User: q.User, Contact: c})
	return nil
}

func (n *node) ContactRemove(_ context.Context, q api.Who) error {
	defer n.lock()()
	n.contacts[q.User] = slices.DeleteFunc(n.contacts[q.User], func(c api.Contact) bool { return c.Name == q.Name || c.Key == q.Name })
	n.history[q.User] = slices.DeleteFunc(n.history[q.User], func(m api.Message) bool { return m.From == q.Name })
	return nil
}

func (n *node) Send(_ context.Context, d api.Draft) (*api.Sent, error) {
	defer n.lock()()
	to, _ := n.v.owner(d.To)
	if to == nil {
		return nil, api.Errorf(api.NotFound, "nobody is called %q: see `phyllo user find`", d.To)
	}
	if c := n.contact(d.From, d.To); c != nil && c.Changed != "" {
		return nil, api.Errorf(api.KeyChanged, "the key of %s has changed: run `phyllo user verify %s`", d.To, d.To)
	}
	m := api.Message{ID: n.v.nextID(), From: d.From, To: d.To, Text: d.Text, SentAt: time.Now(), Mine: true, State: api.StateQueued}
	n.history[d.From] = append(n.history[d.From], m)
	if to.asleep {
		n.status.Queued++
	} else {
		n.v.deliver(n, to, m)
	}
	return &api.Sent{ID: m.ID, To: d.To, State: api.StateQueued}, nil
}

func (v *village) nextID() id.ID {
	v.made++
	x, err := id.Parse(fmt.Sprintf("%032x", v.made))
	if err != nil {
		panic(err)
	}
	return x
}

func (v *village) deliver(from, to *node, m api.Message) {
	got := m
	got.Mine, got.State, got.ReceivedAt = false, "", time.Now()
	to.receive(m.To, got)
	from.setState(m, api.StateDelivered)
}

// receive puts a message where its receiver finds it.
func (n *node) receive(user string, m api.Message) {
	c := n.contact(user, m.From)
	if c == nil {
		n.contacts[user] = append(n.contacts[user], api.Contact{Name: m.From, Key: print24(m.From), Request: true})
		c = n.contact(user, m.From)
		defer n.tell(&api.Event{Kind: api.EventRequest, User: user, Contact: c})
	}
	if c.Request {
		m.Request = true
		c.Waiting++
	}
	n.history[user] = append(n.history[user], m)
	n.tell(&api.Event{Kind: api.EventMessage, User: user, Message: &m})
}

func (n *node) setState(m api.Message, state string) {
	for i := range n.history[m.From] {
		if h := &n.history[m.From][i]; h.Mine && h.ID == m.ID {
			h.State = state
			if now := time.Now(); state == api.StateRead {
				h.ReadAt = now
			} else {
				h.DeliveredAt = now
			}
			n.tell(&api.Event{Kind: api.EventState, User: m.From, Message: h})
		}
	}
}

func (n *node) MarkRead(_ context.Context, user string, ids []id.ID) error {
	defer n.lock()()
	for i := range n.history[user] {
		m := &n.history[user][i]
		if m.Mine || !slices.Contains(ids, m.ID) {
			continue
		}
		m.ReadAt = time.Now()
		if from, _ := n.v.owner(m.From); from != nil && !m.Request {
			from.setState(*m, api.StateRead)
		}
	}
	return nil
}

func (n *node) Conversation(_ context.Context, q api.ConversationQuery) ([]api.Message, error) {
	defer n.lock()()
	var list []api.Message
	for _, m := range n.history[q.User] {
		if m.From == q.With || (m.Mine && m.To == q.With) {
			list = append(list, m)
		}
	}
	if list == nil && n.contact(q.User, q.With) == nil {
		return nil, api.Errorf(api.NotFound, "nobody of this name")
	}
	return list, nil
}

func (n *node) Conversations(_ context.Context, user string) ([]api.Conversation, error) {
	defer n.lock()()
	var list []api.Conversation
	for _, m := range slices.Backward(n.history[user]) {
		with := m.From
		if m.Mine {
			with = m.To
		}
		at := slices.IndexFunc(list, func(c api.Conversation) bool { return c.With == with })
		if at < 0 {
			list = append(list, api.Conversation{With: with, Last: m})
			at = len(list) - 1
		}
		if !m.Mine && m.ReadAt.IsZero() {
			list[at].Unread++
		}
	}
	return list, nil
}

// demo is a fake node of a demo.
type demo struct {
	*node
	t testing.TB
}

// newDemo is a ring of count nodes, on some of which people live.
func (v *village) newDemo(t testing.TB, count int, people ...string) *demo {
	n := v.newNode(t, people...)
	n.status.Demo, n.status.RingName, n.picture.Nodes = true, "demo", nil
	d := &demo{n, t}
	for i := range count {
		d.grow(i)
	}
	for i, name := range people {
		d.picture.Nodes[3*i%count].Users = append(d.picture.Nodes[3*i%count].Users, name)
	}
	return d
}

func (d *demo) grow(i int) *api.PictureNode {
	p := api.PictureNode{ID: ident(d.t, i), Addr: fmt.Sprintf("127.0.0.1:%d", 4300+i), Roles: []string{api.RoleTable}, RTTMicros: 180 + int64(i)}
	switch {
	case i == 0:
		p.Roles = []string{api.RoleSelf}
	case p.ID.Distance(d.picture.Self).Hi < 1<<62:
		p.Roles = []string{api.RoleLeaf, api.RoleTable}
	}
	d.picture.Nodes = append(d.picture.Nodes, p)
	d.picture.Size = len(d.picture.Nodes)
	d.status.Connections = len(d.picture.Nodes) - 1
	return &p
}

// Kill implements api.Demo.
func (d *demo) Kill(_ context.Context, x id.ID) error {
	defer d.lock()()
	for i := range d.picture.Nodes {
		if p := &d.picture.Nodes[i]; p.ID == x {
			p.Dead = true
			d.tell(&api.Event{Kind: api.EventRing})
			return nil
		}
	}
	return api.Errorf(api.NotFound, "there is no node %s", x.Short())
}

// AddNode implements api.Demo.
func (d *demo) AddNode(context.Context) (*api.PictureNode, error) {
	defer d.lock()()
	p := d.grow(len(d.picture.Nodes))
	d.tell(&api.Event{Kind: api.EventRing})
	return p, nil
}

package fakenode

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/id"
)

// Send implements api.Node: dave is away, kim's key has changed, everybody else gets
// the message at once.
func (n *Node) Send(ctx context.Context, d api.Draft) (*api.Sent, error) {
	if err := n.waitIfHung(ctx); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	me, err := n.user(d.From)
	if err != nil {
		return nil, err
	}
	local := slices.ContainsFunc(n.users, func(u api.User) bool { return u.Name == d.To })
	if !local {
		if _, err := person(d.To); err != nil {
			return nil, err
		}
	}
	if d.To == "kim" {
		return nil, api.Errorf(api.KeyChanged, "the key of this name has changed: kim was %s and is now %s; ask the person, then run `phyllo user verify kim`", fingerprint("kim"), fingerprint("kim's new phone"))
	}
	if d.File != nil {
		d.Text = enclosed(d.Text, d.File)
	}
	m := api.Message{ID: n.next(), From: me, To: d.To, Text: d.Text, SentAt: n.clock, Mine: true, State: api.StateDelivered, DeliveredAt: n.clock}
	if d.To == "dave" {
		m.State = api.StateQueued
	}
	n.mail = append(n.mail, letter{me, m})
	n.feed.Publish(&api.Event{Kind: api.EventState, Time: n.clock, User: me, Message: &m})
	if local {
		n.receive(d.To, me, d.Text)
	}
	return &api.Sent{ID: m.ID, To: d.To, State: m.State}, nil
}

// Receive lets a message come in, from anybody.
func (n *Node) Receive(user, from, text string) id.ID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.receive(user, from, text)
}

func (n *Node) receive(user, from, text string) id.ID {
	m := api.Message{ID: n.next(), From: from, To: user, Text: text, SentAt: n.clock, ReceivedAt: n.clock}
	n.mail = append(n.mail, letter{user, m})
	n.feed.Publish(&api.Event{Kind: api.EventMessage, Time: n.clock, User: user, Message: &m})
	return m.ID
}

// Stranger lets a message come in from somebody whose name nobody confirms.
func (n *Node) Stranger(user, claimed, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := api.Message{ID: n.next(), From: fingerprint(claimed), Claimed: claimed, To: user, Text: text, SentAt: n.clock, ReceivedAt: n.clock, Request: true}
	n.mail = append(n.mail, letter{user, m})
	n.friends = append(n.friends, api.Contact{Claimed: claimed, Key: fingerprint(claimed), Request: true, Waiting: 1})
	n.feed.Publish(&api.Event{Kind: api.EventRequest, Time: n.clock, User: user, Contact: &n.friends[len(n.friends)-1]})
}

// Unread returns the ids of messages that were not marked as read.
func (n *Node) Unread() []id.ID {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []id.ID
	for _, l := range n.mail {
		if !l.m.Mine && l.m.ReadAt.IsZero() {
			out = append(out, l.m.ID)
		}
	}
	return out
}

// Inbox implements api.Node.
func (n *Node) Inbox(_ context.Context, q api.InboxQuery) ([]api.Message, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	user, err := n.user(q.User)
	if err != nil {
		return nil, err
	}
	return n.list(user, q.Since, q.Limit, q.Unread || !q.Since.IsZero(), func(m *api.Message) bool {
		return !m.Mine && (!q.Unread || m.ReadAt.IsZero())
	})
}

// list chooses from a user's history. The caller holds the lock.
func (n *Node) list(user string, since id.ID, limit int, oldest bool, want func(*api.Message) bool) ([]api.Message, error) {
	begin := 0
	if !since.IsZero() {
		begin = 1 + slices.IndexFunc(n.mail, func(l letter) bool { return l.m.ID == since })
		if begin == 0 {
			return nil, api.Errorf(api.NotFound, "no message with the id %s", since)
		}
	}
	var out []api.Message
	for _, l := range n.mail[begin:] {
		if l.user == user && want(&l.m) {
			out = append(out, l.m)
		}
	}
	if limit == 0 {
		limit = 1000
	}
	switch {
	case len(out) <= limit:
	case oldest:
		out = out[:limit]
	default:
		out = out[len(out)-limit:]
	}
	return out, nil
}

// MarkRead implements api.Node.
func (n *Node) MarkRead(_ context.Context, user string, ids []id.ID) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	user, err := n.user(user)
	if err != nil {
		return err
	}
	for i, l := range n.mail {
		if l.user == user && slices.Contains(ids, l.m.ID) {
			n.mail[i].m.ReadAt = n.clock
		}
	}
	return nil
}

// Conversations implements api.Node.
func (n *Node) Conversations(_ context.Context, user string) ([]api.Conversation, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	user, err := n.user(user)
	if err != nil {
		return nil, err
	}
	var out []api.Conversation
	for _, l := range slices.Backward(n.mail) {
		if l.user != user {
			continue
		}
		at := slices.IndexFunc(out, func(c api.Conversation) bool { return c.With == other(l.m) })
		if at < 0 {
			at = len(out)
			out = append(out, api.Conversation{With: other(l.m), Last: l.m})
		}
		if !l.m.Mine && l.m.ReadAt.IsZero() {
			out[at].Unread++
		}
	}
	return out, nil
}

func other(m api.Message) string {
	if m.Mine {
		return m.To
	}
	return m.From
}

// Conversation implements api.Node.
func (n *Node) Conversation(_ context.Context, q api.ConversationQuery) ([]api.Message, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	user, err := n.user(q.User)
	if err != nil {
		return nil, err
	}
	return n.list(user, q.Since, q.Limit, false, func(m *api.Message) bool { return other(*m) == q.With })
}

// enclosed is a text with a file, whatever its size.
func enclosed(text string, file *api.FileName) string {
	return strings.TrimSpace(text + "\n" + path.Base(file.Name) + ", 8 bytes: " + link + file.Name)
}

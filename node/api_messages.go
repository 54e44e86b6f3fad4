package node

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/people"
	"github.com/phyllo-net/phyllo/task"
)

// maxWait bounds Draft.Wait.
const maxWait = 10 * time.Minute

// withUser runs f as a task, for the user of this node who is meant.
func withUser[A any](ctx context.Context, f face, user string, g func(*task.T, *overlay, *people.Resident) (A, error)) (A, error) {
	var none A
	u, err := f.n.people.Named(user)
	if err != nil {
		return none, err
	}
	out, err := do(ctx, f.n, func(t *task.T, o *overlay) (A, error) { return g(t, o, u) })
	if err != nil {
		return none, kind.Give(err)
	}
	return out, nil
}

// message is a message as the interface shows it to a user.
func message(m *im.Message, user string) *api.Message {
	out := &api.Message{
		ID: m.ID.ID, Text: m.Text, SentAt: m.SentAt, ReceivedAt: m.ReceivedAt, ReadAt: m.ReadAt, Request: m.Request, Mine: m.Mine,
	}
	with := m.With.String()
	if m.Mine {
		out.From, out.To = user, with
		out.State, out.DeliveredAt, out.Reason = m.State.String(), m.DeliveredAt, m.Reason
		return out
	}
	out.From, out.To = with, user
	if m.With.Name == "" {
		out.Claimed = m.With.Claimed
	}
	return out
}

func messages(list []im.Message, user string) []api.Message {
	var out []api.Message
	for i := range list {
		out = append(out, *message(&list[i], user))
	}
	return out
}

// Send implements api.Node.
func (f face) Send(ctx context.Context, d api.Draft) (*api.Sent, error) {
	if d.Wait < 0 || d.Wait > maxWait.Milliseconds() {
		return nil, api.Errorf(api.Usage, "a wait of %d ms: 0 to %d are possible", d.Wait, maxWait.Milliseconds())
	}
	u, err := f.n.people.Named(d.From)
	if err != nil {
		return nil, err
	}
	if d.File != nil {
		if d.Text, err = f.enclosed(ctx, d.From, d.Text, *d.File); err != nil {
			return nil, err
		}
	}
	out, err := do(ctx, f.n, func(t *task.T, o *overlay) (*api.Sent, error) {
		mid, state, err := o.im.Send(t, u.Key(), d.To, d.Text)
		return &api.Sent{ID: mid.ID, To: d.To, State: state.String()}, err
	})
	if err != nil {
		return nil, kind.AboutName(err, d.To)
	}
	f.n.reach(u, d.To)
	if d.Wait == 0 {
		return out, nil
	}
	id := out.ID
	m, err := do(ctx, f.n, func(t *task.T, o *overlay) (im.Message, error) {
		return o.im.Await(t, u.Key(), letter.MsgID{ID: id}, im.Delivered, time.Duration(d.Wait)*time.Millisecond)
	})
	switch {
	case err == nil:
		out.State, out.Reason = m.State.String(), m.Reason
	case ctx.Err() == nil && !errors.Is(err, task.ErrStopped):
		return nil, kind.Give(err)
	}
	return out, nil // it is queued, whatever became of the wait
}

// enclosed is the text of a message with a file: what was written, and below it which file it is
// and how it is read.
func (f face) enclosed(ctx context.Context, from, text string, q api.FileName) (string, error) {
	q.User = cmp.Or(q.User, from)
	line, err := f.Enclosed(ctx, q)
	if text = strings.TrimSpace(text); text != "" {
		line = text + "\n" + line
	}
	return line, err
}

// reach calls the nodes of a person at once, whatever the back-off says: somebody
// waits for it.
func (n *Node) reach(u *people.Resident, to string) {
	n.wg.Go(func() {
		ctx, cancel := context.WithTimeout(n.ctx, 10*time.Second)
		defer cancel()
		c, err := do(ctx, n, func(t *task.T, o *overlay) (im.Contact, error) { return o.im.Contact(t, u.Key(), to) })
		if err != nil {
			return // nothing is known of him yet
		}
		for _, d := range c.Devices {
			if _, err := n.connect(ctx, d); err != nil {
				n.log.Debug("a node of the receiver cannot be reached now", "node", d.Short(), "err", err)
				continue
			}
			if err := n.call(ctx, func(o *overlay) { o.im.Nudge(d) }); err != nil {
				return // the node stops
			}
		}
	})
}

// Inbox implements api.Node.
func (f face) Inbox(ctx context.Context, q api.InboxQuery) ([]api.Message, error) {
	if q.Limit < 0 || q.Limit > 1000 {
		return nil, api.Errorf(api.Usage, "a limit of %d messages: 1 to 1,000 are possible", q.Limit)
	}
	return withUser(ctx, f, q.User, func(t *task.T, o *overlay, u *people.Resident) ([]api.Message, error) {
		list, err := o.im.Inbox(t, u.Key(), im.InboxOptions{Unread: q.Unread, Since: letter.MsgID{ID: q.Since}, Limit: q.Limit})
		return messages(list, u.Name()), err
	})
}

// MarkRead implements api.Node.
func (f face) MarkRead(ctx context.Context, user string, ids []id.ID) error {
	if len(ids) > 1000 {
		return api.Errorf(api.Usage, "%d messages at once: 1,000 are possible", len(ids))
	}
	_, err := withUser(ctx, f, user, func(t *task.T, o *overlay, u *people.Resident) (struct{}, error) {
		list := make([]letter.MsgID, len(ids))
		for i, x := range ids {
			list[i] = letter.MsgID{ID: x}
		}
		return struct{}{}, o.im.MarkRead(t, u.Key(), list...)
	})
	return err
}

// Conversations implements api.Node.
func (f face) Conversations(ctx context.Context, user string) ([]api.Conversation, error) {
	return withUser(ctx, f, user, func(t *task.T, o *overlay, u *people.Resident) ([]api.Conversation, error) {
		list, err := o.im.Conversations(t, u.Key())
		var out []api.Conversation
		for i := range list {
			out = append(out, api.Conversation{With: list[i].With.String(), Last: *message(&list[i].Last, u.Name()), Unread: list[i].Unread})
		}
		return out, err
	})
}

// Conversation implements api.Node.
func (f face) Conversation(ctx context.Context, q api.ConversationQuery) ([]api.Message, error) {
	if q.Limit < 0 || q.Limit > 1000 {
		return nil, api.Errorf(api.Usage, "a limit of %d messages: 1 to 1,000 are possible", q.Limit)
	}
	return withUser(ctx, f, q.User, func(t *task.T, o *overlay, u *people.Resident) ([]api.Message, error) {
		list, err := o.im.Conversation(t, u.Key(), q.With, letter.MsgID{ID: q.Since}, q.Limit)
		return messages(list, u.Name()), err
	})
}

// contact is a person as the interface shows him.
func contact(c *im.Contact) *api.Contact {
	out := &api.Contact{
		Name: c.Name, Key: directory.Fingerprint(c.Key), Added: c.Added, Verified: c.Verified, Blocked: c.Blocked,
		Request: c.Request, Waiting: c.Waiting, Online: c.Online, LastSeen: c.LastSeen,
	}
	if c.Name == "" {
		out.Claimed = c.Claimed
	}
	if !c.Changed.IsZero() {
		out.Changed = directory.Fingerprint(c.Changed)
	}
	return out
}

// ContactList implements api.Node.
func (f face) ContactList(ctx context.Context, user string) ([]api.Contact, error) {
	return withUser(ctx, f, user, func(t *task.T, o *overlay, u *people.Resident) ([]api.Contact, error) {
		list, err := o.im.Contacts(t, u.Key())
		var out []api.Contact
		for i := range list {
			out = append(out, *contact(&list[i]))
		}
		return out, err
	})
}

// ContactAdd implements api.Node.
func (f face) ContactAdd(ctx context.Context, q api.Who) (*api.Contact, error) {
	c, err := withUser(ctx, f, q.User, func(t *task.T, o *overlay, u *people.Resident) (*api.Contact, error) {
		c, err := o.im.AddContact(t, u.Key(), q.Name)
		return contact(&c), err
	})
	return c, kind.AboutName(err, q.Name)
}

// ContactAccept implements api.Node.
func (f face) ContactAccept(ctx context.Context, q api.Who) (*api.Contact, error) {
	waits, err := withUser(ctx, f, q.User, func(t *task.T, o *overlay, u *people.Resident) (bool, error) {
		c, err := o.im.Contact(t, u.Key(), q.Name)
		return c.Request, err
	})
	if err != nil || !waits {
		if err == nil || api.KindOf(err) == api.NotFound {
			err = api.Errorf(api.NotFound, "nobody called %+q waits to be accepted: see `phyllo contact list`", q.Name)
		}
		return nil, err
	}
	return f.ContactAdd(ctx, q)
}

// ContactRemove implements api.Node.
func (f face) ContactRemove(ctx context.Context, q api.Who) error {
	_, err := withUser(ctx, f, q.User, func(t *task.T, o *overlay, u *people.Resident) (struct{}, error) {
		c, err := o.im.Contact(t, u.Key(), q.Name)
		switch {
		case err != nil:
			return struct{}{}, err
		case c.Request:
			return struct{}{}, o.im.Decline(t, u.Key(), q.Name)
		}
		return struct{}{}, o.im.RemoveContact(t, u.Key(), q.Name)
	})
	return err
}

// ContactBlock implements api.Node.
func (f face) ContactBlock(ctx context.Context, q api.Who) error {
	_, err := withUser(ctx, f, q.User, func(t *task.T, o *overlay, u *people.Resident) (struct{}, error) {
		return struct{}{}, o.im.Block(t, u.Key(), q.Name)
	})
	return kind.AboutName(err, q.Name)
}

// imEvent hands an event of im on. It is called on the loop.
func (o *overlay) imEvent(e im.Event) {
	n := o.node
	u := n.people.ByKey(e.User)
	if u == nil {
		return
	}
	out := &api.Event{Kind: e.Kind.String(), Time: time.Now().UTC(), User: u.Name()}
	switch e.Kind {
	case im.EventMessage, im.EventState:
		out.Message = message(&e.Message, u.Name())
	default:
		out.Contact = contact(&e.Contact)
	}
	n.feed.Publish(out)
}

// connect makes a link to a node now, whatever the back-off says and whatever the ring
// thinks of it. One that is believed dead is called where it was last, as it may be
// back; if it is not there, the ring is asked. It returns the handle, with the error if
// there is no link.
func (n *Node) connect(ctx context.Context, node id.ID) (*handle, error) {
	var last *handle
	alive := false
	if err := n.call(ctx, func(o *overlay) { last, alive = o.pastry.Known(node) }); err != nil {
		return nil, err
	}
	if last != nil && !alive {
		if h, err := n.revive(ctx, last); err == nil {
			return h, nil
		}
	}
	h, err := do(ctx, n, func(t *task.T, o *overlay) (*handle, error) {
		return kbr.Find(t, o.pastry.Endpoint(AppProbe), node)
	})
	if err != nil || h.ID == n.overlayID() {
		return h, err
	}
	return h, n.carrier.Connect(ctx, h)
}

// How long revive calls, and how often it looks whether the overlay has asked the node
// by its new link, and believes in it again.
const (
	reviveTime = 5 * time.Second
	reviveLook = 5 * time.Millisecond
)

// revive calls a node that is believed dead, and returns its present handle once the
// overlay takes it for alive: sooner it sends nothing there.
func (n *Node) revive(ctx context.Context, last *handle) (*handle, error) {
	ctx, cancel := context.WithTimeout(ctx, reviveTime)
	defer cancel()
	if err := n.carrier.Connect(ctx, last); err != nil {
		return nil, err
	}
	return do(ctx, n, func(t *task.T, o *overlay) (*handle, error) {
		for {
			if h, alive := o.pastry.Known(last.ID); alive {
				return h, nil
			}
			if err := t.Sleep(reviveLook); err != nil {
				return nil, err
			}
		}
	})
}

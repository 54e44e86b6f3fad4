package talk

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
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/people"
	"github.com/phyllo-net/phyllo/task"
)

// maxWait bounds Draft.Wait.
const maxWait = 10 * time.Minute

// withUser runs f as a task, for the user of this node who is meant.
func withUser[A any](ctx context.Context, f Face, user string, g func(*task.T, *Here, *people.Resident) (A, error)) (A, error) {
	var none A
	u, err := f.Node.People().Named(user)
	if err != nil {
		return none, err
	}
	out, err := loop.Do(ctx, f.Node.Here(), func(t *task.T, h *Here) (A, error) { return g(t, h, u) })
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
func (f Face) Send(ctx context.Context, d api.Draft) (*api.Sent, error) {
	if d.Wait < 0 || d.Wait > maxWait.Milliseconds() {
		return nil, api.Errorf(api.Usage, "a wait of %d ms: 0 to %d are possible", d.Wait, maxWait.Milliseconds())
	}
	u, err := f.Node.People().Named(d.From)
	if err != nil {
		return nil, err
	}
	if d.File != nil {
		if d.Text, err = f.enclosed(ctx, d.From, d.Text, *d.File); err != nil {
			return nil, err
		}
	}
	out, err := loop.Do(ctx, f.Node.Here(), func(t *task.T, h *Here) (*api.Sent, error) {
		mid, state, err := h.im.Send(t, u.Key(), d.To, d.Text)
		return &api.Sent{ID: mid.ID, To: d.To, State: state.String()}, err
	})
	if err != nil {
		return nil, kind.AboutName(err, d.To)
	}
	f.reach(u, d.To)
	if d.Wait == 0 {
		return out, nil
	}
	id := out.ID
	m, err := loop.Do(ctx, f.Node.Here(), func(t *task.T, h *Here) (im.Message, error) {
		return h.im.Await(t, u.Key(), letter.MsgID{ID: id}, im.Delivered, time.Duration(d.Wait)*time.Millisecond)
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
func (f Face) enclosed(ctx context.Context, from, text string, q api.FileName) (string, error) {
	q.User = cmp.Or(q.User, from)
	line, err := f.Node.Enclosed(ctx, q)
	if text = strings.TrimSpace(text); text != "" {
		line = text + "\n" + line
	}
	return line, err
}

// reach calls the nodes of a person at once, whatever the back-off says: somebody
// waits for it.
func (f Face) reach(u *people.Resident, to string) {
	f.Node.Go(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		h := f.Node.Here()
		if h == nil {
			return // the node stops
		}
		c, err := loop.Run(ctx, h.loop, func(t *task.T) (im.Contact, error) { return h.im.Contact(t, u.Key(), to) })
		if err != nil {
			return // nothing is known of him yet
		}
		for _, d := range c.Devices {
			if err := f.Node.Reach(ctx, d); err != nil {
				continue
			}
			if err := h.loop.Call(ctx, func() { h.im.Nudge(d) }); err != nil {
				return // the node stops
			}
		}
	})
}

// Inbox implements api.Node.
func (f Face) Inbox(ctx context.Context, q api.InboxQuery) ([]api.Message, error) {
	if q.Limit < 0 || q.Limit > 1000 {
		return nil, api.Errorf(api.Usage, "a limit of %d messages: 1 to 1,000 are possible", q.Limit)
	}
	return withUser(ctx, f, q.User, func(t *task.T, h *Here, u *people.Resident) ([]api.Message, error) {
		list, err := h.im.Inbox(t, u.Key(), im.InboxOptions{Unread: q.Unread, Since: letter.MsgID{ID: q.Since}, Limit: q.Limit})
		return messages(list, u.Name()), err
	})
}

// MarkRead implements api.Node.
func (f Face) MarkRead(ctx context.Context, user string, ids []id.ID) error {
	if len(ids) > 1000 {
		return api.Errorf(api.Usage, "%d messages at once: 1,000 are possible", len(ids))
	}
	_, err := withUser(ctx, f, user, func(t *task.T, h *Here, u *people.Resident) (struct{}, error) {
		list := make([]letter.MsgID, len(ids))
		for i, x := range ids {
			list[i] = letter.MsgID{ID: x}
		}
		return struct{}{}, h.im.MarkRead(t, u.Key(), list...)
	})
	return err
}

// Conversations implements api.Node.
func (f Face) Conversations(ctx context.Context, user string) ([]api.Conversation, error) {
	return withUser(ctx, f, user, func(t *task.T, h *Here, u *people.Resident) ([]api.Conversation, error) {
		list, err := h.im.Conversations(t, u.Key())
		var out []api.Conversation
		for i := range list {
			out = append(out, api.Conversation{With: list[i].With.String(), Last: *message(&list[i].Last, u.Name()), Unread: list[i].Unread})
		}
		return out, err
	})
}

// Conversation implements api.Node.
func (f Face) Conversation(ctx context.Context, q api.ConversationQuery) ([]api.Message, error) {
	if q.Limit < 0 || q.Limit > 1000 {
		return nil, api.Errorf(api.Usage, "a limit of %d messages: 1 to 1,000 are possible", q.Limit)
	}
	return withUser(ctx, f, q.User, func(t *task.T, h *Here, u *people.Resident) ([]api.Message, error) {
		list, err := h.im.Conversation(t, u.Key(), q.With, letter.MsgID{ID: q.Since}, q.Limit)
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
func (f Face) ContactList(ctx context.Context, user string) ([]api.Contact, error) {
	return withUser(ctx, f, user, func(t *task.T, h *Here, u *people.Resident) ([]api.Contact, error) {
		list, err := h.im.Contacts(t, u.Key())
		var out []api.Contact
		for i := range list {
			out = append(out, *contact(&list[i]))
		}
		return out, err
	})
}

// ContactAdd implements api.Node.
func (f Face) ContactAdd(ctx context.Context, q api.Who) (*api.Contact, error) {
	c, err := withUser(ctx, f, q.User, func(t *task.T, h *Here, u *people.Resident) (*api.Contact, error) {
		c, err := h.im.AddContact(t, u.Key(), q.Name)
		return contact(&c), err
	})
	return c, kind.AboutName(err, q.Name)
}

// ContactAccept implements api.Node.
func (f Face) ContactAccept(ctx context.Context, q api.Who) (*api.Contact, error) {
	waits, err := withUser(ctx, f, q.User, func(t *task.T, h *Here, u *people.Resident) (bool, error) {
		c, err := h.im.Contact(t, u.Key(), q.Name)
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
func (f Face) ContactRemove(ctx context.Context, q api.Who) error {
	_, err := withUser(ctx, f, q.User, func(t *task.T, h *Here, u *people.Resident) (struct{}, error) {
		c, err := h.im.Contact(t, u.Key(), q.Name)
		switch {
		case err != nil:
			return struct{}{}, err
		case c.Request:
			return struct{}{}, h.im.Decline(t, u.Key(), q.Name)
		}
		return struct{}{}, h.im.RemoveContact(t, u.Key(), q.Name)
	})
	return err
}

// ContactBlock implements api.Node.
func (f Face) ContactBlock(ctx context.Context, q api.Who) error {
	_, err := withUser(ctx, f, q.User, func(t *task.T, h *Here, u *people.Resident) (struct{}, error) {
		return struct{}{}, h.im.Block(t, u.Key(), q.Name)
	})
	return kind.AboutName(err, q.Name)
}

// UserKeys implements api.Node.
func (f Face) UserKeys(ctx context.Context, q api.Who) (*api.KeyPair, error) {
	u, err := f.Node.People().Named(q.User)
	if err != nil {
		return nil, err
	}
	k, err := loop.Do(ctx, f.Node.Here(), func(t *task.T, h *Here) (im.Keys, error) { return h.im.Keys(t, u.Key(), q.Name) })
	if err != nil {
		return nil, kind.AboutName(err, q.Name)
	}
	out := &api.KeyPair{Name: k.Name, Mine: people.Fingerprint(u.Key()), Pinned: people.Fingerprint(k.Pinned), Verified: k.Verified}
	if !k.Found.IsZero() {
		found := people.Fingerprint(k.Found)
		out.Found = &found
	}
	return out, nil
}

// UserVerify implements api.Node.
func (f Face) UserVerify(ctx context.Context, q api.Who, print string) error {
	u, err := f.Node.People().Named(q.User)
	if err != nil {
		return err
	}
	fp, err := keys.ParseFingerprint(print)
	if err != nil {
		return api.Wrap(api.Usage, err)
	}
	_, err = loop.Do(ctx, f.Node.Here(), func(t *task.T, h *Here) (loop.Nothing, error) {
		return loop.Nothing{}, h.im.Verify(t, u.Key(), q.Name, fp.String())
	})
	return kind.AboutName(err, q.Name)
}

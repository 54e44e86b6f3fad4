package im

import (
	"errors"
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/im/books"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// Send writes a message from a user of this node to a name. When it returns without
// an error the message is durable in the outbox, and goes out as soon as one of the
// receiver's nodes can be reached; see Await for what becomes of it.
//
// To a name that is pinned nothing is read before that. To any other the
// directory is asked, and its answer that there is no such name, or that it is
// disputed, is returned (directory.ErrNotFound, ErrDisputed): nothing is queued
// then. If the directory cannot be reached within 10 s the message is queued, and
// the name is looked up later; should it not exist, the state becomes Failed.
//
// Other errors: ErrNoUser, ErrEmptyText, ErrTooLong, ErrNotText, directory.ErrName,
// *KeyChangedError, ErrBlocked, ErrQueueFull: nothing is queued. After an error of
// the store, or task.ErrStopped, the message may be queued or not.
func (m *IM) Send(t *task.T, from peer.Key, to, text string) (letter.MsgID, State, error) {
	a, err := m.of(from)
	if err != nil {
		return letter.MsgID{}, 0, err
	}
	if err := letter.CheckText(text); err != nil {
		return letter.MsgID{}, 0, err
	}
	name, err := personName(to)
	if err != nil {
		return letter.MsgID{}, 0, err
	}
	d := books.Draft{ID: letter.MsgID{ID: m.random()}, Name: name, Text: text, Most: m.cfg.MaxQueued}
	pinned, err := transact(t, a, func(l *books.Ledger) (bool, error) { return l.Enqueue(d) })
	if err != nil {
		return letter.MsgID{}, 0, err
	}
	if !pinned {
		if err := a.firstReading(t, d); err != nil {
			return letter.MsgID{}, 0, err
		}
	}
	a.kick(name, true)
	if at, ok := a.courier(name); ok && pinned {
		a.couriers[at].readBeside()
	}
	return d.ID, Queued, nil
}

// sendPatience bounds the wait for the directory in Send.
const sendPatience = 10 * time.Second

// firstReading looks up a name that was never written to, and pins what it finds.
// What cannot be sent for good is taken back.
func (a *account) firstReading(t *task.T, d books.Draft) error {
	got, err := a.room.shortLookup(t, d.Name, sendPatience)
	if err == nil {
		var p books.Pin
		if p, err = transact(t, a, func(l *books.Ledger) (books.Pin, error) { return l.Meet(d.Name, got) }); err == nil {
			err = p.Blocked()
		}
	}
	switch {
	case err == nil:
		return nil
	case noSuchName(err), isDisputed(err), errors.Is(err, ErrBlocked), errors.Is(err, ErrKeyChanged):
		_, undo := transact(t, a, func(l *books.Ledger) (struct{}, error) { return l.Withdraw(d.Name, d.ID) })
		return errors.Join(err, undo)
	case errors.Is(err, task.ErrStopped):
		return err
	}
	return nil // the courier will try again
}

// Await gives way until a message of the user's has come as far as want, has failed,
// or timeout has passed, and returns it as it then is. That it did not get that far
// is no error. Errors: ErrNoUser, ErrNoMessage.
func (m *IM) Await(t *task.T, user peer.Key, id letter.MsgID, want State, timeout time.Duration) (Message, error) {
	w := &wait{user: user, id: id, want: want}
	m.waits = append(m.waits, w)
	defer func() {
		m.waits = slices.DeleteFunc(m.waits, func(x *wait) bool { return x == w })
	}()
	msg, err := m.Message(t, user, id)
	if err != nil || w.reached(msg) || timeout <= 0 {
		return msg, err
	}
	_, err = task.Await(t, timeout, func(resolve func(struct{}, error)) {
		if w.over {
			resolve(struct{}{}, nil)
		}
		w.resolve = func() { resolve(struct{}{}, nil) }
	})
	if errors.Is(err, task.ErrStopped) {
		return msg, err
	}
	return m.Message(t, user, id)
}

// wait is somebody who wants to know when a message has come so far.
type wait struct {
	user    peer.Key
	id      letter.MsgID
	want    State
	over    bool
	resolve func()
}

func (w *wait) reached(msg Message) bool { return msg.State == Failed || msg.State >= w.want }

func (m *IM) resolveWaits(msg Message) {
	for _, w := range m.waits {
		if !w.over && w.user == msg.User && w.id == msg.ID && w.reached(msg) {
			w.over = true
			if w.resolve != nil {
				w.resolve()
			}
		}
	}
}

// Message returns a message that the user has sent, or received, by its id; of two
// with one id (which only a hostile sender makes) the one that was sent, or else the
// first received. Errors: ErrNoUser, ErrNoMessage.
func (m *IM) Message(t *task.T, user peer.Key, id letter.MsgID) (Message, error) {
	return ask(m, t, user, func(l *books.Ledger) (Message, error) { return l.ByID(id) })
}

// Inbox lists received messages, oldest first. It marks nothing as read. Errors:
// ErrNoUser, ErrNoMessage (for Since).
func (m *IM) Inbox(t *task.T, user peer.Key, o InboxOptions) ([]Message, error) {
	return ask(m, t, user, func(l *books.Ledger) ([]Message, error) { return l.Inbox(o) })
}

// Conversation lists what was said with somebody, both ways, oldest first, after
// the message since (zero: all), at most limit messages, the newest ones (0: 1,000).
// who is a name or a fingerprint. Errors: ErrNoUser, ErrNobody, ErrNoMessage.
func (m *IM) Conversation(t *task.T, user peer.Key, who string, since letter.MsgID, limit int) ([]Message, error) {
	return ask(m, t, user, func(l *books.Ledger) ([]Message, error) { return l.Talk(normal(who), since, limit) })
}

// Conversations lists those with whom messages were exchanged, the latest first, as
// far as the user's newest 5,000 messages tell.
func (m *IM) Conversations(t *task.T, user peer.Key) ([]Conversation, error) {
	return ask(m, t, user, (*books.Ledger).Conversations)
}

// MarkRead notes that a person's program has shown received messages: they are no
// longer unread, and their senders will be told (strangers only once they are
// accepted). Call it after they were shown, never before. Errors: ErrNoUser,
// ErrNoMessage; of up to MaxReceipt messages then none is changed.
func (m *IM) MarkRead(t *task.T, user peer.Key, ids ...letter.MsgID) error {
	a, err := m.of(user)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(ids, letter.MaxReceipt) {
		if _, err := transact(t, a, func(l *books.Ledger) (struct{}, error) { return l.MarkRead(part) }); err != nil {
			return err
		}
	}
	return nil
}

// Queued is the number of a user's messages in the outbox: not delivered yet, or
// not yet to all of the receiver's devices. Errors: ErrNoUser.
func (m *IM) Queued(t *task.T, user peer.Key) (int, error) {
	return ask(m, t, user, func(l *books.Ledger) (int, error) { return l.Queued(), nil })
}

// ask is query for calls from outside.
func ask[V any](m *IM, t *task.T, user peer.Key, f func(*books.Ledger) (V, error)) (V, error) {
	a, err := m.of(user)
	if err != nil {
		var none V
		return none, err
	}
	return query(t, a, f)
}

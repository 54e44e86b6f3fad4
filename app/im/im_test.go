package im_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/task"
)

func TestMessageGoesThroughItsStates(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	b.add(bob, "alice")

	m := a.mustSend(alice, "Bob", "hello")
	if st := a.state(alice, m); st != im.Queued {
		t.Fatalf("just sent: %v", st)
	}
	w.calm(time.Second)
	msg := a.message(alice, m)
	if msg.State != im.Delivered || msg.DeliveredAt.IsZero() || !msg.ReadAt.IsZero() || msg.With.Name != "bob" || msg.With.Key != bob.Key() {
		t.Fatalf("delivered: %+v", msg)
	}

	got := b.inbox(bob, im.InboxOptions{Unread: true})
	if len(got) != 1 || got[0].Text != "hello" || got[0].With.String() != "alice" || !got[0].With.Proven() || got[0].ID != m || got[0].Mine {
		t.Fatalf("inbox: %+v", got)
	}
	if got[0].ReceivedAt.Before(got[0].SentAt) || got[0].SentAt.IsZero() || !got[0].SentAt.Equal(msg.SentAt) {
		t.Errorf("times: %+v", got[0])
	}
	w.net.Run(time.Minute)
	if st := a.state(alice, m); st != im.Delivered {
		t.Fatalf("nobody has read it, and it is %v", st)
	}

	b.read(bob, got)
	if n := len(b.inbox(bob, im.InboxOptions{Unread: true})); n != 0 {
		t.Errorf("%d unread after reading", n)
	}
	w.calm(time.Second)
	if msg := a.message(alice, m); msg.State != im.Read || msg.ReadAt.IsZero() {
		t.Fatalf("read: %+v", msg)
	}

	var kinds []string
	for _, e := range a.events {
		if e.Kind == im.EventState {
			kinds = append(kinds, e.Message.State.String())
		}
		if e.User != alice.Key() {
			t.Errorf("event of another user: %+v", e)
		}
	}
	if !slices.Equal(kinds, []string{"delivered", "read"}) {
		t.Errorf("alice was told %v", kinds)
	}
}

func TestAwaitReturnsTheStateReached(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	await := func(m letter.MsgID, want im.State, d time.Duration) (msg im.Message) {
		a.must(func(t *task.T) (err error) {
			msg, err = a.Await(t, alice.Key(), m, want, d)
			return err
		})
		return msg
	}
	m := a.mustSend(alice, "bob", "hello")
	before := w.net.Elapsed()
	if msg := await(m, im.Delivered, 5*time.Second); msg.State != im.Delivered || w.net.Elapsed()-before > time.Second {
		t.Errorf("%v after %v", msg.State, w.net.Elapsed()-before)
	}
	if msg := await(m, im.Delivered, 0); msg.State != im.Delivered {
		t.Errorf("asked again: %v", msg.State)
	}
	before = w.net.Elapsed()
	if msg := await(m, im.Read, 5*time.Second); msg.State != im.Delivered || w.net.Elapsed()-before < 5*time.Second {
		t.Errorf("%v after %v", msg.State, w.net.Elapsed()-before)
	}
	b.kill()
	if msg := await(a.mustSend(alice, "bob", "are you there?"), im.Delivered, 5*time.Second); msg.State != im.Queued {
		t.Errorf("bob is away: %v", msg.State)
	}
	err := a.call(func(t *task.T) error {
		_, err := a.Await(t, alice.Key(), letter.MsgID{}, im.Read, time.Second)
		return err
	})
	if !errors.Is(err, im.ErrNoMessage) {
		t.Errorf("no such message: %v", err)
	}
}

func TestSendRefuses(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice := user("alice")
	a := w.computer(10, alice)
	w.computer(20, user("bob"))
	for _, c := range []struct {
		name, to, text string
		want           error
		says           string
	}{
		{"nobody of that name", "nobody", "x", directory.ErrNotFound, ""},
		{"not a name", "bob@home", "x", directory.ErrName, ""},
		{"a room's name", "#bob", "x", directory.ErrName, "room"},
		{"an id for a name", strings.Repeat("ab", 16), "x", directory.ErrName, ""},
		{"empty", "bob", "", letter.ErrEmptyText, ""},
		{"too long", "bob", strings.Repeat("x", letter.MaxText+1), letter.ErrTooLong, "--file FILE"},
		{"not UTF-8", "bob", "a\xffb", letter.ErrNotText, ""},
		{"a lone surrogate", "bob", "\xed\xa0\x80", letter.ErrNotText, ""},
	} {
		_, err := a.send(alice, c.to, c.text)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := a.send(user("carol"), "bob", "x"); !errors.Is(err, im.ErrNoUser) {
		t.Errorf("a user of another node: %v", err)
	}
	w.net.Run(time.Minute)
	for _, b := range w.books() {
		if len(b.Messages) != 0 {
			t.Errorf("something was kept: %+v", b.Messages)
		}
	}
}

// Row 43 of the hostile inputs: what is UTF-8 is carried as it is.
func TestTextsThatLookBadArriveAsTheyAre(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	b.add(bob, "alice")
	want := []string{
		"NUL \x00 inside", "bidi \u202e override", "a" + strings.Repeat("\u0301", 10_000), "zero\u200bwidth",
		"\x1b[31mred\x1b[0m\a", "\r\n", strings.Repeat("田", letter.MaxText/3), strings.Repeat("x", letter.MaxText), "x",
	}
	for _, s := range want {
		a.mustSend(alice, "bob", s)
	}
	w.calm(5 * time.Second)
	if got := texts(b.inbox(bob, im.InboxOptions{})); !slices.Equal(got, want) {
		t.Errorf("got %d texts, not the ones that were sent", len(got))
	}
}

func TestReceiverIsAwayAndComesBack(t *testing.T) {
	for _, away := range []time.Duration{30 * time.Second, time.Hour, 3 * 24 * time.Hour} {
		w := newWorld(t, kbrtest.Config{Seed: 7})
		alice, bob := user("alice"), user("bob")
		a, b := w.computer(10, alice), w.computer(200, bob)
		b.add(bob, "alice")
		a.mustSend(alice, "bob", "0")
		w.calm(time.Second)
		b.kill()
		want := []string{"0"}
		for i := range 40 {
			want = append(want, string(rune('A'+i)))
			a.mustSend(alice, "bob", want[len(want)-1])
		}
		w.net.Run(away)
		w.check()
		if n := w.queued(a, alice); n != 40 {
			t.Errorf("%d queued while bob is away", n)
		}
		b.start()
		w.calm(time.Minute)
		if got := texts(b.inbox(bob, im.InboxOptions{})); !slices.Equal(got, want) {
			t.Errorf("away %v: got %q", away, got)
		}
		if n := w.queued(a, alice); n != 0 {
			t.Errorf("%d still queued", n)
		}
	}
}

// Few may be carried to at a time; who is dead takes no place from the living for long.
func TestCarriersTakeTurns(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	w.cfg.MaxCarriers, w.cfg.PushTimeout = 1, 5*time.Second
	alice := user("alice")
	a := w.computer(10, alice)
	for i := range 6 {
		u := user(fmt.Sprint("p", i))
		c := w.computer(uint8(20+i), u)
		if i%2 == 0 {
			c.node.Pause() // silent: the overlay believes it to be there
		}
	}
	for range 3 {
		for i := range 6 {
			a.mustSend(alice, fmt.Sprint("p", i), "hello")
		}
	}
	w.net.Run(2 * time.Minute)
	if n := w.queued(a, alice); n != 9 {
		t.Errorf("%d are queued, want those for the three who are silent", n)
	}
	for _, c := range w.all {
		c.node.Resume()
	}
	w.calm(2 * time.Minute)
}

func (w *world) queued(c *computer, u im.User) (n int) {
	w.Helper()
	c.must(func(t *task.T) (err error) {
		n, err = c.Queued(t, u.Key())
		return err
	})
	return n
}

func TestSenderRestartsBeforeTheReceiverIsBack(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	b.add(bob, "alice")
	a.mustSend(alice, "bob", "one")
	w.calm(time.Second)
	b.kill()
	a.mustSend(alice, "bob", "two")
	a.kill()
	b.start()
	w.net.Run(time.Minute)
	w.check()
	a.start()
	a.mustSend(alice, "bob", "three")
	w.calm(30 * time.Second)
	if got := texts(b.inbox(bob, im.InboxOptions{})); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("got %q", got)
	}
}

func TestUsersOfOneNodeAndOneselfCanBeWrittenTo(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	c := w.computer(10, alice, bob)
	c.mustSend(alice, "bob", "hello neighbour")
	c.mustSend(bob, "alice", "hello")
	c.mustSend(alice, "alice", "a note")
	w.calm(5 * time.Second)
	if got := texts(c.inbox(bob, im.InboxOptions{})); !slices.Equal(got, []string{"hello neighbour"}) {
		t.Errorf("bob got %q", got)
	}
	if got := texts(c.inbox(alice, im.InboxOptions{NoRequests: true})); !slices.Equal(got, []string{"hello", "a note"}) {
		t.Errorf("alice got %q", got)
	}
	if n := len(c.Users()); n != 2 {
		t.Errorf("%d users", n)
	}
	c.node.Do(func() { c.RemoveUser(bob.Key()) })
	if _, err := c.send(bob, "alice", "x"); !errors.Is(err, im.ErrNoUser) {
		t.Errorf("removed: %v", err)
	}
	c.mustSend(alice, "bob", "are you there?")
	w.net.Run(10 * time.Second)
	if n := w.queued(c, alice); n != 1 {
		t.Errorf("%d queued for a user who left", n)
	}
	c.node.Do(func() {
		if err := c.AddUser(bob); err != nil {
			t.Error(err)
		}
	})
	w.calm(time.Minute)
}

func TestHistoryAndConversations(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 3})
	alice, bob, carol := user("alice"), user("bob"), user("carol")
	a, b, c := w.computer(10, alice), w.computer(100, bob), w.computer(200, carol)
	a.mustSend(alice, "bob", "1")
	w.calm(time.Second)
	b.mustSend(bob, "alice", "2")
	w.calm(time.Second)
	c.mustSend(carol, "alice", "3")
	w.calm(time.Second)
	four := a.mustSend(alice, "bob", "4")
	w.calm(time.Second)

	talk := func(who string, since letter.MsgID, limit int) (list []im.Message) {
		a.must(func(t *task.T) (err error) {
			list, err = a.Conversation(t, alice.Key(), who, since, limit)
			return err
		})
		return list
	}
	all := talk("BOB", letter.MsgID{}, 0)
	if got := texts(all); !slices.Equal(got, []string{"1", "2", "4"}) || all[0].Mine != true || all[1].Mine {
		t.Errorf("with bob: %q", got)
	}
	if got := texts(talk("bob", all[0].ID, 0)); !slices.Equal(got, []string{"2", "4"}) {
		t.Errorf("since the first: %q", got)
	}
	if got := texts(talk("bob", letter.MsgID{}, 2)); !slices.Equal(got, []string{"2", "4"}) {
		t.Errorf("the last two: %q", got)
	}
	if got := texts(talk(directory.Fingerprint(carol.Key()), letter.MsgID{}, 0)); !slices.Equal(got, []string{"3"}) {
		t.Errorf("by fingerprint: %q", got)
	}
	err := a.call(func(t *task.T) error {
		_, err := a.Conversation(t, alice.Key(), "dave", letter.MsgID{}, 0)
		return err
	})
	if !errors.Is(err, im.ErrNobody) {
		t.Errorf("with nobody: %v", err)
	}

	var list []im.Conversation
	a.must(func(t *task.T) (err error) {
		list, err = a.Conversations(t, alice.Key())
		return err
	})
	if len(list) != 2 || list[0].With.Name != "bob" || list[0].Last.ID != four || list[0].Unread != 1 ||
		list[1].With.Name != "carol" || list[1].Unread != 1 || !list[1].Last.Request {
		t.Errorf("conversations: %+v", list)
	}

	in := a.inbox(alice, im.InboxOptions{})
	if got := texts(in); !slices.Equal(got, []string{"2", "3"}) {
		t.Errorf("inbox: %q", got)
	}
	if got := texts(a.inbox(alice, im.InboxOptions{Since: in[0].ID})); !slices.Equal(got, []string{"3"}) {
		t.Errorf("since: %q", got)
	}
	if got := texts(a.inbox(alice, im.InboxOptions{Limit: 1})); !slices.Equal(got, []string{"3"}) {
		t.Errorf("the newest: %q", got)
	}
	if got := texts(a.inbox(alice, im.InboxOptions{Limit: 1, Unread: true})); !slices.Equal(got, []string{"2"}) {
		t.Errorf("the oldest unread: %q", got)
	}
	if got := texts(a.inbox(alice, im.InboxOptions{NoRequests: true})); !slices.Equal(got, []string{"2"}) {
		t.Errorf("without requests: %q", got)
	}
	if err := a.call(func(t *task.T) error { return a.MarkRead(t, alice.Key(), letter.MsgID{}) }); !errors.Is(err, im.ErrNoMessage) {
		t.Errorf("MarkRead of nothing: %v", err)
	}
}

package im_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

func TestStrangersWaitUntilTheyAreAccepted(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	m1 := a.mustSend(alice, "bob", "hello")
	m2 := a.mustSend(alice, "bob", "I am alice")
	w.calm(5 * time.Second)

	told := map[im.EventKind]int{}
	for _, e := range b.since() {
		told[e.Kind]++
		if e.Kind == im.EventMessage && (!e.Message.Request || e.Message.With.Name != "alice") {
			t.Errorf("%+v", e.Message)
		}
	}
	if told[im.EventMessage] != 2 || told[im.EventRequest] != 1 {
		t.Errorf("events: %v", told)
	}
	list := b.contacts(bob)
	if len(list) != 1 || !list[0].Request || list[0].Waiting != 2 || list[0].Name != "alice" || list[0].Added {
		t.Fatalf("contacts: %+v", list)
	}
	got := b.inbox(bob, im.InboxOptions{})
	if !slices.Equal(texts(got), []string{"hello", "I am alice"}) || !got[0].Request || !got[0].With.Proven() {
		t.Fatalf("inbox: %+v", got)
	}
	if n := len(b.inbox(bob, im.InboxOptions{NoRequests: true})); n != 0 {
		t.Errorf("%d without requests", n)
	}

	// To look at a request tells the stranger nothing; to accept it does.
	b.read(bob, got[:1])
	w.net.Run(2 * time.Minute)
	for _, m := range []letter.MsgID{m1, m2} {
		if st := a.state(alice, m); st != im.Delivered {
			t.Errorf("before bob accepts: %v", st)
		}
	}
	b.add(bob, "alice")
	w.calm(time.Minute)
	if st1, st2 := a.state(alice, m1), a.state(alice, m2); st1 != im.Read || st2 != im.Delivered {
		t.Errorf("after bob has accepted: %v, %v", st1, st2)
	}
	if got := b.inbox(bob, im.InboxOptions{NoRequests: true}); len(got) != 2 || got[0].Request {
		t.Errorf("inbox: %+v", got)
	}
	if c := b.contact(bob, "alice"); c.Request || !c.Added || c.Waiting != 0 {
		t.Errorf("contact: %+v", c)
	}
}

func TestToAnswerIsToAccept(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	a.mustSend(alice, "bob", "hello")
	w.calm(time.Second)
	b.mustSend(bob, "alice", "hello alice")
	w.calm(10 * time.Second)
	if c := b.contact(bob, "alice"); c.Request || !c.Added {
		t.Errorf("bob's contact: %+v", c)
	}
	got := a.inbox(alice, im.InboxOptions{NoRequests: true})
	if !slices.Equal(texts(got), []string{"hello alice"}) || got[0].Request {
		t.Errorf("whom alice has written to is no stranger: %+v", got)
	}
}

func TestDeclinedStrangersMayAskAgainLater(t *testing.T) {
	simtest.WithoutRace(t)
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	a.mustSend(alice, "bob", "hello")
	w.calm(time.Second)
	b.must(func(t *task.T) error { return b.Decline(t, bob.Key(), "alice") })
	if n := len(b.inbox(bob, im.InboxOptions{})) + len(b.contacts(bob)); n != 0 {
		t.Errorf("%d left of a declined request", n)
	}
	w.check()
	m := a.mustSend(alice, "bob", "please")
	w.net.Run(20 * time.Hour)
	if st := a.state(alice, m); st != im.Queued || len(b.contacts(bob)) != 0 {
		t.Errorf("within a day: %v", st)
	}
	w.net.Run(10 * time.Hour)
	if st := a.state(alice, m); st != im.Delivered || len(b.contacts(bob)) != 1 {
		t.Errorf("a day later: %v", st)
	}
	if err := b.call(func(t *task.T) error { return b.Decline(t, bob.Key(), "carol") }); !errors.Is(err, im.ErrNobody) {
		t.Errorf("decline nobody: %v", err)
	}
	w.check()
}

func TestRequestHoldsFewMessagesAndTheRestFollows(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	w.cfg.MaxWaiting = 3
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	want := []string{}
	for i := range 7 {
		want = append(want, fmt.Sprint(i))
		a.mustSend(alice, "bob", want[i])
	}
	w.net.Run(2 * time.Minute)
	w.check()
	if got := texts(b.inbox(bob, im.InboxOptions{})); !slices.Equal(got, want[:3]) {
		t.Errorf("waiting: %q", got)
	}
	if n := w.queued(a, alice); n != 4 {
		t.Errorf("%d queued at alice's", n)
	}
	b.add(bob, "alice")
	w.calm(time.Minute)
	if got := texts(b.inbox(bob, im.InboxOptions{})); !slices.Equal(got, want) {
		t.Errorf("accepted: %q", got)
	}
}

func TestBlockedPeopleGetNothingInAndLearnNothing(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	b.add(bob, "alice")
	a.add(alice, "bob")
	a.mustSend(alice, "bob", "one")
	w.calm(time.Second)
	b.must(func(t *task.T) error { return b.Block(t, bob.Key(), "alice") })
	m := a.mustSend(alice, "bob", "two")
	w.net.Run(10 * time.Minute)
	if st := a.state(alice, m); st != im.Queued {
		t.Errorf("blocked: %v", st)
	}
	if c := a.contact(alice, "bob"); c.Online {
		t.Error("alice sees that bob is there")
	}
	if _, err := b.send(bob, "alice", "x"); !errors.Is(err, im.ErrBlocked) {
		t.Errorf("writing to one whom he blocks: %v", err)
	}
	if list := b.contacts(bob); len(list) != 1 || !list[0].Blocked {
		t.Errorf("contacts: %+v", list)
	}
	b.add(bob, "alice")
	w.calm(time.Minute)
	if got := texts(b.inbox(bob, im.InboxOptions{})); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("unblocked: %q", got)
	}

	// Before a first word too: by name, and a name that there is not.
	b.must(func(t *task.T) error { return b.Block(t, bob.Key(), "alice") })
	carol := user("carol")
	c := w.computer(50, carol)
	b.must(func(t *task.T) error { return b.Block(t, bob.Key(), "carol") })
	m = c.mustSend(carol, "bob", "hello")
	w.net.Run(time.Minute)
	if st := c.state(carol, m); st != im.Queued {
		t.Errorf("carol was blocked before: %v", st)
	}
	if err := b.call(func(t *task.T) error { return b.Block(t, bob.Key(), "dave") }); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("block a name that there is not: %v", err)
	}
	// A name that is looked up only now turns out to be somebody who is blocked.
	if _, err := b.send(bob, "carol", "x"); !errors.Is(err, im.ErrBlocked) {
		t.Errorf("writing to carol: %v", err)
	}
	w.check()
}

func TestRemovedContactsAreStrangersAgain(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	b.add(bob, "alice")
	a.mustSend(alice, "bob", "one")
	w.calm(time.Second)
	b.must(func(t *task.T) error { return b.RemoveContact(t, bob.Key(), "alice") })
	if n := len(b.contacts(bob)); n != 0 {
		t.Errorf("%d contacts", n)
	}
	a.mustSend(alice, "bob", "two")
	w.calm(time.Minute)
	if list := b.contacts(bob); len(list) != 1 || !list[0].Request || list[0].Waiting != 1 {
		t.Errorf("contacts: %+v", list)
	}
	if err := b.call(func(t *task.T) error { return b.RemoveContact(t, bob.Key(), "nobody") }); !errors.Is(err, im.ErrNobody) {
		t.Errorf("%v", err)
	}
}

func TestContactsAreBoundedAndChecked(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	w.cfg.MaxContacts = 2
	bob := user("bob")
	b := w.computer(200, bob)
	for i := range 4 {
		w.list(user(fmt.Sprint("p", i)), 10)
	}
	b.add(bob, "p0")
	b.add(bob, "P1")
	add := func(who string) error {
		return b.call(func(t *task.T) error {
			_, err := b.AddContact(t, bob.Key(), who)
			return err
		})
	}
	if err := add("p2"); !errors.Is(err, im.ErrTooMany) {
		t.Errorf("the third of two: %v", err)
	}
	if err := add("nobody"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	if err := add("not a name"); !errors.Is(err, directory.ErrName) {
		t.Errorf("not a name: %v", err)
	}
	if _, err := b.Contacts(nil, user("alice").Key()); !errors.Is(err, im.ErrNoUser) {
		t.Errorf("another's contacts: %v", err)
	}
}

func TestOutboxIsBounded(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	w.cfg.MaxQueued = 5
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	b.add(bob, "alice")
	a.mustSend(alice, "bob", "0")
	w.calm(time.Second)
	b.kill()
	for range 5 {
		a.mustSend(alice, "bob", "x")
	}
	if _, err := a.send(alice, "bob", "x"); !errors.Is(err, im.ErrQueueFull) {
		t.Errorf("%v", err)
	}
	b.start()
	w.calm(time.Minute)
	a.mustSend(alice, "bob", "y")
	w.calm(time.Minute)
}

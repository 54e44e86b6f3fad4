package im_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/task"
)

func TestPinnedNameNeedsNoReading(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	b.add(bob, "alice")
	a.mustSend(alice, "bob", "one")
	w.calm(time.Second)
	w.phone.err = directory.ErrNotReachable
	m := a.mustSend(alice, "bob", "two")
	w.calm(time.Second)
	if st := a.state(alice, m); st != im.Delivered {
		t.Errorf("without a directory: %v", st)
	}
}

func TestUnreachableDirectoryKeepsTheMessage(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a := w.computer(10, alice)
	w.computer(200, bob)
	w.phone.err = directory.ErrNotReachable
	m1 := a.mustSend(alice, "bob", "to a name that there is")
	m2 := a.mustSend(alice, "nobody", "to a name that there is not")
	w.net.Run(time.Hour)
	a.kill()
	a.start()
	w.net.Run(time.Minute)
	for _, m := range []letter.MsgID{m1, m2} {
		if st := a.state(alice, m); st != im.Queued {
			t.Errorf("nobody knows the name: %v", st)
		}
	}
	w.phone.err = nil
	w.net.Run(time.Minute)
	if st := a.state(alice, m1); st != im.Delivered {
		t.Errorf("bob's is %v", st)
	}
	if msg := a.message(alice, m2); msg.State != im.Failed || !strings.Contains(msg.Reason, "no such name") {
		t.Errorf("nobody's is %+v", msg)
	}
	if n := w.queued(a, alice); n != 0 {
		t.Errorf("%d queued", n)
	}
	w.check()
}

func TestDisputedNameIsNotWrittenTo(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice := user("alice")
	a := w.computer(10, alice)
	w.phone.err = &directory.DisputedError{Name: "bob", Keys: nil}
	if _, err := a.send(alice, "bob", "x"); !errors.Is(err, directory.ErrDisputed) {
		t.Errorf("%v", err)
	}
	if n := w.queued(a, alice); n != 0 {
		t.Errorf("%d queued", n)
	}
}

// rekey gives bob's name to another key, whose user lives on the node number.
func (w *world) rekey(number uint8) im.User {
	eve := keyed("bob", "eve")
	w.phone.records["bob"] = &directory.Record{Name: "bob", Identity: eve.Key(), SealKey: eve.Seals[0].Opener.SealKey(), SealNumber: 1,
		Devices: []*directory.Device{{Node: id.Tiny(number)}}, Version: 9}
	return eve
}

func TestChangedKeyIsShownAndBlocksSending(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	b.add(bob, "alice")
	m1 := a.mustSend(alice, "bob", "for bob")
	w.calm(time.Second)
	b.kill()
	waits := a.mustSend(alice, "bob", "for bob, who is away")
	w.net.Run(5 * time.Second)

	eve := w.rekey(66)
	e := w.computer2(66, eve)
	w.net.Run(3 * time.Minute)
	_, err := a.send(alice, "bob", "for whom?")
	var changed *im.KeyChangedError
	if !errors.As(err, &changed) || !errors.Is(err, im.ErrKeyChanged) || changed.Pinned != bob.Key() || changed.Found != eve.Key() {
		t.Fatalf("%v", err)
	}
	for _, k := range []string{directory.Fingerprint(bob.Key()), directory.Fingerprint(eve.Key()), "verify bob"} {
		if !strings.Contains(err.Error(), k) {
			t.Errorf("%q is not in: %v", k, err)
		}
	}
	shown := 0
	for _, ev := range a.since() {
		if ev.Kind == im.EventKeyChanged && ev.Contact.Key == bob.Key() && ev.Contact.Changed == eve.Key() && ev.Contact.Name == "bob" {
			shown++
		}
	}
	if shown != 1 {
		t.Errorf("shown %d times", shown)
	}
	w.net.Run(time.Hour)
	if st := a.state(alice, waits); st != im.Queued {
		t.Errorf("what waits is %v", st)
	}
	if n := len(e.inbox(eve, im.InboxOptions{})); n != 0 {
		t.Fatalf("eve got %d messages", n)
	}

	verify := func(print string) error {
		return a.call(func(t *task.T) error { return a.Verify(t, alice.Key(), "Bob", print) })
	}
	if err := verify(directory.Fingerprint(alice.Key())); !errors.Is(err, im.ErrFingerprint) {
		t.Errorf("a wrong fingerprint: %v", err)
	}
	var keys im.Keys
	a.must(func(t *task.T) (err error) {
		keys, err = a.Keys(t, alice.Key(), "bob")
		return err
	})
	if want := (im.Keys{Name: "bob", Pinned: bob.Key(), Found: eve.Key()}); keys != want {
		t.Errorf("keys: %+v", keys)
	}
	if err := verify(directory.Fingerprint(eve.Key())); err != nil {
		t.Fatal(err)
	}
	w.net.Run(time.Minute)
	m3 := a.mustSend(alice, "bob", "for the new one")
	w.net.Run(time.Minute)
	for m, to := range map[letter.MsgID]im.User{m1: bob, waits: eve, m3: eve} {
		if msg := a.message(alice, m); msg.State != im.Delivered || msg.With.Key != to.Key() {
			t.Errorf("%q is %v with %v", msg.Text, msg.State, msg.With.Key)
		}
	}
	if got := texts(e.inbox(eve, im.InboxOptions{})); !slices.Equal(got, []string{"for bob, who is away", "for the new one"}) {
		t.Errorf("the new bob has %q", got)
	}
	if c := a.contact(alice, "bob"); !c.Verified || c.Key != eve.Key() || !c.Changed.IsZero() {
		t.Errorf("%+v", c)
	}
	w.check()
}

// computer2 starts a computer without telling the directory.
func (w *world) computer2(number uint8, users ...im.User) *computer {
	w.Helper()
	before := map[string]*directory.Record{}
	for _, u := range users {
		before[u.Name] = w.phone.records[u.Name]
	}
	c := w.computer(number, users...)
	for _, u := range users {
		w.phone.records[u.Name] = before[u.Name]
	}
	return c
}

func TestKeyThatComesBackLetsMessagesGo(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	a.mustSend(alice, "bob", "one")
	w.calm(time.Second)
	right := w.phone.records["bob"]
	b.kill()
	m := a.mustSend(alice, "bob", "two")
	w.rekey(66)
	w.net.Run(3 * time.Minute)
	if _, err := a.send(alice, "bob", "three"); !errors.Is(err, im.ErrKeyChanged) {
		t.Errorf("%v", err)
	}
	b.start()
	w.phone.records["bob"] = right
	w.net.Run(3 * time.Minute)
	if st := a.state(alice, m); st != im.Delivered {
		t.Errorf("the directory is right again, and the message is %v", st)
	}
	if _, err := a.send(alice, "bob", "three"); err != nil {
		t.Error(err)
	}
	w.check()
}

func TestOlderRecordsAreNotBelieved(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	b.add(bob, "alice")
	w.list(bob, 201) // version 2
	a.mustSend(alice, "bob", "one")
	old := *w.phone.records["bob"]
	old.Version, old.Devices = 1, []*directory.Device{{Node: id.Tiny(99)}}
	w.phone.records["bob"] = &old
	w.net.Run(3 * time.Minute)
	m := a.mustSend(alice, "bob", "two")
	w.net.Run(3 * time.Minute)
	if st := a.state(alice, m); st != im.Delivered {
		t.Errorf("%v", st)
	}
	if c := a.contact(alice, "bob"); !slices.Equal(c.Devices, []id.ID{id.Tiny(200), id.Tiny(201)}) {
		t.Errorf("devices: %v", c.Devices)
	}
}

// A receiver who has moved and has another sealing key is found by reading again.
func TestNewDevicesAndSealingKeysAreFound(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	b.add(bob, "alice")
	a.mustSend(alice, "bob", "one")
	w.calm(time.Second)

	// A new sealing key, the old one thrown away.
	next := bob
	next.Seals = []im.SealPair{{Number: 2, Opener: newOpener("bob's second")}}
	b.users[0] = next
	b.node.Do(func() {
		if err := b.AddUser(next); err != nil {
			t.Error(err)
		}
	})
	w.list(next, 0)
	m := a.mustSend(alice, "bob", "two")
	w.calm(3 * time.Minute)
	if st := a.state(alice, m); st != im.Delivered {
		t.Errorf("after a new sealing key: %v", st)
	}

	// Another node in place of the old.
	b.kill()
	w.phone.records["bob"].Devices = nil
	c := w.computer(77, next)
	c.add(next, "alice")
	a.mustSend(alice, "bob", "three")
	w.net.Run(3 * time.Minute)
	w.check()
	if got := texts(c.inbox(next, im.InboxOptions{})); !slices.Equal(got, []string{"three"}) {
		t.Errorf("the new node has %q", got)
	}
}

// Whoever is pinned to a name stays; another who comes with that name is shown as a
// stranger, and the change is shown before anything of his is believed (M5).
func TestNewKeyThatWritesFirstIsAStranger(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob := user("alice"), user("bob")
	a, b := w.computer(10, alice), w.computer(200, bob)
	a.add(alice, "bob")
	b.add(bob, "alice")
	b.mustSend(bob, "alice", "hello")
	w.calm(time.Second)
	a.since()
	eve := w.rekey(66)
	e := w.computer2(66, eve)
	e.mustSend(eve, "alice", "it is me, bob")
	w.net.Run(10 * time.Second)
	got := a.inbox(alice, im.InboxOptions{})
	if len(got) != 2 || got[0].With.Name != "bob" || got[1].With.Name != "" || !got[1].Request {
		t.Fatalf("inbox: %+v", got)
	}
	var kinds []im.EventKind
	for _, ev := range a.since() {
		kinds = append(kinds, ev.Kind)
	}
	changed, message := slices.Index(kinds, im.EventKeyChanged), slices.Index(kinds, im.EventMessage)
	if changed < 0 || message < 0 || changed > message {
		t.Errorf("events: %v", kinds)
	}
	if c := a.contact(alice, "bob"); c.Key != bob.Key() || c.Changed != eve.Key() {
		t.Errorf("bob: %+v", c)
	}
	if _, err := a.send(alice, "bob", "who are you?"); !errors.Is(err, im.ErrKeyChanged) {
		t.Errorf("%v", err)
	}
	w.check()
}

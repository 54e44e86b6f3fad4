package room_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/room"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// liar is a node of the ring that says what a test tells it to.
type liar struct{ ep kbr.Endpoint }

func (l *liar) Start(ep kbr.Endpoint)     { l.ep = ep }
func (l *liar) Deliver(d *kbr.Delivery)   { d.Refuse(99, "no") }
func (l *liar) Update(*peer.Handle, bool) {}
func (l *liar) Stop()                     {}

// lie asks a person's node, and returns the answer.
func lie(w *world, l *liar, n *kbrtest.Node, to *person, b []byte) (ans wire.Message, err error) {
	err = n.Call(time.Minute, func(t *task.T) error {
		a, err := kbr.CallPeer(t, l.ep, to.node.Self(), b, kbr.Options{})
		if err == nil {
			ans, err = room.Messages.Decode(a.Payload)
		}
		return err
	})
	return ans, err
}

func change(by *standin.Signer, r id.Hash, before *entry.Entry, c *entry.Change) *entry.Entry {
	h := before.Hash()
	return (&entry.Entry{Room: r, Stream: id.Tiny(77), Seq: 1, Depth: before.Depth + 1, Parents: h[:], Kind: entry.ChangeKind,
		Time: 1, Body: wire.MustMarshal(c)}).Sign(by)
}

// A node that no member's record names gets neither entries nor keys, whomever it claims to
// speak for; what it pushes is taken for its signatures alone.
func TestLiar(t *testing.T) {
	w := newWorld(t, 1, "alice", "bob")
	alice, bob := w.people[0], w.people[1]
	l := &liar{}
	n := w.net.Add(kbrtest.Handle(id.Tiny(200)), kbr.Mount{Number: appNumber, App: l})
	w.net.Run(time.Second)
	r := w.room()
	alice.say(r, "secret")
	mallory := standin.NewSigner(1, 66)
	founding := alice.Founding(alice.key(), r)
	forged := change(mallory, r, founding, &entry.Change{Who: mallory.Public(), Name: "mallory", Role: entry.Owner, Number: 1})
	size := alice.Size(alice.key(), r)
	for _, from := range []peer.Key{bob.key(), alice.key(), mallory.Public()} {
		for _, m := range room.Samples(r, alice.Current(alice.key(), r), from, alice.key(), founding, forged) {
			b, err := room.Messages.Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			ans, err := lie(w, l, n, alice, b)
			refusal := new(kbr.RefusedError)
			// Everybody may ask who is in which public room.
			if taken := slices.Contains([]string{"push", "find"}, reflect.TypeOf(m).Elem().Name()); taken {
				if err != nil {
					t.Errorf("%T: %v", m, err)
				}
			} else if !errors.As(err, &refusal) {
				t.Errorf("%T from %v is answered with %+v, %v", m, from, ans, err)
			}
		}
	}
	// The entry of a stranger is not kept.
	want(t, "entries", alice.Size(alice.key(), r), size)
	want(t, "members", len(alice.list()[0].Members), 2)
	w.net.Run(2 * time.Minute)
	want(t, "all goes on", w.same(r, time.Minute), []string{"secret"})
}

// A false invitation is refused, and a flood of right ones ends at the limit.
func TestInvitations(t *testing.T) {
	w := newWorld(t, 1, "bob", "mallory")
	bob, mallory := w.people[0], w.people[1]
	w.cfg.MaxInvitations = 3
	bob.kill()
	bob.start()
	w.net.Run(time.Second)
	for range 6 {
		r := mallory.create("spam", false)
		mallory.invite(r, bob)
		w.net.Run(time.Second)
	}
	want(t, "invitations", len(bob.list()), 3)
	bob.kill()
	bob.start()
	w.net.Run(time.Second)
	want(t, "invitations after a start", len(bob.list()), 3)
}

// What breaks a limit is refused before it is used.
func TestRefused(t *testing.T) {
	a, b := standin.NewSigner(1, 1), standin.NewSigner(1, 2)
	founding := (&entry.Entry{Stream: id.Tiny(1), Seq: 1, Depth: 1, Kind: entry.FoundingKind, Time: 1,
		Body: wire.MustMarshal(&entry.Founding{Title: "garden"})}).Sign(a)
	r := founding.Hash()
	c := change(a, r, founding, &entry.Change{Who: b.Public(), Role: entry.Member, Number: 1})
	for name, m := range room.Bad(r, a.Public(), b.Public(), founding, c) {
		bytes, err := room.Messages.Encode(m)
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := room.Messages.Decode(bytes); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, m := range room.Samples(r, r, a.Public(), b.Public(), founding, c) {
		bytes, err := room.Messages.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := room.Messages.Decode(bytes); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%T: read %+v, %v", m, got, err)
		}
	}
}

// Whatever bytes come: no panic, and what is read is written as it was.
func FuzzMessages(f *testing.F) {
	a, b := standin.NewSigner(1, 1), standin.NewSigner(1, 2)
	founding := (&entry.Entry{Stream: id.Tiny(1), Seq: 1, Depth: 1, Kind: entry.FoundingKind, Time: 1,
		Body: wire.MustMarshal(&entry.Founding{Title: "garden"})}).Sign(a)
	c := change(a, founding.Hash(), founding, &entry.Change{Who: b.Public(), Role: entry.Member, Number: 1})
	for _, m := range room.Samples(founding.Hash(), founding.Hash(), a.Public(), b.Public(), founding, c) {
		bytes, err := room.Messages.Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := room.Messages.Decode(in)
		if err != nil {
			return
		}
		if out, err := room.Messages.Encode(m); err != nil || !bytes.Equal(out, in) {
			t.Errorf("%+v was read from other bytes: %v", m, err)
		}
	})
}

// A node that ends at any moment loses nothing that its user was told is said, and goes on.
func TestCrashes(t *testing.T) {
	simtest.Seeds(t, 60, func(t *testing.T, seed uint64) {
		w := newWorld(t, 1, "alice", "bob")
		alice, bob := w.people[0], w.people[1]
		r := w.room()
		var told []string
		for i := range 3 {
			text := string(rune('a' + i))
			say := func(tk *task.T) error {
				_, err := alice.Say(tk, alice.key(), r, entry.Words{Text: text})
				if err == nil {
					told = append(told, text)
				}
				return err
			}
			alice.node.Do(func() { alice.node.Endpoint(appNumber).Go(say, nil) })
		}
		for range seed {
			w.net.Step()
		}
		alice.kill()
		alice.start()
		w.net.Run(time.Minute)
		bob.say(r, "z")
		alice.say(r, "y")
		got := w.same(r, 5*time.Minute)
		have := map[string]bool{}
		for _, x := range got {
			if have[x] {
				t.Errorf("%s is there twice", x)
			}
			have[x] = true
		}
		for _, x := range append(told, "y", "z") {
			if !have[x] {
				t.Errorf("%s is lost: %v", x, got)
			}
		}
	})
}

package room_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/room"
	"github.com/phyllo-net/phyllo/app/room/dag"
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
			if taken := slices.Contains([]string{"Push", "Find"}, reflect.TypeOf(m).Elem().Name()); taken {
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

// Who was put out, and is in the room by what stands on the shelf, is asked whether he was invited
// again, and told neither words nor heads nor keys; a stranger who stands there is told none either,
// whatever they answer.
func TestOldHeadOfWhoWasPutOut(t *testing.T) {
	for _, lies := range []string{"", "made up", "signed", "signed, and one of alice's"} {
		oldHead(t, lies)
	}
}

func oldHead(t *testing.T, lies string) {
	w := newWorld(t, 1, "alice", "bob", "carol", "mallory")
	w.pushed, w.spoilt = map[id.Hash]map[string]int{}, map[string]int{}
	alice, bob, carol, mallory := w.people[0], w.people[1], w.people[2], w.people[3]
	for _, p := range []*person{bob, mallory} { // they are watched
		p.kill()
		p.start()
	}
	r := alice.create("garden", false)
	alice.invite(r, bob, carol)
	w.net.Run(5 * time.Second)
	bob.join(r)
	carol.join(r)
	bob.say(r, "one")
	w.net.Run(5 * time.Second)
	size := uint64(bob.Size(bob.key(), r)) + 1 // and what puts him out
	if err := alice.setRole(r, bob, entry.Out); err != nil {
		t.Fatal(err)
	}
	w.net.Run(20 * time.Second)
	carol.say(r, "two")
	most := 100
	switch made := uint64(0); lies {
	case "signed", "signed, and one of alice's": // what he signs himself has no end
		most = 300
		last := bob.Founding(bob.key(), r)
		bob.swallows, bob.gives = true, func() []*entry.Entry {
			made++
			e := change(bob.user.Signer.(*standin.Signer), r, last, &entry.Change{Who: bob.key(), Name: "bob", Role: entry.Member, Number: 1 + made})
			if e.Seq = made; made > 1 {
				e.Parents, e.Prev = nil, last.Hash()
			}
			last = e.Sign(bob.user.Signer)
			if lies != "signed" {
				return []*entry.Entry{last, bob.Founding(bob.key(), r)}
			}
			return []*entry.Entry{last}
		}
	case "made up":
		for _, p := range []*person{bob, mallory} {
			p.swallows, p.gives = true, func() []*entry.Entry {
				made++
				e := change(p.user.Signer.(*standin.Signer), r, carol.Founding(carol.key(), r), &entry.Change{Who: p.key(), Role: entry.Member, Number: made})
				e.Seq, e.Depth, e.Prev, e.Sig = 1000+made, 1001+made, id.HashOf("before", made), make([]byte, peer.SignatureSize)
				if err := e.Check(); err != nil {
					panic(err)
				}
				return []*entry.Entry{e}
			}
		}
	}
	for _, p := range []*person{bob, mallory} {
		p.heard = nil
		carol.Hint(carol.key(), r, dag.Person{Key: p.key(), Name: p.name, Role: entry.Member})
	}
	carol.say(r, "three")
	w.net.Run(5 * time.Minute)
	carol.say(r, "four")
	carol.must(func(t *task.T) error { return carol.MarkRead(t, carol.key(), r) })
	w.net.Run(5 * time.Minute)
	if n := len(bob.heard); n == 0 || n > most {
		t.Errorf("bob, whose entries are %q, was asked %d times", lies, n)
	}
	if strings.HasPrefix(lies, "signed") {
		size += 1 << 12
	}
	for _, b := range bob.heard {
		if !room.Asks(b, size) {
			t.Errorf("bob is told %x", b)
		}
	}
	for _, b := range mallory.heard {
		if !room.Asks(b, 1<<20) {
			t.Errorf("mallory is told %x", b)
		}
	}
	want(t, "bob reads", bob.texts(r), []string{"one"})
	want(t, "alice reads", alice.texts(r), []string{"one", "two", "three", "four"})
}

// Who was away while somebody was put out and invited again has from him alone what was said meanwhile,
// also where it fills many messages that take minutes.
func TestInvitedAgain(t *testing.T) {
	w := newWorld(t, 1)
	w.pushed, w.spoilt = map[id.Hash]map[string]int{}, map[string]int{}
	w.vault = newVault()
	for i, name := range []string{"alice", "bob", "carol"} {
		w.add(name, uint64(i+1))
	}
	w.net.Run(time.Second)
	alice, bob, carol := w.people[0], w.people[1], w.people[2]
	r := w.room()
	alice.say(r, "one")
	w.net.Run(time.Minute)
	if err := alice.setRole(r, bob, entry.Out); err != nil {
		t.Fatal(err)
	}
	w.net.Run(time.Minute)
	texts := []string{"one"}
	carol.kill()
	for i := range 300 {
		texts = append(texts, fmt.Sprint("without bob ", i, strings.Repeat(" and on", 200)))
		alice.say(r, texts[i+1])
	}
	want(t, "bob joins what he was put out of", bob.call(func(t *task.T) error { return bob.Join(t, bob.key(), r) }), room.ErrNotMember)
	alice.invite(r, bob)
	w.net.Run(5 * time.Second)
	bob.join(r)
	bob.join(r) // once more, for nothing
	w.net.Run(time.Minute)
	bob.say(r, "again")
	w.net.Run(3 * time.Minute)
	alice.kill()
	bob.slow = 6 * time.Second
	carol.start()
	w.net.Run(10 * time.Minute)
	want(t, "carol reads", carol.texts(r), append(texts, "again"))
	bob.slow = 0
	carol.say(r, "welcome")
	w.net.Run(10 * time.Second)
	got := bob.texts(r)
	want(t, "bob reads last", got[max(0, len(got)-1):], []string{"welcome"})
}

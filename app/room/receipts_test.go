package room_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/room"
	"github.com/phyllo-net/phyllo/app/room/dag"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// names are the first letters of people's names, sorted.
func names(list []dag.Person) string {
	var s []byte
	for _, p := range list {
		s = append(s, p.Name[0])
	}
	slices.Sort(s)
	return string(s)
}

// reached is how far an entry has come for all that a person knows: of how many, who has it,
// and who has read it, by their first letters.
func (p *person) reached(r, x id.Hash) string {
	p.w.Helper()
	var list []room.Reached
	p.must(func(t *task.T) (err error) {
		list, err = p.Reached(t, p.key(), r, []id.Hash{x})
		return err
	})
	return fmt.Sprintf("%d %s %s", list[0].Of, names(list[0].Has), names(list[0].Read))
}

func (p *person) read(r id.Hash) {
	p.w.Helper()
	p.must(func(t *task.T) error { return p.MarkRead(t, p.key(), r) })
}

// Who wrote something learns within seconds on whose nodes it is and who was shown it; who
// wants tells nothing; and what is known outlives a restart of all.
func TestReceipts(t *testing.T) {
	w := newWorld(t, 1, "alice", "bob", "carol", "dave")
	alice, bob, carol, dave := w.people[0], w.people[1], w.people[2], w.people[3]
	r := w.room()
	dave.kill()
	carol.must(func(t *task.T) error { return carol.SetReceipts(t, carol.key(), r, false) })
	want(t, "carol is silent", carol.list()[0].Silent, true)
	first := alice.say(r, "one")
	w.net.Run(5 * time.Second)
	want(t, "on a node", alice.reached(r, first), "3 b ")
	bob.read(r)
	carol.read(r)
	w.net.Run(5 * time.Second)
	want(t, "read", alice.reached(r, first), "3 b b")
	want(t, "carol knows it, too", carol.reached(r, first), "3 b b")
	if e := alice.events[len(alice.events)-1]; e.Kind != room.Told {
		t.Errorf("alice's last event: %+v", e)
	}
	second := alice.say(r, "two")
	w.net.Run(5 * time.Second)
	want(t, "what came later is not read", alice.reached(r, second), "3 b ")
	want(t, "what came before is", alice.reached(r, first), "3 b b")
	carol.say(r, "three")
	w.net.Run(5 * time.Second)
	want(t, "who answers has it", alice.reached(r, second), "3 bc ")

	// Dave learns of bob's receipt from others, while bob is away.
	bob.kill()
	for _, p := range []*person{alice, carol} {
		p.kill()
		p.start()
	}
	dave.start()
	w.net.Run(3 * time.Minute)
	want(t, "dave is told", dave.reached(r, first), "3 bcd b")
	carol.must(func(t *task.T) error { return carol.SetReceipts(t, carol.key(), r, true) })
	w.net.Run(5 * time.Second)
	want(t, "carol is silent no more", dave.reached(r, first), "3 bcd bc")
	want(t, "an entry that nobody has", alice.reached(r, id.HashOf("nothing")), "0  ")
}

// In a room of many one message makes few receipts, and in the end all know of all.
func TestReceiptsOfMany(t *testing.T) {
	simtest.Seeds(t, 5, func(t *testing.T, seed uint64) {
		var all []string
		for i := range 14 {
			all = append(all, string(rune('a'+i))+"nn")
		}
		w := newWorld(t, seed, all...)
		r := w.room()
		w.net.Run(3 * time.Minute)
		rng := rand.New(rand.NewPCG(seed, 3))
		var said id.Hash
		author := w.people[rng.IntN(len(w.people))]
		for i := range 20 {
			said = author.say(r, fmt.Sprint(i))
		}
		w.net.Run(4 * time.Second)
		for _, p := range w.people {
			p.read(r)
		}
		w.net.Run(5 * time.Second)
		rest := ""
		for _, p := range w.people {
			if p != author {
				rest += p.name[:1]
			}
		}
		want(t, "the author knows", author.reached(r, said), "13 "+rest+" "+rest)
		w.net.Run(10 * time.Minute)
		for _, p := range w.people {
			want(t, p.name+" knows", p.reached(r, said), "13 "+rest+" "+rest)
		}
	})
}

// What somebody has read on one of his nodes is read on the other.
func TestReadOnAnotherNode(t *testing.T) {
	w := newWorld(t, 1, "alice", "bob")
	alice, bob := w.people[0], w.people[1]
	other := &person{w: w, name: "bob", number: 9, user: bob.user, disk: mem.New(), up: true}
	other.build()
	other.node = w.net.Add(kbrtest.Handle(id.Tiny(9)), kbr.Mount{Number: appNumber, App: other.Rooms})
	w.phone["bob"].Devices = append(w.phone["bob"].Devices, &directory.Device{Node: id.Tiny(9)})
	r := w.room()
	w.net.Run(2 * time.Minute)
	other.join(r)
	w.net.Run(2 * time.Minute)
	x := alice.say(r, "one")
	w.net.Run(5 * time.Second)
	want(t, "unread", other.list()[0].Unread, 1)
	bob.read(r)
	w.net.Run(5 * time.Second)
	want(t, "unread after it was read elsewhere", other.list()[0].Unread, 0)
	want(t, "read", alice.reached(r, x), "1 b b")
}

// A receipt that nobody signed, or a stranger, or an old one, changes nothing.
func TestForgedReceipts(t *testing.T) {
	w := newWorld(t, 1, "alice", "bob", "carol")
	alice, bob, carol := w.people[0], w.people[1], w.people[2]
	l := &liar{}
	n := w.net.Add(kbrtest.Handle(id.Tiny(200)), kbr.Mount{Number: appNumber, App: l})
	w.phone["carol"].Devices[0].Node = id.Tiny(200) // carol's node lies
	carol.kill()
	r := alice.create("garden", false)
	alice.invite(r, bob, carol)
	w.net.Run(3 * time.Second)
	bob.join(r)
	x := alice.say(r, "one")
	w.net.Run(5 * time.Second)
	want(t, "before", alice.reached(r, x), "2 b ")
	right := &entry.Receipt{Number: 1 << 45, Has: x[:], Read: x[:]}
	forged := right.Sign(r, carol.user.Signer)
	forged.By = bob.key()
	for name, f := range map[string]*entry.Receipt{
		"forged":        forged,
		"of a stranger": right.Sign(r, standin.NewSigner(1, 66)),
		"of a room":     right.Sign(id.HashOf("another"), carol.user.Signer),
	} {
		b, err := room.Messages.Encode(room.SeenOf(r, carol.key(), alice.key(), f))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lie(w, l, n, alice, b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want(t, name, alice.reached(r, x), "2 b ")
	}
	for _, f := range []*entry.Receipt{right.Sign(r, carol.user.Signer), (&entry.Receipt{Number: 5}).Sign(r, carol.user.Signer)} {
		b, err := room.Messages.Encode(room.SeenOf(r, carol.key(), alice.key(), f))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lie(w, l, n, alice, b); err != nil {
			t.Error(err)
		}
		want(t, "carol's own", alice.reached(r, x), "2 bc c")
	}
}

// Whatever bytes a store or a peer has for a receipt, no other is read from them.
func FuzzReceipt(f *testing.F) {
	x := id.HashOf("x")
	f.Add(wire.MustMarshal((&entry.Receipt{Number: 1, Has: x[:]}).Sign(x, standin.NewSigner(1, 1))))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := new(entry.Receipt)
		if wire.Unmarshal(in, r) != nil {
			return
		}
		if out := wire.MustMarshal(r); string(out) != string(in) {
			t.Errorf("%+v was read from other bytes", r)
		}
	})
}

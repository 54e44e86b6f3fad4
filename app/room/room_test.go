package room_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/room"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

// Three people talk: each reads what all say, in one order, and knows what is new.
func TestTalk(t *testing.T) {
	w := newWorld(t, 1, "alice", "bob", "carol")
	alice, bob, carol := w.people[0], w.people[1], w.people[2]
	r := alice.create("garden", false)
	alice.say(r, "anybody here?")
	alice.invite(r, bob, carol)
	w.net.Run(5 * time.Second)
	got := bob.list()
	if len(got) != 1 || got[0].Invited != "alice" || got[0].Title != "garden" || got[0].Joined {
		t.Fatalf("bob's invitation: %+v", got)
	}
	want(t, "bob's events", bob.events[0].Kind, room.Invited)
	bob.join(r)
	carol.join(r)
	w.net.Run(3 * time.Second)
	want(t, "a newcomer reads", bob.texts(r), []string{"anybody here?"})
	bob.say(r, "yes")
	w.net.Run(time.Second)
	first := carol.say(r, "me too")
	w.net.Run(time.Second)
	want(t, "texts", w.same(r, 10*time.Second), []string{"anybody here?", "yes", "me too"})
	want(t, "unread", alice.list()[0].Unread, 2)
	alice.must(func(t *task.T) error { return alice.MarkRead(t, alice.key(), r) })
	want(t, "unread", alice.list()[0].Unread, 0)
	want(t, "names", alice.history(r)[2].Name, "carol")

	carol.must(func(t *task.T) error {
		_, err := carol.Say(t, carol.key(), r, entry.Words{Text: "me too!", Edits: first})
		return err
	})
	alice.must(func(t *task.T) error {
		_, err := alice.Say(t, alice.key(), r, entry.Words{Text: "welcome", Reply: first})
		return err
	})
	w.net.Run(time.Second)
	want(t, "after an edit", w.same(r, 10*time.Second), []string{"anybody here?", "yes", "me too!", "welcome"})
	want(t, "reply", bob.history(r)[3].Reply, first)
	err := bob.call(func(t *task.T) error {
		_, err := bob.Say(t, bob.key(), r, entry.Words{Text: "stolen", Edits: first})
		return err
	})
	want(t, "an edit of another's words", err, room.ErrNoEntry)
	carol.must(func(t *task.T) error {
		_, err := carol.Say(t, carol.key(), r, entry.Words{Edits: first})
		return err
	})
	w.net.Run(time.Second)
	want(t, "after it was taken back", w.same(r, 10*time.Second), []string{"anybody here?", "yes", "-", "welcome"})
}

// Five people, any two of them away at a time; then all are started again: all show the same
// history in the same order.
func TestFiveWithTwoAway(t *testing.T) {
	simtest.Seeds(t, 20, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed, "alice", "bob", "carol", "dave", "erin")
		r := w.room()
		rng := rand.New(rand.NewPCG(seed, 2))
		var said []string
		for i := range 12 {
			var away []*person
			for _, at := range rng.Perm(len(w.people))[:2] {
				away = append(away, w.people[at])
			}
			for _, p := range away {
				p.kill()
			}
			for j := range 3 {
				p := w.people[rng.IntN(len(w.people))]
				if !p.up {
					continue
				}
				text := fmt.Sprint(i, " ", j)
				err := p.call(func(t *task.T) error {
					_, err := p.Say(t, p.key(), r, entry.Words{Text: text})
					return err
				})
				// Who has no key, as all who have it are away, is told so.
				switch {
				case err == nil:
					said = append(said, text)
				case !errors.Is(err, room.ErrNoKey):
					t.Fatal(err)
				}
			}
			w.net.Run(time.Duration(rng.IntN(3000)) * time.Millisecond)
			for _, p := range away {
				p.start()
			}
			w.net.Run(time.Duration(rng.IntN(3000)) * time.Millisecond)
		}
		for _, p := range w.people {
			p.kill()
		}
		for _, p := range w.people {
			p.start()
		}
		got := w.same(r, 5*time.Minute)
		slices.Sort(got)
		slices.Sort(said)
		want(t, "all that was said", got, said)
	})
}

// Who is put out reads nothing that is said after the first epoch without him, which begins
// within seconds; what he writes is shown to nobody.
func TestPutOut(t *testing.T) {
	w := newWorld(t, 1, "alice", "bob", "carol")
	alice, bob, carol := w.people[0], w.people[1], w.people[2]
	r := w.room()
	bob.say(r, "one")
	w.net.Run(2 * time.Second)
	before := alice.Current(alice.key(), r)
	want(t, "a member puts nobody out", carol.setRole(r, bob, entry.Out), room.ErrNotAdmin)
	if err := alice.setRole(r, bob, entry.Out); err != nil {
		t.Fatal(err)
	}
	w.net.Run(5 * time.Second)
	if alice.Current(alice.key(), r) == before {
		t.Error("no new key begins when somebody who was invited is put out")
	}
	carol.say(r, "two")
	w.net.Run(2 * time.Minute)
	want(t, "carol reads", carol.texts(r), []string{"one", "two"})
	want(t, "alice reads", alice.texts(r), []string{"one", "two"})
	for _, text := range bob.texts(r) {
		if text == "two" {
			t.Error("bob reads what was said when he was out")
		}
	}
	err := bob.call(func(t *task.T) error {
		_, err := bob.Say(t, bob.key(), r, entry.Words{Text: "three"})
		return err
	})
	want(t, "bob says something", err, room.ErrNotMember)

	alice.invite(r, bob)
	w.net.Run(time.Minute)
	bob.join(r)
	w.net.Run(2 * time.Second)
	bob.say(r, "four")
	w.net.Run(2 * time.Minute)
	want(t, "after he was taken back", w.same(r, time.Minute), []string{"one", "two", "four"})
}

// Who is invited joins while no admin is there, reads what was said, and says something: any
// member gives him the key, and no other begins.
func TestNewcomerWithoutAdmin(t *testing.T) {
	w := newWorld(t, 1, "alice", "bob", "carol")
	alice, bob, carol := w.people[0], w.people[1], w.people[2]
	r := alice.create("garden", false)
	first := alice.Current(alice.key(), r)
	alice.invite(r, bob)
	w.net.Run(2 * time.Second)
	bob.join(r)
	bob.say(r, "one")
	w.net.Run(2 * time.Second)
	carol.kill()
	alice.invite(r, carol)
	w.net.Run(2 * time.Second)
	alice.kill()
	carol.start()
	w.net.Run(4 * time.Minute)
	carol.join(r)
	carol.say(r, "two")
	w.net.Run(2 * time.Second)
	want(t, "texts", w.same(r, time.Minute), []string{"one", "two"})
	want(t, "epoch", carol.Current(carol.key(), r), first)
}

// Who was away when he was put out learns it when he is back.
func TestPutOutWhileAway(t *testing.T) {
	w := newWorld(t, 1, "alice", "bob", "carol")
	alice, bob, carol := w.people[0], w.people[1], w.people[2]
	r := w.room()
	bob.kill()
	if err := alice.setRole(r, bob, entry.Out); err != nil {
		t.Fatal(err)
	}
	w.net.Run(5 * time.Second)
	carol.say(r, "one")
	alice.kill()
	bob.start()
	w.net.Run(10 * time.Second)
	want(t, "bob's room", bob.list()[0].Joined, false)
	want(t, "bob reads", bob.texts(r), nil)
}

// Whoever leaves is out, and can be invited again; who declines is left alone.
func TestLeaveAndDecline(t *testing.T) {
	w := newWorld(t, 1, "alice", "bob", "carol")
	alice, bob, carol := w.people[0], w.people[1], w.people[2]
	r := alice.create("garden", false)
	want(t, "the owner", alice.call(func(t *task.T) error { return alice.Leave(t, alice.key(), r) }), room.ErrOwnerGoes)
	alice.invite(r, bob, carol)
	w.net.Run(2 * time.Second)
	carol.must(func(t *task.T) error { return carol.Decline(t, carol.key(), r) })
	bob.join(r)
	w.net.Run(5 * time.Minute)
	want(t, "carol's rooms", len(carol.list()), 0)
	bob.must(func(t *task.T) error { return bob.Leave(t, bob.key(), r) })
	w.net.Run(time.Minute)
	want(t, "bob", alice.role(r, bob), entry.Out)
	want(t, "bob's room", bob.list()[0].Joined, false)
	alice.invite(r, bob)
	w.net.Run(3 * time.Minute)
	got := bob.list()
	if len(got) != 2 || got[0].Invited+got[1].Invited != "alice" {
		t.Fatalf("bob is invited again: %+v", got)
	}
	bob.join(r)
	w.net.Run(2 * time.Second)
	bob.say(r, "back")
	w.net.Run(2 * time.Second)
	want(t, "alice reads", alice.texts(r), []string{"back"})
}

// The owner hands the room over; admins go on without him.
func TestAdmins(t *testing.T) {
	w := newWorld(t, 1, "alice", "bob", "carol", "dave")
	alice, bob, carol, dave := w.people[0], w.people[1], w.people[2], w.people[3]
	r := w.room()
	if err := alice.setRole(r, bob, entry.Admin); err != nil {
		t.Fatal(err)
	}
	w.net.Run(2 * time.Second)
	alice.kill()
	if err := bob.setRole(r, dave, entry.Out); err != nil {
		t.Fatal(err)
	}
	w.net.Run(6 * time.Second)
	carol.say(r, "without dave")
	w.net.Run(2 * time.Second)
	want(t, "bob reads", bob.texts(r), []string{"without dave"})
	want(t, "an admin makes no admin", bob.setRole(r, carol, entry.Admin), room.ErrNotOwner)
	alice.start()
	w.net.Run(time.Minute)
	if err := alice.setRole(r, carol, entry.Owner); err != nil {
		t.Fatal(err)
	}
	w.net.Run(2 * time.Second)
	want(t, "carol", bob.role(r, carol), entry.Owner)
	want(t, "alice", bob.role(r, alice), entry.Admin)
	alice.must(func(t *task.T) error { return alice.Leave(t, alice.key(), r) })
	carol.must(func(t *task.T) error { return carol.SetTitle(t, carol.key(), r, "meadow") })
	w.net.Run(2 * time.Second)
	want(t, "title", bob.list()[0].Title, "meadow")
	var found id.Hash
	bob.must(func(t *task.T) (err error) {
		found, err = bob.Find(t, bob.key(), "#meadow")
		return err
	})
	want(t, "found by its name", found, r)
}

// Two admins put two people out at once, in two parts of the net: each part has another epoch,
// and when they meet all who are still in read what was said in either.
func TestTwoEpochsAtOnce(t *testing.T) {
	simtest.Seeds(t, 10, testTwoEpochsAtOnce)
}

func testTwoEpochsAtOnce(t *testing.T, seed uint64) {
	w := newWorld(t, seed, "alice", "bob", "carol", "dave", "erin", "frank")
	alice, bob, carol, dave, erin, frank := w.people[0], w.people[1], w.people[2], w.people[3], w.people[4], w.people[5]
	r := w.room()
	if err := alice.setRole(r, bob, entry.Admin); err != nil {
		t.Fatal(err)
	}
	w.net.Run(2 * time.Second)
	bob.kill()
	dave.kill()
	if err := alice.setRole(r, erin, entry.Out); err != nil {
		t.Fatal(err)
	}
	w.net.Run(6 * time.Second)
	carol.say(r, "without erin")
	w.net.Run(2 * time.Second)
	alice.kill()
	carol.kill()
	erin.kill()
	frank.kill()
	bob.start()
	dave.start()
	w.net.Run(5 * time.Second)
	if err := bob.setRole(r, frank, entry.Out); err != nil {
		t.Fatal(err)
	}
	w.net.Run(6 * time.Second)
	dave.say(r, "without frank")
	alice.start()
	carol.start()
	w.net.Run(10 * time.Minute)
	for _, p := range []*person{alice, bob, carol, dave} {
		got := p.texts(r)
		slices.Sort(got)
		want(t, p.name+" reads", got, []string{"without erin", "without frank"})
	}
}

// A public room is not sealed, and who was made a member reads and writes.
func TestPublicRoom(t *testing.T) {
	w := newWorld(t, 1, "alice", "bob")
	alice, bob := w.people[0], w.people[1]
	r := alice.create("square", true)
	alice.say(r, "hear, hear")
	alice.invite(r, bob)
	w.net.Run(2 * time.Second)
	bob.join(r)
	bob.say(r, "what?")
	w.net.Run(2 * time.Second)
	want(t, "texts", w.same(r, time.Minute), []string{"hear, hear", "what?"})
}

// A public room is found by the name of anybody who is in it, also while the owner is away; who
// is put out does not come back, and who leaves does.
func TestPublicRoomIsFound(t *testing.T) {
	w := newWorld(t, 1, "alice", "bob", "carol", "dave")
	alice, bob, carol, dave := w.people[0], w.people[1], w.people[2], w.people[3]
	r := alice.create("square", true)
	alice.create("kitchen", false)
	alice.say(r, "hear, hear")
	join := func(p *person, who, called string) error {
		return p.call(func(t *task.T) error {
			got, err := p.JoinPublic(t, p.key(), who, called)
			if err == nil && got != r {
				return errors.New("another room")
			}
			return err
		})
	}
	var list []room.Public
	bob.must(func(t *task.T) (err error) {
		list, err = bob.FindPublic(t, bob.key(), "alice")
		return err
	})
	if len(list) != 1 || list[0].Room != r || list[0].Title != "square" || list[0].Members != 1 || list[0].Joined {
		t.Fatalf("alice's public rooms: %+v", list)
	}
	want(t, "a sealed room", join(bob, "alice", "kitchen"), room.ErrNoPublic)
	want(t, "nobody", errors.Is(join(bob, "nobody", "square"), directory.ErrNotFound), true)
	want(t, "joined", join(bob, "alice", "square"), nil)
	want(t, "bob reads", bob.texts(r), []string{"hear, hear"})
	bob.say(r, "what?")
	w.net.Run(2 * time.Second)
	alice.kill()
	want(t, "who is away", join(carol, "alice", "square"), room.ErrAway)
	want(t, "joined with bob's help", join(carol, "bob", "square"), nil)
	carol.say(r, "me too")
	want(t, "dave", join(dave, "carol", "square"), nil)
	w.net.Run(2 * time.Second)
	want(t, "dave reads", dave.texts(r), []string{"hear, hear", "what?", "me too"})
	alice.start()
	want(t, "texts", w.same(r, 3*time.Minute), []string{"hear, hear", "what?", "me too"})
	want(t, "members", len(alice.list()[1].Members), 4)

	carol.must(func(t *task.T) error { return carol.Leave(t, carol.key(), r) })
	if err := alice.setRole(r, bob, entry.Out); err != nil {
		t.Fatal(err)
	}
	w.net.Run(5 * time.Second)
	want(t, "bob comes back", join(bob, "alice", "square"), room.ErrNotMember)
	want(t, "carol comes back", join(carol, "alice", "square"), nil)
	carol.say(r, "here again")
	w.net.Run(5 * time.Second)
	want(t, "bob", alice.role(r, bob), entry.Out)
	want(t, "alice reads", alice.texts(r), []string{"hear, hear", "what?", "me too", "here again"})
	want(t, "bob reads no more", len(bob.texts(r)), 3)
}

// Nodes that no member's record names get nothing: neither entries nor keys.
func TestStrangers(t *testing.T) {
	w := newWorld(t, 1, "alice", "bob", "mallory")
	alice, mallory := w.people[0], w.people[2]
	r := alice.create("garden", false)
	alice.say(r, "secret")
	alice.invite(r, w.people[1])
	w.net.Run(time.Second)
	for _, why := range []error{
		mallory.call(func(t *task.T) error { return mallory.Join(t, mallory.key(), r) }),
		mallory.call(func(t *task.T) error { _, err := mallory.History(t, mallory.key(), r, 0); return err }),
	} {
		want(t, "mallory", why, room.ErrNoRoom)
	}
}

// Who lost his disk is told again of his rooms, the founder as everybody else, and has all of
// them when he joins.
func TestLostDisk(t *testing.T) {
	for lost := range 2 {
		w := newWorld(t, uint64(lost), "alice", "bob", "carol")
		r := w.room()
		for _, p := range w.people {
			p.say(r, p.name)
			w.same(r, time.Minute)
		}
		p := w.people[lost]
		p.kill()
		p.disk.Wipe()
		p.start()
		w.net.Run(10 * time.Minute)
		p.join(r)
		want(t, "all that was said", w.same(r, 2*time.Minute), []string{"alice", "bob", "carol"})
		p.say(r, "here again")
		w.net.Run(time.Second)
		want(t, "forked", len(p.list()[0].Forked), 0)
		want(t, "after the disk was lost", w.same(r, time.Minute)[3], "here again")
	}
}

// A founder who lost his disk and joins again while nobody can be reached rules nothing from his empty log,
// and is told why: it would be lost, and so would what he said with a key that he begins. When a member
// is there he has the room again. Who has nothing of a room may leave it.
func TestFounderWithoutLog(t *testing.T) {
	for _, public := range []bool{false, true} {
		w := newWorld(t, 1, "alice", "bob", "carol")
		alice, bob, carol := w.people[0], w.people[1], w.people[2]
		r := alice.create("garden", public)
		alice.invite(r, bob, carol)
		w.net.Run(5 * time.Second)
		bob.join(r)
		carol.join(r)
		bob.say(r, "one")
		alice.must(func(t *task.T) error { return alice.SetTitle(t, alice.key(), r, "park") })
		w.net.Run(5 * time.Second)
		alice.kill()
		alice.disk.Wipe()
		alice.start()
		w.net.Run(5 * time.Minute)
		bob.kill()
		carol.kill()
		alice.join(r)
		w.net.Run(5 * time.Minute)
		for _, rule := range []struct {
			what string
			call func(t *task.T) error
		}{
			{"title", func(t *task.T) error { return alice.SetTitle(t, alice.key(), r, "mine") }},
			{"invite", func(t *task.T) error { return alice.Invite(t, alice.key(), r, "bob") }},
			{"role", func(t *task.T) error { return alice.SetRole(t, alice.key(), r, bob.key(), entry.Out) }},
			{"stored", func(t *task.T) error { return alice.SetStored(t, alice.key(), r, true) }},
		} {
			want(t, rule.what, alice.call(rule.call), room.ErrPartial)
		}
		if !public {
			err := alice.call(func(t *task.T) error {
				_, err := alice.Say(t, alice.key(), r, entry.Words{Text: "lost"})
				return err
			})
			want(t, "alice says", err, room.ErrNoKey)
			want(t, "entries", alice.Size(alice.key(), r), 1)
		}
		bob.start()
		w.net.Run(3 * time.Minute)
		want(t, "alice reads", alice.texts(r), []string{"one"})
		alice.must(func(t *task.T) error { return alice.SetTitle(t, alice.key(), r, "wood") })
		w.net.Run(10 * time.Second)
		want(t, "bob's title", bob.list()[0].Title, "wood")

		alice.kill()
		alice.disk.Wipe()
		alice.start()
		w.net.Run(5 * time.Minute)
		bob.kill()
		alice.join(r)
		want(t, "a room of which nothing is here is left", alice.call(func(t *task.T) error { return alice.Leave(t, alice.key(), r) }), nil)
		want(t, "it is joined", len(alice.list()), 0)
	}
}

// Who joins while nobody of the room can be reached is told so within seconds, and has the log by itself when
// somebody is there.
func TestJoinedAlone(t *testing.T) {
	w := newWorld(t, 1, "alice", "bob")
	alice, bob := w.people[0], w.people[1]
	r := alice.create("garden", false)
	alice.say(r, "one")
	alice.invite(r, bob)
	w.net.Run(5 * time.Second)
	alice.kill()
	before := w.net.Elapsed()
	bob.join(r)
	if took := w.net.Elapsed() - before; took > 11*time.Second {
		t.Errorf("joining alone takes %v", took)
	}
	want(t, "bob waits for the log", bob.list()[0].Waiting, true)
	alice.start()
	w.net.Run(2 * time.Minute)
	want(t, "bob waits for the log", bob.list()[0].Waiting, false)
	want(t, "bob reads", bob.texts(r), []string{"one"})
}

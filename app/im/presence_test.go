package im_test

import (
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
)

// contactsOfEachOther makes alice and bob contacts, and lets some time pass.
func contactsOfEachOther(t *testing.T, cfg kbrtest.Config) (w *world, a, b *computer, alice, bob im.User) {
	w = newWorld(t, cfg)
	alice, bob = user("alice"), user("bob")
	a, b = w.computer(10, alice), w.computer(200, bob)
	a.add(alice, "bob")
	b.add(bob, "alice")
	w.net.Run(time.Minute)
	return w, a, b, alice, bob
}

// within runs until a sees bob so, and returns how long it took.
func (c *computer) sees(u im.User, who string, online bool, limit time.Duration) time.Duration {
	c.world.Helper()
	start := c.world.net.Elapsed()
	for c.contact(u, who).Online != online {
		c.world.net.Run(100 * time.Millisecond)
		if c.world.net.Elapsed()-start > limit {
			c.world.Fatalf("%s is not seen as online: %v after %v", who, online, limit)
		}
	}
	return c.world.net.Elapsed() - start
}

// M7: a dead peer is shown offline within 60 s, and a live one is not shown so.
func TestPresenceOfContacts(t *testing.T) {
	for seed := range uint64(5) {
		w, a, b, alice, bob := contactsOfEachOther(t, kbrtest.Config{Seed: seed})
		a.sees(alice, "bob", true, time.Second)
		b.sees(bob, "alice", true, time.Second)
		a.since()
		w.net.Run(time.Hour)
		for _, e := range a.since() {
			if e.Kind == im.EventPresence {
				t.Errorf("in calm: %+v", e.Contact)
			}
		}
		seen := a.contact(alice, "bob").LastSeen
		if now := w.wall(); now.Sub(seen) > 30*time.Second {
			t.Errorf("last seen %v ago", now.Sub(seen))
		}

		// Silent: the process is stopped, and nobody says so.
		b.node.Pause()
		if d := a.sees(alice, "bob", false, time.Minute); d < time.Second {
			t.Errorf("gone after %v", d)
		}
		if now, c := w.wall(), a.contact(alice, "bob"); now.Sub(c.LastSeen) < 10*time.Second || now.Sub(c.LastSeen) > 90*time.Second {
			t.Errorf("last seen %v ago", now.Sub(c.LastSeen))
		}
		b.node.Resume()
		a.sees(alice, "bob", true, time.Minute)

		// A death that the overlay sees, seen from the other side.
		a.kill()
		if d := b.sees(bob, "alice", false, time.Minute); d > 45*time.Second {
			t.Errorf("a death that the overlay knew of was seen after %v", d)
		}
		a.start()
		b.sees(bob, "alice", true, time.Minute)
		a.sees(alice, "bob", true, time.Minute)

		// In order.
		b.node.Leave()
		a.sees(alice, "bob", false, time.Second)
		events := 0
		for _, e := range a.since() {
			if e.Kind == im.EventPresence && e.Contact.Name == "bob" && e.User == alice.Key() {
				events++
			}
		}
		if events != 4 { // went, came; after alice's restart: came, went
			t.Errorf("%d events", events)
		}
		w.check()
		w.net.Close()
	}
}

func (w *world) wall() time.Time { return w.all[0].node.Wall() }

func TestLastSeenOutlivesARestart(t *testing.T) {
	w, a, b, alice, _ := contactsOfEachOther(t, kbrtest.Config{Seed: 1})
	b.node.Leave()
	w.net.Run(10 * time.Second)
	seen := a.contact(alice, "bob").LastSeen
	w.net.Run(time.Hour)
	a.kill()
	w.net.Run(5 * time.Second)
	a.start()
	if got := a.contact(alice, "bob").LastSeen; !got.Equal(seen.Truncate(time.Millisecond)) || seen.IsZero() {
		t.Errorf("last seen %v, was %v", got, seen)
	}
}

// Who is no contact of mine sees nothing of me, and who hides neither.
func TestPresenceIsForContactsOnly(t *testing.T) {
	w := newWorld(t, kbrtest.Config{Seed: 1})
	alice, bob, carol := user("alice"), user("bob"), user("carol")
	carol.Hidden = true
	a, b, c := w.computer(10, alice), w.computer(200, bob), w.computer(100, carol)
	asked := false
	a.node.OnDeliver = func(_ uint16App, d *kbr.Delivery) bool {
		asked = asked || d.Via.ID == tiny(100)
		return false
	}
	a.add(alice, "bob") // bob does not know alice
	a.add(alice, "carol")
	c.add(carol, "alice")
	w.net.Run(5 * time.Minute)
	if a.contact(alice, "bob").Online {
		t.Error("bob is seen by somebody whom he does not know")
	}
	if a.contact(alice, "carol").Online {
		t.Error("carol hides and is seen")
	}
	if asked {
		t.Error("who hides does not ask")
	}
	b.add(bob, "alice")
	a.sees(alice, "bob", true, time.Minute)
}

// A ping is believed only from a node that the record names.
func TestForgedPresenceIsNotBelieved(t *testing.T) {
	w, a, b, alice, bob := contactsOfEachOther(t, kbrtest.Config{Seed: 1})
	x := w.attacker(66)
	b.kill()
	a.sees(alice, "bob", false, time.Minute)
	for range 20 {
		ans, err := x.raw(a, im.Encode(&im.Ping{From: bob.Key(), To: alice.Key()}))
		if err != nil {
			t.Fatal(err)
		}
		if m, err := im.Messages.Decode(ans.Payload); err != nil || m.(*im.Pong).Here {
			t.Fatalf("the attacker learns that alice is there: %v", err)
		}
		w.net.Run(time.Second)
	}
	if a.contact(alice, "bob").Online {
		t.Error("an attacker's ping made bob look alive")
	}
	b.start()
	a.sees(alice, "bob", true, time.Minute)
	x.Do(func() {
		x.Endpoint(appNumber).Send(a.node.Self(), im.Encode(&im.Bye{From: bob.Key(), To: alice.Key()}), nil)
	})
	w.net.Run(time.Second)
	if !a.contact(alice, "bob").Online {
		t.Error("an attacker's word made bob look gone")
	}
	if ans, err := x.raw(a, im.Encode(&im.Ping{From: bob.Key(), To: user("nobody").Key()})); err != nil || len(ans.Payload) == 0 {
		t.Errorf("a ping for nobody here: %v", err)
	}
	w.check()
}

// A message that waits goes at once when its receiver shows that he is back.
func TestPresenceSendsWhatWaits(t *testing.T) {
	w, a, b, alice, _ := contactsOfEachOther(t, kbrtest.Config{Seed: 1, LeafSet: 2})
	b.kill()
	m := a.mustSend(alice, "bob", "hello")
	w.net.Run(2 * 24 * time.Hour) // by now it is tried every five minutes
	if st := a.state(alice, m); st != im.Queued {
		t.Fatalf("%v", st)
	}
	b.start()
	w.calm(time.Minute)
}

// Presence is light: of two contacts one asks, once in 20 s.
func TestPresenceIsLight(t *testing.T) {
	w, a, b, _, _ := contactsOfEachOther(t, kbrtest.Config{Seed: 1})
	n := 0
	count := func(_ uint16App, d *kbr.Delivery) bool {
		n++
		return false
	}
	a.node.OnDeliver, b.node.OnDeliver = count, count
	w.net.Run(20 * time.Minute)
	if n > 65 || n < 40 {
		t.Errorf("%d questions in 60 periods", n)
	}
}

// A contact's new device is learned of when it shows itself.
func TestPresenceOfANewDevice(t *testing.T) {
	w, a, b, alice, bob := contactsOfEachOther(t, kbrtest.Config{Seed: 1})
	b.kill()
	a.sees(alice, "bob", false, time.Minute)
	c := w.computer(77, bob)
	c.add(bob, "alice")
	a.sees(alice, "bob", true, 3*time.Minute)
	if got := a.contact(alice, "bob").Devices; len(got) != 2 || got[1] != id.Tiny(77) {
		t.Errorf("devices: %v", got)
	}
}

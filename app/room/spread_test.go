package room_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/room"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/task"
)

// large is a room of so many, whose pushes are counted.
func large(t testing.TB, seed uint64, n int) (*world, id.Hash) {
	w := newWorld(t, seed)
	w.pushed, w.spoilt = map[id.Hash]map[string]int{}, map[string]int{}
	for i := range n {
		w.add(fmt.Sprintf("p%03d", i), uint64(i+1))
	}
	w.net.Run(time.Second)
	return w, w.room()
}

// lack are those who are up, do not swallow, and were not told of an entry.
func (w *world) lack(x id.Hash) (list []string) {
	for _, p := range w.people {
		if p.up && !p.swallows && !slices.ContainsFunc(p.events, func(e room.Event) bool { return e.Kind == room.Said && e.Entry == x }) {
			list = append(list, p.name)
		}
	}
	return list
}

// listening is how many are up and do not swallow.
func (w *world) listening() int { return len(w.lack(id.Hash{})) }

// hears waits until all of these were told of an entry, and returns how long that took.
func (w *world) hears(x id.Hash, limit time.Duration) time.Duration {
	w.Helper()
	begun := w.net.Elapsed()
	for len(w.lack(x)) > 0 {
		if w.net.Elapsed()-begun > limit {
			w.Fatalf("after %v these have not heard: %v", limit, w.lack(x))
		}
		w.net.Run(100 * time.Millisecond)
	}
	return w.net.Elapsed() - begun
}

// most is the most that anybody pushed of an entry.
func (w *world) most(x id.Hash) (n int) {
	for _, k := range w.pushed[x] {
		n = max(n, k)
	}
	return n
}

// In a large room what is said goes from one to the next, each pushes it to few, and all hear it: at once where
// all pass it on; a moment later where members are gone; within lookAgain where a fifth swallows
// it; and when they compare where its author has died meanwhile.
func TestLargeRoom(t *testing.T) {
	simtest.Seeds(t, 1, func(t *testing.T, seed uint64) {
		n := simtest.Size(100, 36)
		w, r := large(t, seed, n)
		rng := rand.New(rand.NewPCG(seed, 1))
		alice := w.people[0]
		w.net.Run(time.Minute)

		x := alice.say(r, "all are there")
		w.hears(x, time.Second)
		want(t, "the most that anybody pushed", w.most(x), 8)
		all := 0
		for _, k := range w.pushed[x] {
			all += k
		}
		want(t, "all pushes", all, n-1)

		for _, i := range rng.Perm(n - 1)[:n/5] {
			w.people[i+1].swallows = true
		}
		took := w.hears(alice.say(r, "a fifth swallows"), 13*time.Second)

		// Who writes at once makes ways cross: entries come before those that they name.
		var crossing []id.Hash
		for i := range 12 {
			p := w.people[rng.IntN(n)]
			for p.swallows {
				p = w.people[rng.IntN(n)]
			}
			p.node.Do(func() {
				p.node.Endpoint(appNumber).Go(func(t *task.T) error {
					x, err := p.Say(t, p.key(), r, entry.Words{Text: fmt.Sprint("at once ", i)})
					crossing = append(crossing, x)
					return err
				}, nil)
			})
			w.net.Run(30 * time.Millisecond)
		}
		w.net.Run(time.Second)
		want(t, "said at once", len(crossing), 12)
		crossed := w.net.Elapsed()
		for _, x := range crossing {
			w.hears(x, 15*time.Second)
		}
		crossed = w.net.Elapsed() - crossed

		for _, i := range rng.Perm(n - 2)[:n/5] {
			w.people[i+2].kill()
		}
		x = alice.say(r, "others have gone")
		gone := w.hears(x, 13*time.Second)

		// Whoever wrote it is gone when only few have it: it comes to all when they compare.
		x = alice.say(r, "my last words")
		for len(w.lack(x)) > w.listening()-3 {
			w.net.Run(time.Millisecond)
		}
		alice.kill()
		last := w.hears(x, 6*time.Minute)
		t.Logf("heard after %v where a fifth swallows, %v more at once, %v where a fifth is gone, %v after the author's death", took, crossed, gone, last)
		for _, p := range w.people {
			p.swallows = false
			if !p.up {
				p.start()
			}
		}
		w.same(r, 10*time.Minute)
	})
}

// Where what was said before has reached nobody, all lack it when they hear the next words: in a room in
// which the author pushes to each, too, all are given it within seconds.
func TestManyLack(t *testing.T) {
	w, r := large(t, 1, 20)
	alice := w.people[0]
	w.net.Run(time.Minute)
	swallow := func(are bool) {
		for _, p := range w.people {
			p.swallows = are
		}
	}
	swallow(true)
	alice.say(r, "to nobody")
	w.net.Run(time.Second)
	swallow(false)
	w.hears(alice.say(r, "to all"), 10*time.Second)
}

// What is passed on in a room that is just large enough for it, also when one is out.
func TestPassedOn(t *testing.T) {
	const n = 35
	w, r := large(t, 1, n)
	alice := w.people[0]
	w.net.Run(time.Minute)
	x := alice.say(r, "all are there")
	w.hears(x, time.Second)

	// Who wants it passed on to all again and again moves nobody twice; a copy that its author has not
	// signed goes no further, and who wants it passed on to nobody hinders no other.
	bob, carol := w.people[1], w.people[2+slices.IndexFunc(w.people[2:], func(p *person) bool { return w.pushed[x][p.name] == 0 })]
	send := func(push []byte) {
		bob.must(func(t *task.T) error {
			_, err := kbr.CallPeer(t, bob.node.Endpoint(appNumber), carol.node.Self(), push, kbr.Options{})
			return err
		})
		w.net.Run(time.Second)
	}
	again := func(spoilt, all bool) int {
		send(bob.Again(bob.key(), carol.key(), r, x, spoilt, all))
		return w.pushed[x][carol.name]
	}
	want(t, "who is to tell nobody pushes", again(false, false), 0)
	told := again(true, true)
	for range 5 {
		again(false, true)
	}
	if n := w.pushed[x][carol.name]; n != told || n < 1 || n > 8 {
		t.Errorf("%s pushed it %d times, then %d", carol.name, told, n)
	}
	want(t, "who pushed what its author has not signed", w.spoilt, map[string]int{bob.name: 1})

	// What is said by one who has just come back, and lacks what was said meanwhile, is passed on, too.
	dave := w.people[n-1]
	dave.kill()
	for range 70 {
		x = alice.say(r, "while one is away")
	}
	w.hears(x, 13*time.Second)
	swallow := func(are bool) {
		for _, p := range w.people {
			p.swallows = are
		}
	}
	swallow(true) // he brings it to nobody
	dave.start()
	x = dave.say(r, "I am back")
	late := dave.Again(dave.key(), carol.key(), r, x, false, true)
	dave.kill()
	w.net.Run(time.Second)
	swallow(false)
	want(t, "who have heard", w.listening()-len(w.lack(x)), 0)
	send(late)
	if w.pushed[x][carol.name] == 0 || len(w.lack(x)) > w.listening()-8 {
		t.Errorf("%s pushed it %d times, and %d have heard", carol.name, w.pushed[x][carol.name], w.listening()-len(w.lack(x)))
	}
	dave.start()
	w.net.Run(time.Minute)

	// Who is put out is brought nothing that was said after it, by those neither who do not know of it yet.
	swallow(true)
	if err := alice.setRole(r, bob, entry.Out); err != nil {
		t.Fatal(err)
	}
	w.net.Run(3 * time.Second)
	swallow(false)
	x = alice.say(r, "without bob")
	bob.swallows = true // he is not waited for
	without := w.hears(x, 13*time.Second)
	want(t, "bob was brought it", slices.Contains(bob.got, x), false)
	t.Logf("heard after %v without bob", without)
}

// Who has gone to another computer is reached there seconds after the one before could not be.
func TestOtherComputer(t *testing.T) {
	w := newWorld(t, 1)
	w.cfg.SyncEvery = time.Hour
	w.add("alice", 1)
	w.add("bob", 2)
	w.net.Run(time.Second)
	alice, bob := w.people[0], w.people[1]
	r := w.room()
	w.net.Run(2 * time.Minute)
	now := w.phone["bob"]
	before := *now
	before.Devices = []*directory.Device{{Node: id.Tiny(250)}}
	w.phone["bob"] = &before
	alice.say(r, "one")
	w.net.Run(10 * time.Second)
	w.phone["bob"] = now
	w.net.Run(2 * time.Second)
	alice.say(r, "two")
	w.net.Run(3 * time.Second)
	want(t, "bob reads", bob.texts(r), []string{"one", "two"})
}

// Package chat is what a storm does with a room of group chat: each node has one person, all of them are invited, talk and are
// put out, and what was said is remembered here, where no fault strikes. In the end all who are in the room have all of
// it, and nobody else reads what was said without him.
package chat

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/room"
	"github.com/phyllo-net/phyllo/app/room/books"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// App is the number of the application that serves rooms in storms.
const App wire.AppID = 1003

const (
	// admins is how many people of a storm's room are its owner and admins. The last quarter of
	// all are put out now and then, and invited again.
	admins = 3
	// longestTalk is longer than anything in a room takes on a slow node.
	longestTalk = 4 * time.Minute
)

// Storm is what a chat sees of the storm around it.
type Storm interface {
	// Sim is the simulation, Ring and Verifier what its nodes have.
	Sim() *sim.Sim
	Ring() id.Hash
	Verifier() peer.Verifier
	// Live are the nodes that run and are not stopped.
	Live() []sim.NodeRef
	// Go lets f run on a node as a task, and hands its error to done, in the node's present life.
	Go(n sim.NodeRef, f func(*task.T) error, done func(error))
	// Call is Go, and runs the simulation until f has ended, for limit at most.
	Call(n sim.NodeRef, limit time.Duration, f func(*task.T) error) error
	// Seed is that of the storm.
	Seed() uint64
	// StoppedSince reports whether a node's process stood still for a while after at.
	StoppedSince(n sim.NodeRef, at time.Duration) bool
	// Fail says that something is wrong.
	Fail(format string, args ...any)
}

// Toll is what storms did in rooms.
type Toll struct {
	Talked int // what was said in rooms, as their authors were told
	Gone   int // of that: was on no disk but one that was lost
}

// Add adds what another storm did.
func (t *Toll) Add(o Toll) {
	t.Talked += o.Talked
	t.Gone += o.Gone
}

// Chat is what a storm does with a room: each node has one person, all of them are invited,
// talk and are put out, and what was said is remembered here, where no fault strikes.
type Chat struct {
	closet *closet // where the room's log is kept, too
	storm  Storm
	rng    *rand.Rand
	guests []*guest
	room   id.Hash
	said   []*spoken
	// lost are the keys, by their proofs, that were on no disk but one that was lost.
	lost map[id.Hash]bool
	Toll Toll // what came of it so far
}

// guest is somebody with his node.
type guest struct {
	rs   *Chat
	node sim.NodeRef
	user room.User
	disk *mem.Store
	app  *room.Rooms // of the node's present life
	busy bool
	shut bool // he was put out, once at least
}

// spoken is something that was said, as its author was told.
type spoken struct {
	by    *guest
	entry id.Hash
	text  string
	at    time.Duration
	lost  bool // it was on no disk but one that was lost
}

// New prepares the room of a storm.
func New(s Storm, seed uint64) *Chat {
	return &Chat{storm: s, rng: rand.New(rand.NewPCG(seed, 0x4007)), lost: make(map[id.Hash]bool), closet: newCloset()}
}

// Mount makes the rooms of a node that starts, with what its disk has.
func (rs *Chat) Mount(i int, env sim.NodeEnv) kbr.Mount {
	seed := rs.storm.Seed()
	for len(rs.guests) <= i {
		n := uint64(len(rs.guests))
		g := &guest{rs: rs, node: sim.NodeRef(n), disk: mem.New()}
		g.user = room.User{Name: fmt.Sprint("guest", n), Signer: standin.NewSigner(seed, 1<<34+n),
			Seals: []room.SealPair{{Number: 1, Opener: standin.NewOpener(seed, 1<<34+n)}}}
		rs.guests = append(rs.guests, g)
	}
	g := rs.guests[i]
	if env.Life > 1 {
		g.disk = g.disk.Clone()
	}
	number := uint64(i)<<20 | uint64(env.Life)
	app, err := room.New(room.Default(), room.Deps{Ring: rs.storm.Ring(), Store: g.disk, Directory: rs, Verifier: rs.storm.Verifier(),
		Sealer: standin.NewSealer(number), Locker: standin.NewLocker(number), Storage: rs.closet})
	if err == nil {
		err = app.AddUser(g.user)
	}
	if err != nil {
		panic(err) // a bug of the scenario
	}
	g.app, g.busy = app, false
	return kbr.Mount{Number: App, App: app}
}

// Lookup implements cards.Directory: everybody is found. What a directory does in storms has
// tests of its own.
func (rs *Chat) Lookup(t *task.T, name directory.Name) (directory.Found, error) {
	if err := t.Sleep(20 * time.Millisecond); err != nil {
		return directory.Found{}, err
	}
	for _, g := range rs.guests {
		if g.user.Name == string(name) {
			return directory.Found{Record: &directory.Record{Name: name, Identity: g.user.Key(), Version: 1, SealNumber: 1,
				SealKey: g.user.Seals[0].Opener.SealKey(), Devices: []*directory.Device{{Node: rs.storm.Sim().Handle(g.node).ID}}}}, nil
		}
	}
	return directory.Found{}, directory.ErrNotFound
}

func (rs *Chat) now() time.Duration { return rs.storm.Sim().Now() }

func (rs *Chat) fail(format string, args ...any) { rs.storm.Fail(format, args...) }

// do lets a guest do something in his node's present life, one thing at a time. What his node
// does not outlive has no outcome.
func (g *guest) do(what string, f func(*task.T, *room.Rooms, peer.Key) error, done func(error)) {
	rs, app, since := g.rs, g.app, g.rs.now()
	g.busy = true
	rs.storm.Go(g.node, func(t *task.T) error { return f(t, app, g.user.Key()) }, func(err error) {
		if errors.Is(err, task.ErrStopped) || g.app != app {
			return
		}
		g.busy = false
		if d := rs.now() - since; d > longestTalk && !rs.storm.StoppedSince(g.node, since) {
			rs.fail("R: node %d: %s took %v", g.node, what, d)
		}
		done(err)
	})
}

// Prepare makes the room, and lets all join it.
func (rs *Chat) Prepare() {
	owner := rs.guests[0]
	owner.do("create", func(t *task.T, m *room.Rooms, me peer.Key) (err error) {
		if rs.room, err = m.Create(t, me, "storm", false); err != nil {
			return err
		}
		if err := m.SetStored(t, me, rs.room, true); err != nil {
			return err
		}
		for _, g := range rs.guests[1:] {
			if err := m.Invite(t, me, rs.room, g.user.Name); err != nil {
				return err
			}
		}
		for _, g := range rs.guests[1:min(admins, len(rs.guests))] {
			if err := m.SetRole(t, me, rs.room, g.user.Key(), entry.Admin); err != nil {
				return err
			}
		}
		return nil
	}, func(err error) {
		if err != nil {
			rs.fail("R5: the room is not made: %v", err)
		}
	})
	rs.storm.Sim().RunUntil(func() bool { return !owner.busy }, 100*time.Millisecond, longestTalk)
	rs.storm.Sim().RunFor(10 * time.Second)
	for _, g := range rs.guests[1:] {
		g.join()
	}
	rs.storm.Sim().RunFor(10 * time.Second)
}

// join accepts an invitation, if there is one.
func (g *guest) join() {
	g.do("join", func(t *task.T, m *room.Rooms, me peer.Key) error {
		if invited, err := m.Invited(t, me, g.rs.room); err != nil || !invited {
			return err
		}
		return m.Join(t, me, g.rs.room)
	}, func(err error) {
		if err != nil {
			g.rs.fail("R5: node %d joins: %v", g.node, err)
		}
	})
}

// say says something. done may be nil.
func (g *guest) say(done func(error)) {
	l := &spoken{by: g, text: fmt.Sprint("word ", len(g.rs.said), " of ", g.node), at: g.rs.now()}
	g.do("say", func(t *task.T, m *room.Rooms, me peer.Key) (err error) {
		l.entry, err = m.Say(t, me, g.rs.room, entry.Words{Text: l.text})
		return err
	}, func(err error) {
		switch {
		case err == nil:
			g.rs.said = append(g.rs.said, l)
			g.rs.Toll.Talked++
		case !expected(err):
			g.rs.fail("R5: node %d says something: %v", g.node, err)
		}
		if done != nil {
			done(err)
		}
	})
}

// expected reports whether an error is one that people may be told while faults strike, or
// who are not in the room, or into whose log what made them members has not come yet.
func expected(err error) bool {
	for _, e := range []error{room.ErrNoKey, room.ErrPartial, room.ErrNotMember, room.ErrNoRoom, room.ErrNotAdmin, room.ErrNotOwner} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Step lets people talk, join, be put out and invited again.
func (rs *Chat) Step() {
	for _, n := range rs.storm.Live() {
		g := rs.guests[n]
		switch k := rs.rng.IntN(24); {
		case g.busy:
		case k < 3:
			g.say(nil)
		case k == 3:
			g.join()
		case k == 4 && n < admins && rs.rng.IntN(3) == 0:
			g.rule()
		}
	}
}

// rule lets an admin put somebody out, or invite him again.
func (g *guest) rule() {
	all := len(g.rs.guests)
	who := g.rs.guests[all-1-g.rs.rng.IntN(max(all/4, 1))]
	put := g.rs.rng.IntN(2) == 0
	if who.node < admins {
		return
	}
	g.do("rule", func(t *task.T, m *room.Rooms, me peer.Key) error {
		if put {
			who.shut = true
			return m.SetRole(t, me, g.rs.room, who.user.Key(), entry.Out)
		}
		return m.Invite(t, me, g.rs.room, who.user.Name)
	}, func(err error) {
		if err != nil && !expected(err) {
			g.rs.fail("R5: node %d changes what node %d is: %v", g.node, who.node, err)
		}
	})
}

// Wipe takes a node's disk away, and notes what was on no other.
func (rs *Chat) Wipe(n sim.NodeRef) {
	g := rs.guests[n]
	mine := rs.guests[n].reads()
	entries, keys := map[id.Hash]bool{}, map[id.Hash]bool{}
	for _, o := range rs.guests {
		if d := o.reads(); o != g && d != nil {
			for _, e := range d.Entries {
				entries[e.Hash()] = true
			}
			for proof := range d.Keys {
				keys[proof] = true
			}
		}
	}
	if mine != nil {
		for _, l := range rs.said {
			l.lost = l.lost || l.by == g && !entries[l.entry]
		}
		for proof := range mine.Keys {
			rs.lost[proof] = rs.lost[proof] || !keys[proof]
		}
	}
	g.disk.Wipe()
}

// reads returns what a guest's disk has of the room, nil if it has nothing.
func (g *guest) reads() *books.Loaded {
	d, err := books.Book{Store: g.disk.Clone(), User: g.user.Key(), Room: g.rs.room}.Load()
	if err != nil {
		return nil
	}
	return d
}

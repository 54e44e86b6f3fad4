// Package group is what a storm does with a group: all nodes may be in its tree, most of them join it, some speak in it, some
// attack it, and what was said and read is remembered here, where no fault strikes. In the end there is one tree, and everybody
// reads all.
package group

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/app/scribe"
	"github.com/phyllo-net/phyllo/app/scribe/anycast"
	"github.com/phyllo-net/phyllo/app/scribe/msg"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// groupsApp is the number of the application that serves groups in storms.
const groupsApp wire.AppID = 1002

// Storm is what a group sees of the storm around it.
type Storm interface {
	// Sim is the simulation, Ring and Verifier what its nodes have.
	Sim() *sim.Sim
	Ring() id.Hash
	Verifier() peer.Verifier
	// Live are the nodes that run and are not stopped.
	Live() []sim.NodeRef
	// Go lets f run on a node as a task, and hands its error to done, in the node's present life.
	Go(n sim.NodeRef, f func(*task.T) error, done func(error))
	// Nodes is how many there are.
	Nodes() int
	// Root is the node nearest to a key, of those that are ready; sim.Nobody: none is.
	Root(key id.ID) sim.NodeRef
	// Whole reports whether no fault of this storm parts the network, and Alone whether nodes keep neither files
	// nor rooms.
	Whole() bool
	Alone() bool
	// Say tells those who read what happens, and Fail that something is wrong.
	Say(format string, args ...any)
	Fail(format string, args ...any)
}

// Toll is what storms did in groups.
type Toll struct {
	Said  int // messages in groups that were acknowledged
	Heard int // times that a member read one
	Told  int // times that a member was told instead that it is lost, in networks that were parted
	Found int // parents that swallowed messages and were left for that

	Drowned int // parents that flooded and were left for that
	Turned  int // parents that reordered and were left for that
	Missed  int // messages that a member did not get in calm, and noticed by the next
	Mended  int // forwarders and roots that were killed in calm
	Offered int // items that a taker was looked for, and
	Granted int // of these: got one
}

// Add adds what another storm did.
func (t *Toll) Add(o Toll) {
	t.Said += o.Said
	t.Heard += o.Heard
	t.Told += o.Told
	t.Found += o.Found
	t.Drowned += o.Drowned
	t.Turned += o.Turned
	t.Missed += o.Missed
	t.Mended += o.Mended
	t.Offered += o.Offered
	t.Granted += o.Granted
}

// Group is what a storm does with groups: all nodes may be in the tree of one, most of them
// join it, some speak in it, and what was said and read is remembered here, where no fault
// strikes.
type Group struct {
	storm    Storm
	rng      *rand.Rand
	charter  *msg.Charter
	id       id.Hash
	seats    []*seat
	speakers []*speaker
	lines    map[string]*line
	order    []*line // as they were said
	offers   map[string]*offer
	does     map[sim.NodeRef]deed          // what attackers do
	circles  map[sim.NodeRef]time.Duration // since when a node is its own ancestor
	healed   time.Duration                 // when the ring was exact again after the faults
	rounds   int                           // of what is done while faults strike
	fast     bool                          // a speaker speaks fast at times
	strict   bool                          // nobody may be held to reorder who does not
	Toll     Toll                          // what came of it so far
}

// seat is what a node has of the group in its present life.
type seat struct {
	gs      *Group
	node    sim.NodeRef
	app     *scribe.Scribe
	ear     *ear             // what it hears with, if it is honest
	finds   *anycast.Anycast // takers
	member  *membership      // nil: none
	joining bool
}

// membership is one time of being a member.
type membership struct {
	gs     *Group
	node   sim.NodeRef
	m      *scribe.Member
	began  time.Duration // when it had joined
	next   map[msg.Stream]uint64
	read   map[string]bool
	missed []scribe.Gap
}

// speaker publishes with one key, on one node.
type speaker struct {
	key  peer.Signer
	node sim.NodeRef
	app  *scribe.Scribe // with which it publishes; another one after a restart
	p    *scribe.Publisher
}

// line is a message.
type line struct {
	text  string
	by    peer.Key
	at    time.Duration // when it was said
	taken time.Duration // when it was acknowledged; 0: never
	seq   uint64
}

const (
	// speakers is how many nodes speak in the group.
	speakers = 3
	// longestJoin is longer than it takes to join, or to make a group, on a slow node.
	longestJoin = 3 * time.Minute
)

// New prepares the group of a storm. In each fourth storm a fifth of the nodes are
// attackers.
func New(s Storm, seed uint64) *Group {
	gs := &Group{storm: s, rng: rand.New(rand.NewPCG(seed, 0x5c81be)), lines: make(map[string]*line),
		offers: make(map[string]*offer), does: make(map[sim.NodeRef]deed), circles: make(map[sim.NodeRef]time.Duration), fast: dashes(seed)}
	for i := range speakers {
		gs.speakers = append(gs.speakers, &speaker{key: standin.NewSigner(seed, 1<<33+uint64(i)), node: sim.NodeRef(i)})
	}
	for n := range sim.NodeRef(s.Nodes()) {
		if does := deedOf(n, s.Nodes(), seed); does != honest {
			gs.does[n] = does
		}
	}
	return gs
}

// Mount makes the groups of a node that starts.
func (gs *Group) Mount(i int) []kbr.Mount {
	for len(gs.seats) <= i {
		gs.seats = append(gs.seats, nil)
	}
	c := scribe.Default()
	c.Ring, c.Verifier, c.MaxChildren = gs.storm.Ring(), gs.storm.Verifier(), 3
	n := sim.NodeRef(i)
	c.Events.Swallowed = func(_ id.Hash, parent *peer.Handle) { gs.found(n, parent) }
	c.Events.Flooded = func(_ id.Hash, parent *peer.Handle) { gs.drowned(n, parent) }
	c.Events.Reordered = func(_ id.Hash, parent *peer.Handle) { gs.turned(n, parent) }
	app, err := scribe.New(c)
	if err != nil {
		panic(err) // a bug of the scenario
	}
	ac := anycast.Default()
	ac.Ring, ac.Verifier, ac.Tree = c.Ring, c.Verifier, app
	finds, err := anycast.New(ac)
	if err != nil {
		panic(err) // as above
	}
	s := &seat{gs: gs, node: n, app: app, ear: &ear{Scribe: app}, finds: finds}
	gs.seats[i] = s
	var in kbr.App = s.ear
	if does := gs.does[n]; does != honest {
		in = &attacker{Scribe: app, groups: gs, does: does}
	}
	return []kbr.Mount{{Number: groupsApp, App: in}, {Number: anycastApp, App: finds}}
}

// found counts a parent that a node left because it swallows messages. Where nobody swallows and
// the network is whole nobody is left for that. (Who is below a swallower lacks what it swallowed,
// and is held to be one by those below it.)
func (gs *Group) found(by sim.NodeRef, parent *peer.Handle) {
	gs.Toll.Found++
	if gs.storm.Whole() && len(gs.does) == 0 {
		gs.fail("A11: node %d reports that %v swallows messages, which nobody does", by, parent)
	}
}

// drowned counts a parent that a node left because it floods: that is said of flooders alone.
func (gs *Group) drowned(by sim.NodeRef, parent *peer.Handle) {
	gs.Toll.Drowned++
	if n, known := gs.storm.Sim().Find(parent.ID); !known || gs.does[n] != floods {
		gs.fail("A11: node %d reports that %v floods it, which it does not", by, parent)
	}
}

// turned counts a parent that a node left because it reorders. Where nobody does and the network is
// whole nobody is left for that.
func (gs *Group) turned(by sim.NodeRef, parent *peer.Handle) {
	gs.Toll.Turned++
	if n, known := gs.storm.Sim().Find(parent.ID); gs.strict && (!known || gs.does[n] != reorders) {
		gs.fail("A11: node %d reports that %v reorders messages, which it does not", by, parent)
	}
	if gs.storm.Whole() && len(gs.does) == 0 {
		gs.fail("A11: node %d reports that %v reorders messages, which nobody does", by, parent)
	}
}

func (gs *Group) now() time.Duration { return gs.storm.Sim().Now() }

func (gs *Group) fail(format string, args ...any) { gs.storm.Fail(format, args...) }

// Prepare makes the group, and its first members.
func (gs *Group) Prepare() {
	owner := gs.speakers[0]
	gs.charter = (&msg.Charter{Name: "storm", Version: 1, OpenJoin: true, OpenPublish: true, Count: msg.MaxCount, Age: 24 * 3600}).
		Sign(gs.storm.Ring(), owner.key)
	gs.id = gs.charter.Group(gs.storm.Ring())
	made := false
	gs.run(owner.node, func(t *task.T, s *seat) error { return s.app.Create(t, gs.charter) }, func(err error) {
		made = true
		if err != nil {
			gs.fail("P7: the group is not made: %v", err)
		}
	})
	gs.storm.Sim().RunUntil(func() bool { return made }, 100*time.Millisecond, longestJoin)
	for _, n := range gs.storm.Live() {
		if n%4 != 3 {
			gs.join(gs.seats[n])
		}
	}
	gs.storm.Sim().RunFor(10 * time.Second)
}

// run lets a node do something for its present life.
func (gs *Group) run(n sim.NodeRef, f func(*task.T, *seat) error, done func(error)) {
	s := gs.seats[n]
	gs.storm.Go(n, func(t *task.T) error { return f(t, s) }, func(err error) {
		if !errors.Is(err, task.ErrStopped) {
			done(err)
		}
	})
}

// join makes a node a member.
func (gs *Group) join(s *seat) {
	s.joining = true
	m := &membership{gs: gs, node: s.node, next: make(map[msg.Stream]uint64), read: make(map[string]bool)}
	o := scribe.Options{Message: m.reads, Gap: m.misses, Ended: func(err error) { gs.fail("P7: node %d is a member no longer: %v", s.node, err) }}
	if gs.rng.IntN(2) == 0 {
		o.Last = gs.rng.IntN(50)
	}
	gs.run(s.node, func(t *task.T, s *seat) (err error) {
		m.m, err = s.app.Join(t, gs.id, o)
		return err
	}, func(err error) {
		s.joining = false
		if err == nil {
			s.member, m.began = m, gs.now()
			gs.takes(s)
		} else if !errors.Is(err, scribe.ErrAway) && !errors.Is(err, scribe.ErrNoGroup) {
			gs.fail("P7: node %d joins: %v", s.node, err)
		}
	})
}

func (gs *Group) leave(s *seat) {
	m := s.member
	s.member = nil
	gs.storm.Sim().Call(s.node, m.m.Leave)
}

// reads checks what a member reads (P1, P2, P4).
func (s *membership) reads(m scribe.Message) {
	gs, text := s.gs, string(m.Body)
	l := gs.lines[text]
	name := msg.Stream{Publisher: m.Publisher, Life: m.Life}
	switch want := s.next[name]; {
	case l == nil || l.by != m.Publisher:
		gs.fail("P2: node %d read %q, which %v never said", s.node, text, m.Publisher)
	case s.read[text]:
		gs.fail("P1: node %d read %q twice", s.node, text)
	case want != 0 && m.Seq != want:
		gs.fail("P4: node %d read message %d of %v, the next is %d", s.node, m.Seq, m.Publisher, want)
	}
	s.next[name], s.read[text] = m.Seq+1, true
	gs.Toll.Heard++
}

func (s *membership) misses(g scribe.Gap) {
	s.next[msg.Stream{Publisher: g.Publisher, Life: g.Life}] = g.To + 1
	s.missed = append(s.missed, g)
	s.gs.storm.Say("node %d is told of the gap %d..%d", s.node, g.From, g.To)
}

// say lets a speaker publish a message. done may be nil.
func (gs *Group) say(sp *speaker, done func(error)) *line {
	s := gs.seats[sp.node]
	l := &line{text: fmt.Sprintf("line %d", len(gs.order)), by: sp.key.Public(), at: gs.now()}
	gs.order = append(gs.order, l)
	gs.lines[l.text] = l
	gs.storm.Sim().Call(sp.node, func() {
		if sp.app != s.app {
			sp.app, sp.p = s.app, s.app.Publisher(gs.id, sp.key)
		}
		ended := func(seq uint64, err error) {
			if err == nil {
				l.taken, l.seq = gs.now(), seq
				gs.Toll.Said++
			}
			if done != nil {
				done(err)
			}
		}
		if err := sp.p.Publish([]byte(l.text), ended); err != nil {
			ended(0, err)
		}
	})
	return l
}

package lab

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab/chat"
	"github.com/phyllo-net/phyllo/lab/group"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/topo"
	"github.com/phyllo-net/phyllo/wire"
)

// lookupApp is the number of the application with which storms look keys up.
const lookupApp wire.AppID = 1000

// lookup answers every request with the id of its node.
type lookup struct {
	ep   kbr.Endpoint
	seen map[string]bool
	t    *Truth
}

func (l *lookup) Start(ep kbr.Endpoint)     { l.ep = ep }
func (l *lookup) Update(*peer.Handle, bool) {}
func (l *lookup) Stop()                     {}

func (l *lookup) Deliver(d *kbr.Delivery) {
	if l.seen[string(d.Payload)] {
		l.t.fail("O6: node %s was given message %q twice", l.ep.Self().ID.Short(), d.Payload)
	}
	l.seen[string(d.Payload)] = true
	x := l.ep.Self().ID.Bytes()
	d.Reply(x[:])
}

// Storm is a ring under faults, with lookups all the time, and with all the
// overlay's invariants checked.
type Storm struct {
	*Ring
	Nodes int
	leaf  int // size of the leaf sets
	// forGood lets some nodes go when the faults end, and never come back.
	forGood bool
	// Faults is the mix of the first phase.
	Faults sim.Faults
	// Sent, Answered and Failed count the lookups, and Late those whose outcome
	// did not come in time.
	Sent, Answered, Failed, Late int
	// Missed counts answers from a node that was neither the nearest when the
	// lookup was sent nor when it was answered.
	Missed int
	routed int // messages of applications, of all nodes together
	open   map[int]pending
	calm   bool
	files  *storage     // nil: none are kept
	talk   *group.Group // nil: there are none
	rooms  *chat.Chat   // nil: there are none
	log    *transcript  // nil: nobody reads what happens
}

// pending is a lookup without an outcome yet; it has none if its sender dies.
type pending struct {
	from *pastry.Node
	ref  sim.NodeRef
	at   time.Duration
}

// stormCodec is how many messages of a storm go by until one is encoded and decoded: a storm
// sends some hundred thousand, so every kind is still tried, in less than half the time.
const stormCodec = 11

// NewStorm makes a storm of the default mix, its strength drawn from the seed.
func NewStorm(seed uint64, nodes int) *Storm {
	return newStorm(Tempest{Seed: seed, Nodes: nodes}, nil)
}

func newStorm(t Tempest, log *transcript) *Storm {
	seed, nodes := t.Seed, t.Nodes
	s := &Storm{Nodes: nodes, leaf: t.leafs(), forGood: t.ForGood, open: make(map[int]pending), log: log}
	c := Config{Seed: seed, Sim: sim.Config{
		Topology: topo.NewPlane(4*nodes, seed, 100*time.Millisecond), Codec: msg.Messages, CodecEvery: stormCodec,
		Connections: true},
		Sealed: true,
		Tune:   func(p *pastry.Config) { p.LeafSet = s.leaf },
		Apps: func(i int, env sim.NodeEnv) []kbr.Mount {
			apps := []kbr.Mount{{Number: lookupApp, App: &lookup{seen: make(map[string]bool), t: s.Truth}}}
			if s.files != nil {
				apps = append(apps, s.files.mount(i, env)...)
			}
			if s.talk != nil {
				apps = append(apps, s.talk.Mount(i)...)
			}
			if s.rooms != nil {
				apps = append(apps, s.rooms.Mount(i, env))
			}
			return apps
		}}
	c.Sim.Observe.Send = func(_, _ sim.NodeRef, class machine.Class, _ wire.Message, _ int) {
		if class == machine.ClassApp {
			s.routed++
		}
	}
	log.watch(&c)
	if t.Storage {
		s.files = newStorage(s, seed)
		wiped(&c, s.files.wipe)
	}
	if t.Groups {
		s.talk = group.New(stage{s}, seed)
	}
	if t.Rooms {
		s.rooms = chat.New(stage{s}, seed)
		wiped(&c, s.rooms.Wipe)
	}
	s.Ring = New(c)
	log.follow(s)
	s.Faults = sim.Storm(rand.New(rand.NewPCG(seed, 0x570)))
	if seed%3 == 0 {
		// A third of the storms leave the network whole, so that two claimants of
		// one key are never right.
		s.Faults.Partition, s.Faults.Unlinked = 0, 0
	}
	if s.files != nil && s.files.apart && s.Faults.Partition > 0 {
		s.Faults.Partition, s.Faults.PartitionMin = max(s.Faults.Partition, 0.04), 30*time.Second
	}
	return s
}

// wiped has wipe called when a node's disk is lost, before those who watched so far.
func wiped(c *Config, wipe func(sim.NodeRef)) {
	life := c.Sim.Observe.Life
	c.Sim.Observe.Life = func(n sim.NodeRef, what sim.LifeEvent) {
		if what == sim.Wiped {
			wipe(n)
		}
		if life != nil {
			life(n, what)
		}
	}
}

// Run grows the ring in calm, lets faults strike for the time rage while lookups
// go on (safety), heals, and checks that all is well again in time (liveness).
func (s *Storm) Run(rage time.Duration) []string {
	defer s.Close()
	if !s.Grow(s.Nodes, 300*time.Millisecond, 60*time.Second) {
		s.Truth.fail("O9: only %d of %d nodes are ready in calm", len(s.ReadyNodes()), s.Nodes)
		return s.Truth.Problems()
	}
	if s.whole() {
		s.Faults.ClogMost = mostClog
	}
	if s.files != nil {
		s.files.prepare()
	}
	if s.talk != nil {
		s.talk.Prepare()
	}
	if s.rooms != nil {
		s.rooms.Prepare()
	}
	s.log.say("faults begin: %v", s.Faults)
	s.Sim.Inject(s.Faults)
	for range int(rage / (500 * time.Millisecond)) {
		s.ask()
		if s.files != nil {
			s.files.step()
		}
		if s.talk != nil {
			s.talk.Step()
		}
		if s.rooms != nil {
			s.rooms.Step()
		}
		s.Sim.RunFor(500 * time.Millisecond)
		s.log.paths()
		s.Truth.Dead(40*time.Second + s.slack())
		if s.whole() {
			s.Truth.Claims(false)
		}
	}
	s.log.say("faults end")
	s.Sim.Heal()
	s.log.paths()
	if s.forGood {
		s.depart()
	}
	s.liveness()
	if s.talk != nil {
		s.talk.Judge()
	}
	if s.rooms != nil {
		s.rooms.Judge()
	}
	if s.files != nil {
		s.Sim.RunFor(settleFiles)
		s.files.judge()
	}
	return s.Truth.Problems()
}

// depart lets an eighth of the nodes go, killed, silently or in order: those whom faults
// struck all come back, and what a ring keeps of its dead would not be seen.
func (s *Storm) depart() {
	live := s.Live()
	s.rng.Shuffle(len(live), func(i, j int) { live[i], live[j] = live[j], live[i] })
	for _, n := range live[:len(live)/8] {
		switch s.rng.IntN(3) {
		case 0:
			s.Sim.Crash(n)
		case 1:
			s.Sim.Die(n)
		default:
			s.Sim.Stop(n)
		}
		if s.files != nil {
			s.files.wipe(n)
		}
		if s.rooms != nil {
			s.rooms.Wipe(n)
		}
	}
}

// slack is what a node that is slow, or whose messages are late, is given.
func (s *Storm) slack() time.Duration { return 20 * time.Second }

// mostClog is how long a node is clogged at the most where the network is to be whole: one
// that hears nobody for longer than a verdict and the leases take is parted from the
// others, and may rightly begin a ring of its own.
const mostClog = 15 * time.Second

// lookupsAlone reports whether the nodes do nothing but look keys up.
func (s *Storm) lookupsAlone() bool { return s.files == nil && s.talk == nil && s.rooms == nil }

// whole reports whether no fault of this storm parts the network.
func (s *Storm) whole() bool { return s.Faults.Partition == 0 && s.Faults.Unlinked == 0 }

// settleFiles is how long a ring is calm before files must be where they belong: those who
// left are waited for, and then surplus copies are deleted, in a few rounds.
const settleFiles = 20 * time.Minute

// liveness: after the last fault, one exact ring within a death verdict and 60 s
// (O1 to O3, O10, O11); then lookups reach their roots in few hops (O6 to O8), and
// the ring is quiet (O12), but for what files and groups cost.
func (s *Storm) liveness() {
	s.Sim.RunFor(45*time.Second + 60*time.Second)
	s.Truth.Claims(true)
	s.Truth.LeafSets(s.leaf)
	s.Truth.Tables(4)
	failed, wrong, missed, routed := s.Failed, s.Truth.Wrong, s.Missed, s.routed
	s.calm = true
	for range 20 {
		s.ask()
		s.Sim.RunFor(500 * time.Millisecond)
	}
	s.Sim.RunFor(35 * time.Second)
	if n := s.Failed - failed; n > 0 {
		s.Truth.fail("O6: %d of the last 20 lookups failed in calm", n)
	}
	if n := max(s.Truth.Wrong-wrong, s.Missed-missed); n > 0 {
		s.Truth.fail("O7: %d of the last 20 lookups came to a node that is not the root", n)
	}
	// A hop that is acknowledged is sent once, and so is the answer. As much again is
	// left for the paths that are measured anew after the faults.
	if n, most := s.routed-routed, 2*20*(HopLimit(s.Nodes)+1); n > most && s.lookupsAlone() {
		s.Truth.fail("O12: the last 20 lookups took %d messages, should take %d at most", n, most)
	}
	for num := range s.Sent {
		if p, open := s.open[num]; open && s.Node(p.ref) == p.from && s.Sim.Now()-p.at > 31*time.Second {
			s.Late++
		}
	}
	if s.Late > 0 {
		s.Truth.fail("O6: %d lookups have no outcome", s.Late)
	}
	sent := s.Truth.Sent
	s.Sim.RunFor(time.Minute)
	if each := float64(s.Truth.Sent-sent) / 60 / float64(len(s.Live())); each > 1 && s.lookupsAlone() {
		s.Truth.fail("O12: %.2f messages a second and node in calm", each)
	}
}

// progress checks O8 of an answered lookup: few hops, each of them to a node that shares
// more digits with the key than the one before, or is nearer to it.
func (s *Storm) progress(num int, key id.ID, a *kbr.Answer) {
	if a.Hops > HopLimit(s.Nodes) {
		s.Truth.fail("O8: lookup %d took %d hops", num, a.Hops)
	}
	base := s.parameters().Base
	for i := range len(a.Path) - 1 {
		at, next := a.Path[i].Node.ID, a.Path[i+1].Node.ID
		if base.SharedPrefix(next, key) <= base.SharedPrefix(at, key) && !id.Closer(key, next, at) {
			s.Truth.fail("O8: hop %d of lookup %d comes no nearer to key %s", i+1, num, key.Short())
		}
	}
}

// lateOutcome is when a lookup must have had its outcome: within 30 s by its sender's
// clock, which may be slow, as may be the sender.
const lateOutcome = 35 * time.Second

// ask sends a lookup from a live node.
func (s *Storm) ask() {
	live := s.Live()
	if len(live) == 0 {
		return
	}
	from := live[s.rng.IntN(len(live))]
	key := id.ID{Hi: s.rng.Uint64(), Lo: s.rng.Uint64()}
	node := s.Node(from)
	num := s.Sent
	called := false
	s.Sent++
	s.Sim.Call(from, func() {
		s.open[num] = pending{node, from, s.Sim.Now()}
		was := s.Truth.Root(key)
		node.Endpoint(lookupApp).Request(key, fmt.Appendf(nil, "%d", num), kbr.Options{Trace: s.calm}, func(a kbr.Answer, err error) {
			if called {
				s.Truth.fail("O6: lookup %d has two outcomes", num)
			}
			called = true
			if d := s.Sim.Now() - s.open[num].at; d > lateOutcome && !s.Truth.stoppedSince(from, s.open[num].at) {
				s.Truth.fail("O6: lookup %d had its outcome after %v", num, d)
			}
			delete(s.open, num)
			if err != nil {
				s.Failed++
				return
			}
			s.Answered++
			if s.calm {
				s.progress(num, key, &a)
			}
			now := s.Truth.Root(key)
			got := id.FromBytes(a.Payload)
			if (was == nil || was.ID != got) && (now == nil || now.ID != got) {
				s.Missed++
			}
		})
	})
}

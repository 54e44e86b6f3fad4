package lab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/certificate"
	"github.com/phyllo-net/phyllo/app/space"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab/chat"
	"github.com/phyllo-net/phyllo/lab/folder"
	"github.com/phyllo-net/phyllo/lab/group"
	"github.com/phyllo-net/phyllo/lab/register"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// storageApp is the number of the application that keeps files in storms.
const storageApp wire.AppID = 1001

// spaceApp is that of the spaces on it.
const spaceApp wire.AppID = 1004

// storage is what a storm does with files: all nodes keep them for each other, clients on
// all nodes store, read, change and reclaim them, and what was acknowledged is remembered
// here, where no fault strikes.
type storage struct {
	storm  *Storm
	rng    *rand.Rand
	homes  []*home
	people []peer.Signer // who own files
	files  []*file
	names  []*mutable
	// lost is when copies of an object were lost for good, with their disks.
	lost map[id.Hash][]time.Duration
	open []*errand
	toll Toll
	// folder is a space that is changed besides, in every fourth step.
	folder *folder.Folder
	steps  int
	// apart: nodes go on soon without a majority that went away. So parts of the ring make one object
	// each for themselves, as else only after Config.Absence.
	apart bool
	// hasty: they wait for nobody who went away before they make copies anew either.
	hasty bool
}

type (
	groupToll = group.Toll
	chatToll  = chat.Toll
)

// Toll is what storms did to files, and in groups and rooms.
type Toll struct {
	Stored  int // inserts that were acknowledged
	Read    int // lookups that found their file
	Changed int // changes of mutable objects that were acknowledged
	Filed   int // changes of the shared space that were acknowledged
	Met     int // mutable objects that parts of the ring had made each for itself
	Spared  int // of those stored: reclaimed, or all copies were lost within the time of a repair
	Lost    int // of the others: not there, or with another content, when all is calm

	groupToll
	chatToll
}

// Add adds what another storm did.
func (t *Toll) Add(o Toll) {
	t.Stored += o.Stored
	t.Read += o.Read
	t.Changed += o.Changed
	t.Filed += o.Filed
	t.Met += o.Met
	t.Spared += o.Spared
	t.Lost += o.Lost
	t.groupToll.Add(o.groupToll)
	t.chatToll.Add(o.chatToll)
}

// home is what a node has of storage.
type home struct {
	disk  *mem.Store // of its present life
	past  *past.Past
	space *space.Spaces
	wiped time.Duration // when it lost a disk last
}

// file is one whose insert was acknowledged.
type file struct {
	stored    past.Stored
	content   string
	owner     peer.Signer
	parted    bool // it was stored in a part of the ring that had lost sight of the others
	reclaimed bool // its owner wanted that, at least
	gone      bool // and it was acknowledged
}

// mutable is a mutable object.
type mutable struct {
	register.Register
	name  past.Name
	owner peer.Signer
	last  uint64   // the version that was seen last by anybody
	known bool     // a change was acknowledged
	left  []string // in the end: the current content, and its rivals
	met   bool     // there were rivals
	count int      // of contents
}

// errand is something that a client does.
type errand struct {
	what  string
	node  sim.NodeRef
	home  *home
	life  *past.Past
	since time.Duration
	most  time.Duration // that it may take
}

const (
	// owners is how many people own files, and registers how many mutable objects there are.
	owners, registers = 3, 3
	// repair is within which time copies that were lost are made again (S3): an object may be
	// lost only if all its copies are lost within such a time (S2).
	repair = 5 * time.Minute
	// longestErrand is longer than any call of storage takes on a slow node.
	longestErrand = 4 * time.Minute
)

// Toll returns what the storm did to files, and in groups and rooms, when it has run; nothing, if it has
// none.
func (s *Storm) Toll() (t Toll) {
	if s.talk != nil {
		t.groupToll = s.talk.Toll
	}
	if s.rooms != nil {
		t.chatToll = s.rooms.Toll
	}
	if s.files == nil {
		return t
	}
	t.Add(s.files.toll)
	t.Filed += s.files.folder.Changed
	for _, r := range s.files.names {
		t.Changed += r.Changes()
	}
	return t
}

// newStorage prepares the files of a storm.
func newStorage(s *Storm, seed uint64) *storage {
	st := &storage{storm: s, rng: rand.New(rand.NewPCG(seed, 0x57012)), lost: make(map[id.Hash][]time.Duration), apart: seed%2 == 1, hasty: seed%4 == 3}
	for i := range owners {
		st.people = append(st.people, standin.NewSigner(seed, 1<<32+uint64(i)))
	}
	for i := range registers {
		owner := st.people[i]
		st.names = append(st.names, &mutable{owner: owner,
			name: past.Name{Owner: owner.Public(), Part: certificate.NamePart([]byte("storm"), fmt.Sprint(i)), Copies: uint8(5 - 2*(i/2))}})
	}
	var people []space.Person
	for i, p := range st.people {
		n := 1<<33 + uint64(i)
		people = append(people, space.Person{Name: fmt.Sprint("owner", i), Signer: p, Seals: []space.SealPair{{Number: 1, Opener: standin.NewOpener(seed, n)}}})
	}
	rng := rand.New(rand.NewPCG(seed, 0x5bace))
	st.folder = folder.New(spaceStorm{st, rng}, rng, people)
	return st
}

// mount makes the storage of a node that starts.
func (st *storage) mount(i int, env sim.NodeEnv) []kbr.Mount {
	for len(st.homes) <= i {
		st.homes = append(st.homes, &home{disk: mem.New(), wiped: -1})
	}
	h, r := st.homes[i], st.storm.Ring
	if env.Life > 1 {
		h.disk = h.disk.Clone()
	}
	c := past.Default()
	c.Ring, c.Signer, c.Verifier, c.Store = r.admit.ring, r.signer[i], r.admit.verifier, h.disk
	c.Certificate = func() *peer.Certificate { return r.certs[i] }
	// The waits that are long in a real ring, so that a storm sees what comes after them.
	c.Sync, c.Surplus = time.Minute, 2*time.Minute
	if c.Apart = c.Absence; st.apart {
		c.Apart = 5 * time.Second
	}
	if st.hasty {
		c.Absence = c.Apart
	}
	p, err := past.New(c)
	if err != nil {
		panic(err) // a bug of the scenario
	}
	h.past = p
	number := 1<<40 | uint64(i)<<20 | uint64(env.Life)
	sc := space.Default()
	sc.Ring, sc.Past, sc.Store, sc.Verifier = c.Ring, p, h.disk, c.Verifier
	sc.Locker, sc.Sealer = standin.NewLocker(number), standin.NewSealer(number)
	sc.Patience, sc.Grace = time.Minute, 10*time.Second
	if h.space, err = space.New(sc); err != nil {
		panic(err) // a bug of the scenario
	}
	return []kbr.Mount{{Number: storageApp, App: p}, {Number: spaceApp, App: h.space}}
}

// wipe notes what is lost with a disk.
func (st *storage) wipe(n sim.NodeRef) {
	h := st.homes[n]
	h.wiped = st.now()
	err := h.disk.Clone().Scan(past.Table, store.Range{}, func(key, _ []byte) bool {
		o := id.Hash(key)
		st.lost[o] = append(st.lost[o], st.now())
		return true
	})
	if err != nil {
		panic(err) // a disk without faults
	}
	h.disk.Wipe()
}

// mayBeLost reports whether so many copies were lost within the time of one repair.
func (st *storage) mayBeLost(o id.Hash, copies int) bool {
	times := st.lost[o]
	for i := range times {
		if j := i + copies - 1; j < len(times) && times[j]-times[i] < repair {
			return true
		}
	}
	return false
}

func (st *storage) now() time.Duration { return st.storm.Sim.Now() }

func (st *storage) fail(format string, args ...any) { st.storm.Truth.fail(format, args...) }

// run lets a client on some node do something, and notes that it came to an end.
func (st *storage) run(what string, f func(*task.T, *past.Past) error) {
	st.runOn(st.rng, what, longestErrand, func(t *task.T, h home) error { return f(t, h.past) })
}

// runOn is run on a node drawn from rng, with its home as it is when it begins, for what may take so long.
func (st *storage) runOn(rng *rand.Rand, what string, most time.Duration, f func(*task.T, home) error) {
	live := st.storm.Live()
	if len(live) == 0 {
		return
	}
	n := live[rng.IntN(len(live))]
	h := st.homes[n]
	e, was := &errand{what: what, node: n, home: h, life: h.past, since: st.now(), most: most}, *h
	st.open = append(st.open, e)
	st.storm.Sim.Call(n, func() {
		st.storm.Node(n).Tasks().Go(func(t *task.T) error { return f(t, was) }, func(err error) {
			e.life = nil
			if d := st.now() - e.since; d > most && !st.storm.Truth.stoppedSince(n, e.since) {
				st.fail("S: node %d: %s took %v", n, what, d)
			}
			if err != nil && !errors.Is(err, task.ErrStopped) {
				st.fail("S: node %d: %s: %v", n, what, err)
			}
		})
	})
}

// unended counts what has no end, though its node lives on.
func (st *storage) unended() {
	for _, e := range st.open {
		if e.life != nil && e.life == e.home.past && st.storm.Sim.Alive(e.node) && st.now()-e.since > e.most {
			st.fail("S: node %d: %s has no outcome", e.node, e.what)
		}
	}
}

// spaceStorm is a storm as a folder sees it.
type spaceStorm struct {
	*storage
	rng *rand.Rand
}

// Run implements folder.Storm.
func (st spaceStorm) Run(what string, f func(*task.T, *space.Spaces) error) {
	st.runOn(st.rng, what, folder.Longest, func(t *task.T, h home) error { return f(t, h.space) })
}

// MayBeLost implements folder.Storm.
func (st spaceStorm) MayBeLost(o id.Hash, copies int) bool { return st.mayBeLost(o, copies) }

// AnyLost implements folder.Storm.
func (st spaceStorm) AnyLost(copies int) bool {
	files := make(map[id.Hash]bool)
	for _, f := range st.files {
		files[f.stored.Certificate.ID()] = true
	}
	for _, r := range st.names {
		files[r.name.ID()] = true
	}
	for o := range st.lost {
		if !files[o] && st.mayBeLost(o, copies) {
			return true
		}
	}
	return false
}

// Parted implements folder.Storm.
func (st spaceStorm) Parted() bool { return st.apart }

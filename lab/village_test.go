package lab_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/im/books"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/lab"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim"
	"github.com/phyllo-net/phyllo/sim/simtest"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

// The applications of people on the overlay: names and messages.

// village is a ring whose nodes run the directory and the messages of people.
type village struct {
	*lab.Ring
	t      testing.TB
	seed   uint64
	houses []*house
}

// house is one node: what survives its death, and what runs on it in its present life.
type house struct {
	v    *village
	node sim.NodeRef
	disk *mem.Store
	cert *peer.Certificate
	user im.User // who lives there, if anybody does
	dir  *directory.Directory
	im   *im.IM
	lie  func(*kbr.Delivery) // instead of what the directory would do, if set
}

// liar lets a house lie about names.
type liar struct {
	*directory.Directory
	of *house
}

// Deliver implements kbr.App.
func (l liar) Deliver(d *kbr.Delivery) {
	if l.of.lie != nil {
		l.of.lie(d)
		return
	}
	l.Directory.Deliver(d)
}

// newVillage makes a village of n houses. Between two that are apart no link ever works.
func newVillage(t testing.TB, n int, seed uint64, apart ...[2]sim.NodeRef) *village {
	t.Helper()
	v := &village{t: t, seed: seed}
	v.Ring = lab.New(lab.Config{Seed: seed, Sim: sim.Config{Connections: true},
		ID:   func(i int) id.ID { return v.house(i).cert.Node },
		Apps: func(i int, env sim.NodeEnv) []kbr.Mount { return v.house(i).build(env.Self) }})
	t.Cleanup(v.Close)
	for _, p := range apart {
		v.Sim.Cut(p[0], p[1])
		v.Sim.Cut(p[1], p[0])
	}
	if !v.Grow(n, 300*time.Millisecond, time.Minute) {
		t.Fatalf("only %d of %d nodes are ready", len(v.ReadyNodes()), n)
	}
	v.Sim.RunFor(10 * time.Second)
	return v
}

// authority is the signer by which lab's rings are founded.
func (v *village) authority() *standin.Signer { return standin.NewSigner(v.seed, 0) }

func (v *village) ring() id.Hash { return peer.RingID(v.authority().Public()) }

func (v *village) wall() time.Time {
	if v.Ring == nil {
		return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return v.Sim.Config().Start.Add(v.Sim.Now())
}

// house returns the house with a number, built when it is first asked for.
func (v *village) house(i int) *house {
	for len(v.houses) <= i {
		k := len(v.houses)
		key := standin.NewSigner(v.seed, uint64(k)+1).Public() // as lab's nodes have
		adm := peer.NewAdmission(v.authority(), v.authority().Public(), v.wall())
		v.houses = append(v.houses, &house{v: v, node: sim.NodeRef(k), disk: mem.New(),
			cert: peer.NewCertificate(v.authority(), adm, key, peer.Salt{byte(k), byte(v.seed)}, v.wall())})
	}
	return v.houses[i]
}

// build makes what runs in a house, with what its disk holds.
func (h *house) build(self *peer.Handle) []kbr.Mount {
	signer := standin.NewSigner(h.v.seed, uint64(h.node)+1)
	if self.Key != signer.Public() || self.ID != h.cert.Node {
		h.v.t.Fatalf("node %d has another key, or place, than its certificate", h.node)
	}
	c := directory.Default()
	c.Ring, c.Signer, c.Verifier, c.Store = h.v.ring(), signer, standin.Verifier{}, h.disk
	c.Certificate = func() *peer.Certificate { return h.cert }
	c.CacheFor = 0
	var err error
	if h.dir, err = directory.New(c); err != nil {
		h.v.t.Fatal(err)
	}
	h.im, err = im.New(im.Default(), im.Deps{Ring: c.Ring, Store: h.disk, Directory: h.dir, Verifier: standin.Verifier{}, Sealer: standin.NewSealer(uint64(h.node))})
	if err != nil {
		h.v.t.Fatal(err)
	}
	if h.user.Signer != nil {
		if err := h.im.AddUser(h.user); err != nil {
			h.v.t.Fatal(err)
		}
	}
	return []kbr.Mount{{Number: 1, App: liar{h.dir, h}}, {Number: 2, App: h.im}}
}

func (h *house) call(f func(*task.T) error) error { return h.v.Call(h.node, 3*time.Minute, f) }

// person is somebody with keys that follow from a number.
func person(name string, number uint64) im.User {
	return im.User{Name: name, Signer: standin.NewSigner(7, number), Seals: []im.SealPair{{Number: 1, Opener: standin.NewOpener(7, number)}}}
}

// record is what the directory is to say of a person who lives in a house.
func (h *house) record(u im.User) *directory.Record {
	r := &directory.Record{Name: directory.Name(u.Name), SealKey: u.Seals[0].Opener.SealKey(), SealNumber: 1, Version: 1,
		Devices: []*directory.Device{{Node: h.cert.Node}}}
	return r.Sign(h.v.ring(), u.Signer, h.v.wall())
}

// claim claims a name for a person.
func (h *house) claim(u im.User) error {
	r := h.record(u)
	return h.call(func(t *task.T) error { return h.dir.Put(t, r) })
}

// reads returns an error unless a house believes that the name is this person's.
func (h *house) reads(u im.User) error {
	return h.call(func(t *task.T) error {
		f, err := h.dir.Lookup(t, directory.Name(u.Name))
		if err == nil && f.Record.Identity != u.Key() {
			err = fmt.Errorf("%s belongs to %s", u.Name, directory.Fingerprint(f.Record.Identity))
		}
		return err
	})
}

// holders returns the five live houses nearest to a name.
func (v *village) holders(name string) []*house {
	key := directory.Name(name).Key()
	live := v.Live()
	slices.SortFunc(live, func(a, b sim.NodeRef) int {
		if id.Closer(key, v.Sim.Handle(a).ID, v.Sim.Handle(b).ID) {
			return -1
		}
		return 1
	})
	var hs []*house
	for _, n := range live[:min(5, len(live))] {
		hs = append(hs, v.houses[n])
	}
	return hs
}

// TestNames: a name that was claimed is found from everywhere, in rings of few nodes
// and of many; one that was not is not found; nobody takes a name that is taken; and
// all that holds when holders die, too.
func TestNames(t *testing.T) {
	simtest.WithoutRace(t)
	for _, n := range []int{1, 2, 4, 40, 120} {
		t.Run(fmt.Sprintf("%d nodes", n), func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, n, uint64(n))
			bob, eve := person("bob", 1), person("bob", 2)
			if err := v.houses[0].claim(bob); err != nil {
				t.Fatalf("claiming the name: %v", err)
			}
			for i, h := range v.houses {
				if n > 40 && i%5 != 0 {
					continue
				}
				if err := h.reads(bob); err != nil {
					t.Errorf("at node %d: %v", i, err)
				}
			}
			last := v.houses[n-1]
			if err := last.reads(person("nobody", 3)); !errors.Is(err, directory.ErrNotFound) {
				t.Errorf("a name that nobody has: %v, want %v", err, directory.ErrNotFound)
			}
			if err := last.claim(eve); err == nil {
				t.Error("a name was given twice")
			}
			if n < 40 {
				return
			}
			for range 3 {
				hs := v.holders("bob")
				v.Sim.Die(hs[0].node)
				v.Sim.Crash(hs[2].node)
				for _, wait := range []time.Duration{0, 90 * time.Second} {
					v.Sim.RunFor(wait)
					asker := v.houses[v.Live()[v.Rand().IntN(len(v.Live()))]]
					if err := asker.reads(bob); err != nil {
						t.Errorf("%v after two holders died: %v", wait, err)
					}
				}
			}
			var ds []*directory.Directory
			for _, m := range v.Live() {
				ds = append(ds, v.houses[m].dir)
			}
			v.Sim.RunFor(time.Minute)
			if err := directory.CheckHolders(ds...); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLyingHolder: with one of the five holders of a name lying about it, whichever, no
// wrong key is believed, and the right one is found.
func TestLyingHolder(t *testing.T) {
	for _, n := range []int{5, 20} {
		t.Run(fmt.Sprintf("%d nodes", n), func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, n, uint64(n)+50)
			bob, eve := person("bob", 1), person("bob", 2)
			if err := v.houses[0].claim(bob); err != nil {
				t.Fatal(err)
			}
			// What liars say comes from a village of its own, with the same authority,
			// where the name is eve's.
			other := newVillage(t, 1, v.seed)
			shadow := other.houses[0]
			if err := shadow.claim(eve); err != nil {
				t.Fatal(err)
			}
			lies := 0
			lie := func(d *kbr.Delivery) {
				lies++
				other.Sim.Call(0, func() { shadow.dir.Deliver(d) })
				other.Sim.RunFor(time.Second)
			}
			holders, liars := v.holders("bob"), 0
			for _, h := range holders {
				h.lie, lies = lie, 0
				for i, reader := range v.houses {
					if reader != h && (n == 5 || i%3 == 0) {
						if err := reader.reads(bob); err != nil {
							t.Errorf("liar %d, reader %d: %v", h.node, i, err)
						}
					}
				}
				if lies > 0 {
					liars++
				}
				h.lie = nil
			}
			// A reader asks a majority, and the others where these do not agree: whom
			// nobody asks does no harm.
			if liars < len(holders)/2+1 {
				t.Errorf("only %d of %d holders were asked", liars, len(holders))
			}
			// The limit of what is promised: if all holders lie, they are believed.
			// It shows that each of them lied well.
			for _, h := range holders {
				h.lie = lie
			}
			for _, reader := range v.houses {
				if !slices.Contains(holders, reader) {
					if err := reader.reads(eve); err != nil {
						t.Errorf("all holders lie, and are not believed: %v", err)
					}
					break
				}
			}
		})
	}
}

// moveIn lets a person live in a house, and claims the name.
func (h *house) moveIn(u im.User) {
	h.v.t.Helper()
	h.user = u
	err := h.call(func(*task.T) error { return h.im.AddUser(u) })
	if err == nil {
		err = h.claim(u)
	}
	if err != nil {
		h.v.t.Fatal(err)
	}
}

// TestMessagesWithoutALink: two people whose nodes never have a link that works, with
// no relay and no neighbour's help but the ring's, write to each other, and see what
// became of it. The largest texts fit, too.
func TestMessagesWithoutALink(t *testing.T) {
	for _, n := range []int{3, 12} {
		t.Run(fmt.Sprintf("%d nodes", n), func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, n, uint64(n)+300, [2]sim.NodeRef{1, 2})
			ann, bob := v.houses[1], v.houses[2]
			ann.moveIn(person("ann", 1))
			bob.moveIn(person("bob", 2))
			var first letter.MsgID
			write := func(from, to *house, text string) error {
				return from.call(func(t *task.T) error {
					m, _, err := from.im.Send(t, from.user.Key(), to.user.Name, text)
					if first.IsZero() {
						first = m
					}
					return err
				})
			}
			err := errors.Join(write(ann, bob, "hello"), write(ann, bob, strings.Repeat("x", letter.MaxText)), write(bob, ann, "hello back"))
			if err != nil {
				t.Fatal(err)
			}
			if !v.Sim.RunUntil(func() bool { err = books.CheckComplete(v.books()); return err == nil }, time.Second, 2*time.Minute) {
				t.Fatalf("not all arrived: %v", err)
			}
			if err := bob.call(func(t *task.T) error { return bob.im.MarkRead(t, bob.user.Key(), first) }); err != nil {
				t.Fatal(err)
			}
			read := func() bool { return v.books()[0].Messages[0].State == im.Read }
			if !v.Sim.RunUntil(read, time.Second, 2*time.Minute) {
				t.Errorf("the receipt did not come: %+v", v.books()[0].Messages[0])
			}
			if err := books.Check(v.books()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestMessagesInStorms: people write to each other while all faults strike the ring
// (no disk is lost: what was on it would be, too). At any moment, whatever is on the
// disks keeps the promises of package im; when it is calm, every message is with its
// receiver, once, and in order.
func TestMessagesInStorms(t *testing.T) {
	simtest.WithoutRace(t)
	for seed := range uint64(simtest.Some(6)) {
		t.Run(fmt.Sprintf("storm %d", seed), func(t *testing.T) {
			t.Parallel()
			v := newVillage(t, 12, seed+100)
			const people = 5
			for i := range people {
				v.houses[2*i].moveIn(person(fmt.Sprintf("person%d", i), uint64(i)+10))
			}
			faults := sim.Storm(v.Rand())
			faults.LostDisk = 0
			faults.Crash = 2 * time.Minute
			v.Sim.Inject(faults)
			sent := 0
			for k := range 90 {
				from, to := v.houses[2*v.Rand().IntN(people)], v.houses[2*v.Rand().IntN(people)]
				if from != to && v.Node(from.node) != nil {
					v.Sim.Call(from.node, func() {
						v.Node(from.node).Tasks().Go(func(t *task.T) error {
							_, _, err := from.im.Send(t, from.user.Key(), to.user.Name, fmt.Sprintf("text %d", k))
							if err == nil {
								sent++
							}
							return nil
						}, nil)
					})
				}
				v.Sim.RunFor(2 * time.Second)
				if err := books.Check(v.books()); err != nil {
					t.Fatalf("at %v: %v", v.Sim.Now(), err)
				}
			}
			v.Sim.Heal()
			var err error
			if !v.Sim.RunUntil(func() bool { err = books.CheckComplete(v.books()); return err == nil }, 5*time.Second, 4*time.Minute) {
				t.Errorf("not all arrived: %v", err)
			}
			if err := books.Check(v.books()); err != nil {
				t.Error(err)
			}
			if sent < 30 {
				t.Errorf("only %d messages were written", sent)
			}
			for _, p := range v.Truth.Problems() {
				t.Error(p)
			}
		})
	}
}

// books reads what is on all disks now.
func (v *village) books() (all []books.Books) {
	v.t.Helper()
	for _, h := range v.houses {
		if h.user.Signer == nil {
			continue
		}
		b, err := books.Load(h.disk.Clone(), h.user.Key())
		if err != nil {
			v.t.Fatalf("the books of %s: %v", h.user.Name, err)
		}
		all = append(all, b)
	}
	return all
}

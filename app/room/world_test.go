package room_test

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/room"
	"github.com/phyllo-net/phyllo/app/room/entry"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/sim/standin"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

const appNumber = 9

var ring = id.HashOf("test ring")

// phone is a directory that everybody reads: what a majority would say.
type phone map[string]*directory.Record

func (p phone) Lookup(t *task.T, name directory.Name) (directory.Found, error) {
	if err := t.Sleep(3 * time.Millisecond); err != nil {
		return directory.Found{}, err
	}
	if r := p[string(name)]; r != nil {
		return directory.Found{Record: r}, nil
	}
	return directory.Found{}, directory.ErrNotFound
}

// world is a net of computers, each with one person.
type world struct {
	testing.TB
	net    *kbrtest.Net
	phone  phone
	cfg    room.Config
	people []*person
	vault  *vault                     // nil: the ring has no storage
	pushed map[id.Hash]map[string]int // how often a computer pushed an entry, by whose it is; nil: nobody counts
	spoilt map[string]int             // how often one pushed an entry that its author has not signed
}

// person is somebody with his computer, which may be killed and started again: its disk stays.
type person struct {
	*room.Rooms
	w      *world
	name   string
	number uint8
	user   room.User
	disk   *mem.Store
	node   *kbrtest.Node
	events []room.Event
	up     bool
	got    []id.Hash // what was pushed to it, where pushes are counted
	heard  [][]byte  // and all that was said to it
	// swallows: takes what it is pushed, and passes nothing on, nor gives it to who asks: he has what gives makes,
	// which may be nil.
	swallows bool
	slow     time.Duration // so late it hears what it is told
	gives    func() []*entry.Entry
}

func newWorld(t testing.TB, seed uint64, names ...string) *world {
	w := &world{TB: t, net: kbrtest.New(kbrtest.Config{Seed: seed}), phone: phone{}, cfg: room.Default()}
	t.Cleanup(w.net.Close)
	for i, name := range names {
		w.add(name, uint64(i+1))
	}
	w.net.Run(time.Second)
	return w
}

// add starts the n-th computer.
func (w *world) add(name string, n uint64) {
	w.Helper()
	p := w.person(name, n)
	p.node = w.net.Add(kbrtest.Handle(id.Tiny(p.number)), p.mount())
}

// mount is a person's rooms, watched where pushes are counted.
func (p *person) mount() kbr.Mount {
	if p.w.pushed == nil {
		return kbr.Mount{Number: appNumber, App: p.Rooms}
	}
	return kbr.Mount{Number: appNumber, App: watched{p.Rooms, p}}
}

// watched are the rooms of somebody whom a test watches.
type watched struct {
	*room.Rooms
	p *person
}

func (x watched) Deliver(d *kbr.Delivery) {
	from := x.p.w.people[slices.IndexFunc(x.p.w.people, func(p *person) bool { return id.Tiny(p.number) == d.Via.ID })].name
	x.p.heard = append(x.p.heard, bytes.Clone(d.Payload))
	for _, e := range room.Pushed(d.Payload) {
		h := e.Hash()
		if x.p.w.pushed[h] == nil {
			x.p.w.pushed[h] = map[string]int{}
		}
		x.p.w.pushed[h][from]++
		x.p.got = append(x.p.got, h)
		if e.Verify(standin.Verifier{}) != nil {
			x.p.w.spoilt[from]++
		}
	}
	if x.p.swallows && room.Swallow(d, x.p.gives) {
		return
	}
	if x.p.slow == 0 {
		x.Rooms.Deliver(d)
		return
	}
	x.p.node.Endpoint(appNumber).Go(func(t *task.T) error {
		err := t.Sleep(x.p.slow)
		if err == nil {
			x.Rooms.Deliver(d)
		}
		return err
	}, nil)
}

// person has the n-th computer; it does not run yet.
func (w *world) person(name string, n uint64) *person {
	w.Helper()
	p := &person{w: w, name: name, number: uint8(n), disk: mem.New(), up: true}
	p.user = room.User{Name: name, Signer: standin.NewSigner(1, n), Seals: []room.SealPair{{Number: 1, Opener: standin.NewOpener(1, n)}}}
	w.people = append(w.people, p)
	w.phone[name] = &directory.Record{Name: directory.Name(name), Identity: p.key(), Version: 1, SealNumber: 1,
		SealKey: p.user.Seals[0].Opener.SealKey(), Devices: []*directory.Device{{Node: id.Tiny(p.number)}}}
	p.build()
	return p
}

func (p *person) key() peer.Key { return p.user.Key() }

func (p *person) build() {
	deps := room.Deps{Ring: ring, Store: p.disk, Directory: p.w.phone, Verifier: standin.Verifier{},
		Sealer: standin.NewSealer(uint64(p.number)), Locker: standin.NewLocker(uint64(p.number) + uint64(p.w.net.Elapsed()))}
	if p.w.vault != nil {
		p.w.vault.world = p.w
		deps.Storage = p.w.vault
	}
	m, err := room.New(p.w.cfg, deps)
	if err != nil {
		p.w.Fatal(err)
	}
	if err := m.AddUser(p.user); err != nil {
		p.w.Fatal(err)
	}
	m.Follow(func(e room.Event) { p.events = append(p.events, e) })
	p.Rooms = m
}

func (p *person) kill() {
	p.node.Kill()
	p.disk = p.disk.Clone()
	p.up = false
}

func (p *person) start() {
	p.build()
	p.node = p.w.net.Restart(p.node, p.mount())
	p.up = true
}

func (p *person) call(f func(*task.T) error) error { return p.node.Call(5*time.Minute, f) }

func (p *person) must(f func(*task.T) error) {
	p.w.Helper()
	if err := p.call(f); err != nil {
		p.w.Fatalf("%s: %v", p.name, err)
	}
}

func (p *person) create(title string, public bool) (r id.Hash) {
	p.w.Helper()
	p.must(func(t *task.T) (err error) {
		r, err = p.Create(t, p.key(), title, public)
		return err
	})
	return r
}

func (p *person) invite(r id.Hash, who ...*person) {
	p.w.Helper()
	for _, o := range who {
		p.must(func(t *task.T) error { return p.Invite(t, p.key(), r, o.name) })
	}
}

func (p *person) join(r id.Hash) {
	p.w.Helper()
	p.must(func(t *task.T) error { return p.Join(t, p.key(), r) })
}

func (p *person) say(r id.Hash, text string) (e id.Hash) {
	p.w.Helper()
	p.must(func(t *task.T) (err error) {
		e, err = p.Say(t, p.key(), r, entry.Words{Text: text})
		return err
	})
	return e
}

func (p *person) history(r id.Hash) (list []room.Message) {
	p.w.Helper()
	p.must(func(t *task.T) (err error) {
		list, err = p.History(t, p.key(), r, 0)
		return err
	})
	return list
}

func (p *person) texts(r id.Hash) (list []string) {
	p.w.Helper()
	for _, m := range p.history(r) {
		switch {
		case m.Locked:
			list = append(list, "?")
		case m.Removed:
			list = append(list, "-")
		default:
			list = append(list, m.Text)
		}
	}
	return list
}

func (p *person) list() (list []room.Summary) {
	p.w.Helper()
	p.must(func(t *task.T) (err error) {
		list, err = p.List(t, p.key())
		return err
	})
	return list
}

func (p *person) role(r id.Hash, who *person) entry.Role {
	p.w.Helper()
	for _, s := range p.list() {
		for _, m := range s.Members {
			if s.Room == r && m.Key == who.key() {
				return m.Role
			}
		}
	}
	return entry.Out
}

func (p *person) setRole(r id.Hash, who *person, role entry.Role) error {
	return p.call(func(t *task.T) error { return p.SetRole(t, p.key(), r, who.key(), role) })
}

// room is one that the first person has created and all others have joined.
func (w *world) room() id.Hash {
	w.Helper()
	r := w.people[0].create("garden", false)
	w.people[0].invite(r, w.people[1:]...)
	w.net.Run(5 * time.Second)
	for _, p := range w.people[1:] {
		p.join(r)
	}
	w.net.Run(5 * time.Second)
	return r
}

// same waits until all who are up show the same history, and returns it.
func (w *world) same(r id.Hash, limit time.Duration) []string {
	w.Helper()
	why := ""
	for end := w.net.Elapsed() + limit; w.net.Elapsed() < end; w.net.Run(time.Second) {
		if why = w.differ(r); why == "" {
			return w.first().texts(r)
		}
	}
	w.Fatal(why)
	return nil
}

func (w *world) first() *person {
	for _, p := range w.people {
		if p.up {
			return p
		}
	}
	return nil
}

func (w *world) differ(r id.Hash) string {
	var want []room.Message
	for _, p := range w.people {
		if !p.up {
			continue
		}
		got := p.history(r)
		for i := range got {
			got[i].Unread = false
			if got[i].Locked {
				return p.name + " cannot read all"
			}
		}
		if want == nil {
			want = got
		}
		if !reflect.DeepEqual(got, want) {
			return fmt.Sprintf("%s shows %d messages, %s %d", p.name, len(got), w.first().name, len(want))
		}
	}
	return ""
}

func want[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

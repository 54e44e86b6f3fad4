package im_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/im"
	"github.com/phyllo-net/phyllo/app/im/books"
	"github.com/phyllo-net/phyllo/app/im/letter"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/kbr/kbrtest"
	"github.com/phyllo-net/phyllo/store/mem"
	"github.com/phyllo-net/phyllo/task"
)

const appNumber = 2

var ring = id.HashOf("test ring")

// phone is a directory that everybody reads: what a majority would say.
type phone struct {
	records map[string]*directory.Record
	err     error // instead of any answer
	asked   int
}

func (p *phone) Lookup(t *task.T, name directory.Name) (directory.Found, error) {
	p.asked++
	if err := t.Sleep(3 * time.Millisecond); err != nil {
		return directory.Found{}, err
	}
	switch r := p.records[string(name)]; {
	case p.err != nil:
		return directory.Found{}, p.err
	case r == nil:
		return directory.Found{}, directory.ErrNotFound
	default:
		return directory.Found{Record: r}, nil
	}
}

// world is a net of computers and the people who live on them.
type world struct {
	testing.TB
	net   *kbrtest.Net
	phone *phone
	cfg   im.Config
	all   []*computer
}

// computer is a node that may be killed and started again: its disk stays.
type computer struct {
	*im.IM
	world  *world
	number uint8
	disk   *mem.Store
	node   *kbrtest.Node
	users  []im.User
	events []im.Event
}

func newWorld(t testing.TB, c kbrtest.Config) *world {
	w := &world{TB: t, net: kbrtest.New(c), phone: &phone{records: map[string]*directory.Record{}}, cfg: im.Default()}
	t.Cleanup(w.net.Close)
	return w
}

// user is a person with keys that follow from the name.
func user(name string) im.User { return keyed(name, name) }

func keyed(name, seed string) im.User {
	return im.User{Name: name, Signer: newSigner(seed), Seals: []im.SealPair{{Number: 1, Opener: newOpener(seed)}}}
}

// computer starts a node on which the users live, and tells the directory.
func (w *world) computer(number uint8, users ...im.User) *computer {
	w.Helper()
	c := &computer{world: w, number: number, disk: mem.New(), users: users}
	w.all = append(w.all, c)
	c.build()
	c.node = w.net.Add(kbrtest.Handle(id.Tiny(number)), kbr.Mount{Number: appNumber, App: c.IM})
	for _, u := range users {
		w.list(u, number)
	}
	return c
}

func (c *computer) build() {
	var err error
	c.IM, err = im.New(c.world.cfg, im.Deps{Ring: ring, Store: c.disk, Directory: c.world.phone, Verifier: verifier{}, Sealer: sealer{}})
	if err != nil {
		c.world.Fatal(err)
	}
	for _, u := range c.users {
		if err := c.AddUser(u); err != nil {
			c.world.Fatal(err)
		}
	}
	c.Follow(func(e im.Event) { c.events = append(c.events, e) })
}

// list puts a user into the directory, or one more device into his record.
func (w *world) list(u im.User, node uint8) {
	r := &directory.Record{Name: directory.Name(u.Name), Identity: u.Key(), Version: 1}
	if old := w.phone.records[u.Name]; old != nil && old.Identity == u.Key() {
		r.Devices, r.Version = slices.Clone(old.Devices), old.Version+1
	} else if old != nil {
		r.Version = old.Version
	}
	last := u.Seals[len(u.Seals)-1]
	r.SealKey, r.SealNumber = last.Opener.SealKey(), last.Number
	if node != 0 {
		r.Devices = append(r.Devices, &directory.Device{Node: id.Tiny(node)})
	}
	w.phone.records[u.Name] = r
}

// kill ends the node without a word; its disk is as it then was.
func (c *computer) kill() {
	c.node.Kill()
	c.disk = c.disk.Clone()
}

// start starts a killed node again, with what is on its disk.
func (c *computer) start() {
	c.build()
	c.node = c.world.net.Restart(c.node, kbr.Mount{Number: appNumber, App: c.IM})
}

// call runs f on the computer's loop as an edge does.
func (c *computer) call(f func(*task.T) error) error { return c.node.Call(5*time.Minute, f) }

func (c *computer) must(f func(*task.T) error) {
	c.world.Helper()
	if err := c.call(f); err != nil {
		c.world.Fatalf("computer %d: %v", c.number, err)
	}
}

func (c *computer) send(from im.User, to, text string) (m letter.MsgID, err error) {
	err = c.call(func(t *task.T) error {
		var st im.State
		if m, st, err = c.Send(t, from.Key(), to, text); err == nil && st != im.Queued {
			return fmt.Errorf("Send says %v", st)
		}
		return err
	})
	return m, err
}

func (c *computer) mustSend(from im.User, to, text string) letter.MsgID {
	c.world.Helper()
	m, err := c.send(from, to, text)
	if err != nil {
		c.world.Fatalf("send to %s: %v", to, err)
	}
	return m
}

func (c *computer) state(u im.User, m letter.MsgID) im.State { return c.message(u, m).State }

func (c *computer) message(u im.User, m letter.MsgID) (msg im.Message) {
	c.world.Helper()
	c.must(func(t *task.T) (err error) {
		msg, err = c.Message(t, u.Key(), m)
		return err
	})
	return msg
}

func (c *computer) inbox(u im.User, o im.InboxOptions) (list []im.Message) {
	c.world.Helper()
	c.must(func(t *task.T) (err error) {
		list, err = c.Inbox(t, u.Key(), o)
		return err
	})
	return list
}

func (c *computer) read(u im.User, list []im.Message) {
	c.world.Helper()
	var ids []letter.MsgID
	for _, m := range list {
		ids = append(ids, m.ID)
	}
	c.must(func(t *task.T) error { return c.MarkRead(t, u.Key(), ids...) })
}

func (c *computer) add(u im.User, who string) {
	c.world.Helper()
	c.must(func(t *task.T) error {
		_, err := c.AddContact(t, u.Key(), who)
		return err
	})
}

func (c *computer) contact(u im.User, who string) (x im.Contact) {
	c.world.Helper()
	c.must(func(t *task.T) (err error) {
		x, err = c.Contact(t, u.Key(), who)
		return err
	})
	return x
}

func (c *computer) contacts(u im.User) (list []im.Contact) {
	c.world.Helper()
	c.must(func(t *task.T) (err error) {
		list, err = c.Contacts(t, u.Key())
		return err
	})
	return list
}

// since returns the kinds of the events that came since the last call.
func (c *computer) since() (list []im.Event) {
	list, c.events = c.events, nil
	return list
}

func texts(list []im.Message) (out []string) {
	for _, m := range list {
		out = append(out, m.Text)
	}
	return out
}

// books reads what is on all disks now.
func (w *world) books() (all []books.Books) {
	w.Helper()
	for _, c := range w.all {
		for _, u := range c.users {
			b, err := books.Load(c.disk.Clone(), u.Key())
			if err != nil {
				w.Fatalf("computer %d, the books of %s: %v", c.number, u.Name, err)
			}
			all = append(all, b)
		}
	}
	return all
}

// check holds the promises against what is on the disks now.
func (w *world) check() {
	w.Helper()
	if err := books.Check(w.books()); err != nil {
		w.Fatal(err)
	}
}

// calm lets everything that waits arrive, and checks that it did.
func (w *world) calm(limit time.Duration) {
	w.Helper()
	var err error
	wait := time.Second
	for end := w.net.Elapsed() + limit; w.net.Elapsed() < end; wait += time.Second {
		w.net.Run(min(wait, end-w.net.Elapsed()))
		if err = books.CheckComplete(w.books()); err == nil {
			break
		}
	}
	w.check()
	if err != nil {
		w.Fatalf("not all arrived: %v", err)
	}
}

func isAny(err error, of ...error) bool {
	return slices.ContainsFunc(of, func(e error) bool { return errors.Is(err, e) })
}

func tiny(n uint8) id.ID { return id.Tiny(n) }

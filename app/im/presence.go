package im

import (
	"slices"
	"time"

	"github.com/phyllo-net/phyllo/app/im/books"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/task"
)

// known is a person who is no stranger, with what this node hears of him. Only
// contacts are asked; everybody known is answered.
type known struct {
	key      peer.Key
	name     string
	contact  bool
	devices  []*device
	online   bool
	lastSeen time.Time
}

// device is one node of a known person.
type device struct {
	node   id.ID
	handle *peer.Handle // as last found
	online bool
	asking bool
	fails  int
	due    task.Instant // when it is asked next
	watch  func()       // ends the overlay's watch
}

// silent is the number of questions in a row without an answer after which a
// device counts as gone.
const silent = 2

// ring sets the clock by which contacts are asked, as long as there are any.
func (m *IM) ring() {
	m.ticking = true
	m.tick = m.ep.After(m.cfg.PingEvery/8, func() {
		m.ticking = false
		for _, a := range m.accounts {
			a.askContacts()
			if !m.ticking && slices.ContainsFunc(a.roster, func(k *known) bool { return k.contact }) {
				m.ring()
			}
		}
	})
}

// askContacts asks the devices that are due.
func (a *account) askContacts() {
	if a.closed || a.user.Hidden {
		return
	}
	now, left := a.room.ep.Now(), a.room.cfg.MaxPinged
	for _, k := range a.roster {
		if !k.contact {
			continue
		}
		for _, d := range k.devices {
			if left--; left < 0 {
				return
			}
			if !d.asking && !now.Before(d.due) {
				a.ask(k, d)
			}
		}
	}
}

// ask asks one device whether the contact is there; a failure is checked by a
// second question at once.
func (a *account) ask(k *known, d *device) {
	m := a.room
	d.asking = true
	m.ep.Go(func(t *task.T) error {
		here, err := task.Await(t, m.cfg.PingTimeout, func(resolve func(bool, error)) {
			m.ep.Find(d.node, func(h *peer.Handle, err error) {
				if err != nil {
					resolve(false, err)
					return
				}
				d.handle = h
				m.ep.Ask(h, encode(&ping{From: a.key, To: k.key}), kbr.Options{Timeout: m.cfg.PingTimeout}, func(ans kbr.Answer, err error) {
					resolve(isHere(ans, err))
				})
			})
		})
		if err == task.ErrStopped {
			return err
		}
		d.asking = false
		switch {
		case here:
			a.sign(k, d, 0)
		case err == nil:
			d.fails = silent // he says himself that he is not, or does not tell
			a.lost(k, d)
		default:
			d.fails++
			a.lost(k, d)
		}
		return nil
	}, nil)
}

func isHere(ans kbr.Answer, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	msg, err := messages.Decode(ans.Payload)
	if err != nil {
		return false, err
	}
	p, ok := msg.(*pong)
	return ok && p.Here, nil
}

// sign notes that a device has given a sign of life. Asked by it rather than
// asking, this side waits longer for its own next question, so that of two
// contacts only one asks.
func (a *account) sign(k *known, d *device, longer time.Duration) {
	m := a.room
	d.fails = 0
	d.due = m.ep.Now().Add(m.cfg.PingEvery + longer)
	k.lastSeen = m.ep.Wall()
	if !d.online {
		d.online = true
		if d.watch == nil && d.handle != nil {
			h := d.handle
			d.watch = m.ep.Watch(h, func(kbr.Down) {
				d.watch = nil
				if d.online { // ask, and believe one silence
					d.fails, d.due = silent-1, m.ep.Now()
				}
			})
		}
		m.Nudge(d.node)
	}
	a.weigh(k)
}

// lost notes that a device did not answer.
func (a *account) lost(k *known, d *device) {
	m := a.room
	if d.fails < silent {
		d.due = m.ep.Now() // at the next tick
		return
	}
	d.online = false
	d.unwatch()
	d.due = m.ep.Now().Add(2 * m.cfg.PingEvery)
	a.weigh(k)
}

func (d *device) unwatch() {
	if d.watch != nil {
		d.watch()
		d.watch = nil
	}
}

// weigh tells followers if the person has come or gone, and keeps the time.
func (a *account) weigh(k *known) {
	online := slices.ContainsFunc(k.devices, func(d *device) bool { return d.online })
	if online == k.online || a.closed {
		return
	}
	k.online = online
	seen, key := k.lastSeen.UnixMilli(), k.key
	a.room.ep.Go(func(t *task.T) error {
		c, err := transact(t, a, func(l *books.Ledger) (Contact, error) {
			who, have := l.Person(key)
			if have && seen > who.LastSeen {
				who.LastSeen = seen
				l.SetPerson(who)
			}
			return l.Contact(who), l.Failed()
		})
		if err == nil && k.contact && !a.closed {
			a.tell(Event{Kind: EventPresence, Contact: c})
		}
		return err
	}, nil)
}

// presence adds to a contact what only this node's memory knows.
func (a *account) presence(c *Contact) {
	if at, ok := a.find(c.Key); ok {
		k := a.roster[at]
		c.Online = k.online
		if k.lastSeen.After(c.LastSeen) {
			c.LastSeen = k.lastSeen.UTC()
		}
	}
}

func (a *account) find(k peer.Key) (int, bool) {
	return slices.BinarySearchFunc(a.roster, k, func(x *known, k peer.Key) int { return slices.Compare(x.key[:], k[:]) })
}

// by returns the known person and device that a node stands for, or nil.
func (a *account) by(k peer.Key, node *peer.Handle) (*known, *device) {
	at, ok := a.find(k)
	if !ok {
		return nil, nil
	}
	x := a.roster[at]
	for _, d := range x.devices {
		if d.node == node.ID {
			return x, d
		}
	}
	return x, nil
}

// heard notes that something came from a node of a person, or reached it.
func (a *account) heard(k peer.Key, node *peer.Handle) {
	if who, d := a.by(k, node); d != nil && who.contact {
		d.handle = node
		a.sign(who, d, 0)
	}
}

// takePing answers somebody known, and takes it for a contact's sign of life. Only a
// node that the asker's record names is believed.
func (m *IM) takePing(d *kbr.Delivery, p *ping) {
	a := m.account(p.To)
	if a == nil {
		d.Reply(encode(&pong{}))
		return
	}
	who, dev := a.by(p.From, d.Via)
	switch {
	case dev != nil:
		if who.contact {
			dev.handle = d.Via
			a.sign(who, dev, m.cfg.PingEvery/4)
		}
		m.Nudge(dev.node) // he may have been away for a moment that nobody saw
		d.Reply(encode(&pong{Here: !a.user.Hidden}))
		return
	case who != nil && who.name != "" && a.mayRead(who.name): // a new device of his, perhaps
		m.ep.Go(func(t *task.T) error { return a.readAgain(t, who.name) }, nil)
	}
	d.Reply(encode(&pong{}))
}

// takeBye believes that a contact's node stops.
func (m *IM) takeBye(d *kbr.Delivery, b *bye) {
	a := m.account(b.To)
	if a == nil {
		return
	}
	if who, dev := a.by(b.From, d.Via); dev != nil {
		dev.fails = silent
		a.lost(who, dev)
	}
}

// farewell tells those who are there that this node stops.
func (a *account) farewell() {
	if a.user.Hidden {
		return
	}
	for _, k := range a.roster {
		for _, d := range k.devices {
			if d.online && d.handle != nil {
				a.room.ep.Send(d.handle, encode(&bye{From: a.key, To: k.key}), nil)
			}
		}
	}
}

// reread reads the record of a pinned name.
func (a *account) readAgain(t *task.T, name string) error {
	got, err := a.room.lookup(t, name)
	if err != nil {
		return err
	}
	_, err = transact(t, a, func(l *books.Ledger) (books.Pin, error) {
		p, _ := l.Learn(name, got, false)
		return p, l.Failed()
	})
	return err
}

// refreshRoster reads who is known, and keeps what was heard of them.
func (a *account) refreshRoster() {
	if a.reading {
		a.stale = true
		return
	}
	a.reading = true
	a.room.ep.Go(func(t *task.T) error {
		for {
			a.stale = false
			list, err := query(t, a, roster)
			if err != nil {
				return err
			}
			if !a.closed {
				a.setRoster(list)
			}
			if !a.stale {
				return nil
			}
		}
	}, func(error) { a.reading = false })
}

// roster reads everybody who is known and not blocked, by key.
func roster(l *books.Ledger) ([]*known, error) {
	var out []*known
	for _, p := range l.People() {
		if !p.Known || p.Blocked {
			continue
		}
		k := &known{key: p.Key, name: p.Name, contact: p.Contact, lastSeen: p.Seen()}
		if pin, ok := l.Pin(p.Name); ok && pin.Card.Identity == p.Key {
			for _, node := range pin.Card.Devices {
				k.devices = append(k.devices, &device{node: node})
			}
		}
		out = append(out, k)
	}
	return out, l.Failed()
}

// setRoster puts a list that was read in place of the one before. Who was there
// already keeps his place in memory.
func (a *account) setRoster(list []*known) {
	m, before := a.room, a.roster
	a.roster = list
	for i, k := range list {
		var had []*device
		if at, ok := slices.BinarySearchFunc(before, k.key, func(x *known, key peer.Key) int { return slices.Compare(x.key[:], key[:]) }); ok {
			old := before[at]
			had = old.devices
			old.name, old.contact, old.devices = k.name, k.contact, k.devices
			k, list[i] = old, old
		}
		for j, d := range k.devices {
			d.due = m.ep.Now().Add(time.Duration(m.ep.Rand().Int64N(int64(m.cfg.PingEvery) / 4)))
			if at := slices.IndexFunc(had, func(x *device) bool { return x.node == d.node }); at >= 0 {
				k.devices[j] = had[at]
				had = slices.Delete(slices.Clone(had), at, at+1)
			}
		}
		for _, d := range had {
			d.online = false
			d.unwatch()
		}
		a.weigh(k)
	}
	for _, k := range before {
		if _, stays := a.find(k.key); !stays {
			k.drop()
		}
	}
	if !m.ticking && slices.ContainsFunc(list, func(k *known) bool { return k.contact }) {
		m.ring()
	}
}

// drop forgets what was heard of somebody.
func (k *known) drop() {
	for _, d := range k.devices {
		d.online = false
		d.unwatch()
	}
}

func (a *account) dropRoster() {
	for _, k := range a.roster {
		k.drop()
	}
	a.roster = nil
}

package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/app/census"
	"github.com/phyllo-net/phyllo/app/directory"
	"github.com/phyllo-net/phyllo/app/past"
	"github.com/phyllo-net/phyllo/app/past/account"
	"github.com/phyllo-net/phyllo/app/past/cache"
	"github.com/phyllo-net/phyllo/app/topic"
	"github.com/phyllo-net/phyllo/host"
	"github.com/phyllo-net/phyllo/id"
	"github.com/phyllo-net/phyllo/kbr"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/machine"
	"github.com/phyllo-net/phyllo/node/loop"
	"github.com/phyllo-net/phyllo/node/spaces"
	"github.com/phyllo-net/phyllo/node/storage"
	"github.com/phyllo-net/phyllo/node/table"
	"github.com/phyllo-net/phyllo/node/talk"
	"github.com/phyllo-net/phyllo/node/topics"
	"github.com/phyllo-net/phyllo/node/users"
	"github.com/phyllo-net/phyllo/pastry"
	"github.com/phyllo-net/phyllo/pastry/msg"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/task"
	"github.com/phyllo-net/phyllo/wire"
)

// overlay is the node's place in a ring, from when it is taken until the node stops
// or takes another.
type overlay struct {
	node  *Node
	ring  id.Hash
	self  *peer.Handle                // as it was at the start
	at    atomic.Pointer[peer.Handle] // with the addresses of this moment
	host  *host.Host
	clock func() machine.Clock
	dir   *directory.Directory // that of users
	users *users.Here
	talk  *talk.Here
	past  *past.Past
	// everyone asks all nodes of the ring.
	everyone *census.Census
	topics   *topics.Here
	probe    *probe
	// verifier is that of the storage, where each object comes with the same few certificates.
	verifier keys.Remembering
	spaces   *spaces.Here
	storage  *storage.Here
	table    *table.Here

	// pastry is set on the loop when it starts, and touched there only.
	pastry *pastry.Node
	ready  chan struct{} // closed when the node has claimed its keys for the first time
	once   sync.Once
}

// startOverlay takes the node's place in the ring of its certificate.
func (n *Node) startOverlay(context.Context) error {
	n.change.Lock()
	defer n.change.Unlock()
	return n.takePlace()
}

func (n *Node) stopOverlay(ctx context.Context, polite bool) error {
	n.change.Lock()
	defer n.change.Unlock()
	return n.leavePlace(ctx, polite)
}

// takePlace makes and starts an overlay. n.change is held.
func (n *Node) takePlace() error {
	cert := n.member.Certificate()
	if cert == nil {
		return member0
	}
	saved, err := n.records.Get(append(append([]byte{}, snapshotKey...), cert.Ring[:]...))
	if err != nil {
		return err
	}
	if err := n.forgetOtherRing(cert.Ring); err != nil {
		return err
	}
	incarnation, err := n.nextIncarnation(saved)
	if err != nil {
		return err
	}
	o := &overlay{
		node: n, ring: cert.Ring, ready: make(chan struct{}), clock: host.System(),
		self:  &peer.Handle{ID: cert.Node, Key: cert.Key, Incarnation: incarnation, Addrs: n.ownAddrs()},
		probe: &probe{now: n.clock.Now, changed: n.ringChanged},
	}
	o.at.Store(o.self)
	if err := o.makeApps(); err != nil {
		return err
	}
	o.host = host.New(host.Config{
		Make: o.makeMachine, Table: msg.Messages, Saved: saved, Log: n.log, Clock: n.clock.Read,
		Save: func(b []byte) error {
			return n.records.Put(append(append([]byte{}, snapshotKey...), o.ring[:]...), b)
		},
	})
	o.host.Attach(n.carrier)
	n.relay.set(o.host.Events())
	n.mu.Lock()
	n.over = o
	n.mu.Unlock()
	if err := o.host.Start(); err != nil {
		return fmt.Errorf("starting the overlay: %w", err)
	}
	n.wg.Go(func() { n.watchHost(o) })
	n.wg.Go(func() { o.host.Do(n.ctx, o.storage.WatchGift) })
	return o.settleIn()
}

// member0 says that the node is in no ring.
var member0 = api.Errorf(api.Failed, "this node is in no ring: `phyllo up` founds one, `phyllo join` enters one")

// leavePlace stops the overlay, if there is one: names that this node keeps are
// handed over first. Links stay: at the node's end the transport writes what still waits on
// them, the goodbyes above all. n.change is held.
func (n *Node) leavePlace(ctx context.Context, polite bool) error {
	o := n.overlay()
	if o == nil {
		return nil
	}
	if polite {
		handover, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
		if err := o.host.Do(handover, o.dir.Leave); err != nil && !errors.Is(err, host.ErrStopped) {
			n.log.Info("not all names that this node kept were handed over; the others repair that", "err", err)
		}
		cancel()
	}
	err := o.host.Stop(ctx)
	n.mu.Lock()
	n.over = nil
	n.mu.Unlock()
	n.relay.set(nil)
	return err
}

// forgetOtherRing removes what was kept of names and objects for a ring that the node has left:
// it was alone there, and in another ring it means nothing.
func (n *Node) forgetOtherRing(ring id.Hash) error {
	last, err := n.records.Get(ringKey)
	if err != nil || string(last) == string(ring[:]) {
		return err
	}
	for _, t := range []store.Table{directory.Table, past.Table, past.ContentTable, past.PromiseTable, past.LostTable, past.SeenTable, account.Table, account.BackTable, account.DueTable, account.PaidTable, topic.Table} {
		if err := clearTable(n.store, t); err != nil {
			return err
		}
	}
	return n.records.Put(ringKey, ring[:])
}

// clearTable removes all records of a table, in parts.
func clearTable(s store.Store, t store.Table) error {
	for {
		var b store.Batch
		err := s.Scan(t, store.Range{Limit: 1000}, func(key, _ []byte) bool {
			b.Delete(t, key)
			return b.Err() == nil
		})
		if err != nil {
			return err
		}
		if b.Len() == 0 {
			return nil
		}
		if err := s.Apply(&b); err != nil {
			return err
		}
	}
}

// nextIncarnation returns a number above that of every earlier start, durably: even
// if the clock went back and the last start saved nothing.
func (n *Node) nextIncarnation(saved []byte) (uint64, error) {
	last, err := n.records.Get(incarnationKey)
	if err != nil {
		return 0, err
	}
	next := max(uint64(time.Now().UnixMilli()), pastry.SavedIncarnation(saved)+1)
	if len(last) == 8 {
		next = max(next, binary.BigEndian.Uint64(last)+1)
	}
	return next, n.records.Put(incarnationKey, binary.BigEndian.AppendUint64(nil, next))
}

// makeApps makes what runs on every node.
func (o *overlay) makeApps() error {
	if err := o.makeUsers(); err != nil {
		return err
	}
	if err := o.makeCensus(); err != nil {
		return err
	}
	if err := o.makeTopics(); err != nil {
		return err
	}
	if err := o.makeStorage(); err != nil {
		return err
	}
	return o.makeTalk()
}

// storageSync is the time between two comparisons of what neighbours keep, when nothing
// changes. After each change among them it is done at once, so these find only what a disk
// has lost; half an hour keeps a node that keeps nothing below 5 bytes a second for it.
const storageSync = 30 * time.Minute

// makeStorage makes the node's part in the storage of the ring.
func (o *overlay) makeStorage() (err error) {
	n := o.node
	offer, err := n.storage.Offer()
	if err != nil {
		return err
	}
	n.storage.KeepFree()
	c := past.Default()
	c.Ring, c.Signer, c.Verifier, c.Store = o.ring, n.signer, &o.verifier, n.store
	c.Certificate, c.Expelled, c.Sync, c.Capacity = n.member.Certificate, o.expelled, storageSync, offer
	c.Absence, c.LostAfter = n.cfg.Absence, n.cfg.LostAfter
	c.Apart = min(c.Apart, c.Absence)
	a := account.Default()
	a.Sync = storageSync
	if a.Gift, err = n.storage.Gift(o.ring); err != nil {
		return err
	}
	c.Accounts = &a
	c.Cache = cache.GreedyDualSize
	if s, ok := n.store.(storage.Blobbed); ok {
		c.Blobs = s.Blobs()
	}
	if f := n.opt.storage; f != nil {
		f(&c)
	}
	if o.past, err = past.New(c); err != nil {
		return err
	}
	o.storage = n.storage.At(o.ring, o.past, o)
	if o.table, err = table.At(o.ring, o.past, o); err != nil {
		return err
	}
	return o.makeSpaces()
}

// mounts lists all applications.
func (o *overlay) mounts() []kbr.Mount {
	own := []kbr.Mount{{Number: AppDirectory, App: o.dir}, {Number: AppIM, App: o.talk.IM()}, {Number: AppProbe, App: o.probe}, {Number: AppPast, App: o.past}, {Number: AppSpace, App: o.spaces.App()}, {Number: AppAccount, App: o.past.Accounts()}, {Number: AppCensus, App: o.everyone}, {Number: AppScribe, App: o.topics.Groups()}, {Number: AppTopic, App: o.topics.Topics()}, {Number: AppRooms, App: o.talk.Rooms()}, {Number: AppAnycast, App: o.topics.Anycast()}, {Number: AppWork, App: o.topics.Work()}}
	for i, m := range own {
		if wrap := o.node.opt.replaced[m.Number]; wrap != nil {
			own[i].App = wrap(m.App)
		}
	}
	for _, a := range o.node.opt.apps {
		own = append(own, kbr.Mount{Number: a.number, App: a.make(Place{Ring: o.ring, Node: o.self.ID, Store: o.node.store})})
	}
	return own
}

// makeMachine is host.Config.Make.
func (o *overlay) makeMachine(rng *rand.Rand, saved []byte) (machine.Machine, error) {
	n := o.node
	c := pastry.DefaultConfig()
	c.Ring, c.Signer, c.Verifier, c.Rand = o.ring, n.signer, keys.Verifier{}, rng
	c.Seeds = n.member.Contacts()
	c.Apps = o.mounts()
	c.Trust = n.member.Trusts
	c.Expelled = o.learnt
	c.Observe.Ready = func(_ *pastry.Node, ready bool) {
		if ready {
			o.once.Do(func() { close(o.ready) })
		}
		n.ringChanged()
	}
	c.Observe.Verdict = func(_ *pastry.Node, p *peer.Handle) {
		n.log.Info("a node does not answer any more", "node", p.String())
	}
	if n.opt.tune != nil {
		n.opt.tune(&c)
	}
	p, err := pastry.New(c, o.self, saved)
	if err != nil {
		return nil, err
	}
	o.pastry = p
	return p, nil
}

// settleIn gives the overlay what it must know: expulsions, and whose names it
// keeps fresh.
func (o *overlay) settleIn() error {
	list, users := o.node.member.Expulsions(), o.node.people.All()
	return o.host.Call(o.node.ctx, func() {
		for _, e := range list {
			o.pastry.Expel(e)
		}
		for _, u := range users {
			o.dir.Keep(u.PlacedAt(o.ring, o.self.ID, o.pastry.Wall()), u.Signer)
		}
	})
}

// expelled is directory.Config.Expelled. It is called on the loop.
func (o *overlay) expelled(node id.ID) bool {
	var set peer.Expulsions
	for _, e := range o.pastry.Expulsions() {
		set.Add(e)
	}
	return set.Expelled(node)
}

// learnt is told on the loop of an entry that the overlay brought, and takes it to member, off the loop.
func (o *overlay) learnt(e *peer.Expulsion) {
	n := o.node
	o.past.Expelled()
	n.wg.Go(func() {
		if err := n.member.Merge([]*peer.Expulsion{e}); err != nil && n.ctx.Err() == nil {
			n.log.Warn("an expulsion could not be kept", "err", err)
		}
		n.dropExpelled([]*peer.Expulsion{e})
	})
}

// watchHost ends the node if its loop ended by a fault.
func (n *Node) watchHost(o *overlay) {
	select {
	case <-o.host.Done():
	case <-n.ctx.Done():
		return
	}
	if err := o.host.Err(); err != nil {
		n.broke(err)
	}
}

// Do, Call and Done are those of the loop, for the parts that are made before it.
func (o *overlay) Do(ctx context.Context, f func(*task.T) error) error { return o.host.Do(ctx, f) }

// Call is as Do.
func (o *overlay) Call(ctx context.Context, f func()) error { return o.host.Call(ctx, f) }

// Done is as Do.
func (o *overlay) Done() <-chan struct{} { return o.host.Done() }

// Loop is where the node runs at this place, for loop.Do.
func (o *overlay) Loop() loop.Loop { return o.host }

// nothing is what a task returns that has only an outcome.
type nothing = loop.Nothing

// Do runs f as a task on the node's loop, with the endpoint of an application that
// was mounted with WithApp or WithAppAt, and returns what it returned. If the context
// ends first, Do returns its error and f goes on.
func (n *Node) Do(ctx context.Context, app wire.AppID, f func(*task.T, kbr.Endpoint) error) error {
	_, err := loop.Do(ctx, n.overlay(), func(t *task.T, o *overlay) (nothing, error) {
		ep := o.pastry.Endpoint(app)
		if ep == nil {
			return nothing{}, fmt.Errorf("this node does not run application %d", app)
		}
		return nothing{}, f(t, ep)
	})
	return err
}

// View is what the node knows of its ring now, for tests and for the curious.
func (n *Node) View(ctx context.Context) (v pastry.View, err error) {
	err = loop.Call(ctx, n.overlay(), func(o *overlay) { v = o.pastry.View(o.clock()) })
	return v, err
}

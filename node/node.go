// Package node is the real assembly: it starts the parts of a node in order, stops
// them in reverse, and is the only room that knows all of the real side. Nobody but
// programs and tests should import it.
package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/phyllo-net/phyllo/api"
	"github.com/phyllo-net/phyllo/api/events"
	"github.com/phyllo-net/phyllo/gateway/control"
	"github.com/phyllo-net/phyllo/keys"
	"github.com/phyllo-net/phyllo/member"
	"github.com/phyllo-net/phyllo/member/invite"
	"github.com/phyllo-net/phyllo/node/clock"
	"github.com/phyllo-net/phyllo/node/config"
	"github.com/phyllo-net/phyllo/node/doors"
	"github.com/phyllo-net/phyllo/node/home"
	"github.com/phyllo-net/phyllo/node/kind"
	"github.com/phyllo-net/phyllo/node/lan"
	"github.com/phyllo-net/phyllo/node/people"
	"github.com/phyllo-net/phyllo/node/records"
	"github.com/phyllo-net/phyllo/node/storage"
	"github.com/phyllo-net/phyllo/node/table"
	"github.com/phyllo-net/phyllo/node/users"
	"github.com/phyllo-net/phyllo/peer"
	"github.com/phyllo-net/phyllo/store"
	"github.com/phyllo-net/phyllo/transport"
)

// stopTime bounds Stop, whatever its context says.
const stopTime = 5 * time.Second

// readyPatience is how long Start waits for the node's place in its ring. A node
// whose neighbours are all off may take longer, and goes on by itself.
const readyPatience = 15 * time.Second

// Node is one real node. Make it with New; its methods may be called from any
// goroutine.
type Node struct {
	cfg config.Config
	opt options
	log *slog.Logger

	feed  *events.Feed
	meter meter
	relay relay

	// Set by Start, in this order, and not changed until Stop.
	home    *home.Home
	signer  *keys.Signer
	store   store.Store
	records records.Records
	carrier transport.Transport
	member  *member.Member
	people  *people.People
	storage *storage.Storage
	doors   *doors.Doors // shut until the node has a place in its ring

	ctx    context.Context // ends when the node stops
	cancel context.CancelFunc
	wg     sync.WaitGroup // all goroutines of this package
	done   chan struct{}  // closed when the node should be stopped
	ask    sync.Once      // closes done
	stop   sync.Once
	killed bool // by Kill: no farewells

	begun   time.Time
	clock   *clock.Watch
	change  sync.Mutex // one change of the ring or of the overlay at a time
	upkeep  chan struct{}
	lan     *lan.LAN
	table   *table.Table
	stopErr error

	mu    sync.Mutex // guards what follows
	over  *overlay   // the present one, nil between two
	state string     // StateStopping, or empty
	fault error      // what broke the node
	// control serves the socket and the page; nil before, and without it.
	control *control.Server
}

// New returns a node that is not started. The error is that of Config.Validate, or
// of an option.
func New(c config.Config, opts ...Option) (*Node, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	n := &Node{cfg: c, feed: events.NewFeed(), done: make(chan struct{}), upkeep: make(chan struct{}, 1)}
	for _, o := range opts {
		o(&n.opt)
	}
	for _, a := range n.opt.apps {
		if a.number < FirstFree {
			return nil, fmt.Errorf("node: an application with the number %d: numbers below %d are phyllo's own", a.number, FirstFree)
		}
	}
	n.log = n.opt.log
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	n.clock = clock.New(n.opt.wall)
	n.lan = lan.New(lan.Config{
		Member: func() *member.Member { return n.member }, Self: func() peer.Key { return n.signer.Public() }, Addrs: n.ownAddrs, Interfaces: n.opt.interfaces,
		MayMove: n.mayMove, Moved: n.moved, Tell: n.feed.Publish, Log: n.log,
	})
	n.table = table.New(table.Config{Here: n.tableHere, Tell: n.feed.Publish, Log: n.log})
	n.ctx, n.cancel = context.WithCancel(context.Background())
	return n, nil
}

// Start starts the node's parts in order, and returns when it is in its ring, or,
// if nobody of the ring can be reached for a while, when all but that is done. After
// an error the node must be stopped all the same.
func (n *Node) Start(ctx context.Context) error {
	n.begun = time.Now()
	for _, part := range []func(context.Context) error{
		n.openState, n.openLinks, n.findRing, n.startOverlay, n.openDoors, n.startControl,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	n.wg.Go(n.watchMember)
	n.wg.Go(n.watchTraffic)
	n.wg.Go(func() { n.storage.WatchScrub(n.ctx) })
	n.wg.Go(func() { n.storage.WatchCopies(n.ctx) })
	n.wg.Go(func() { n.table.Watch(n.ctx) })
	n.wg.Go(n.watchAddrs)
	n.lan.Start(n.cfg.LAN)
	if err := n.awaitReady(ctx, readyPatience); err != nil {
		return err
	}
	if n.cfg.User != "" {
		return users.ClaimAtStart(ctx, userSide{n}, n.cfg.User)
	}
	return nil
}

// openState locks the home, reads store and keys.
func (n *Node) openState(ctx context.Context) (err error) {
	if n.home, err = home.Open(n.cfg.Home); err != nil {
		return err
	}
	if err = n.remembers(); err != nil {
		return err
	}
	if n.store, err = n.openStore(n.home.Path(home.StoreName)); err != nil {
		return err
	}
	// After the store is there, as a key without one says that the store was lost.
	if n.signer, err = keys.LoadOrMakeSigner(n.home.Path(home.KeyName), keys.NodeKey, keys.Random()); err != nil {
		return err
	}
	n.records = records.Records{Store: n.store}
	if n.people, err = people.Load(n.home.Path(home.UsersName), n.log); err != nil {
		return err
	}
	n.storage = storage.New(storage.Config{
		Store: n.store, Home: n.home, Told: n.cfg.Offer, Scrub: n.opt.scrub, CountGap: n.opt.countGap, Here: n.storageHere, Count: n.countCopies,
		Certificate: func() *peer.Certificate { return n.member.Certificate() }, Authority: func() (peer.Signer, error) { return n.member.Authority() }, Log: n.log,
	})
	n.doors = doors.New(doors.Config{
		Settings: &n.cfg, OnlyAddressed: n.opt.noControl, Home: n.home, Store: n.store, People: n.people, Spaces: n.Files, Found: n.foundSpace, Log: n.log,
	})
	n.member, err = member.Open(ctx, member.Config{
		Folder: n.home.Dir, Node: n.signer, Store: n.store, Lookup: n.addrsOf, Changed: n.memberChanged, Log: n.log,
		Now: n.clock.Now, NoAppoint: !n.cfg.Appoint,
	})
	return err
}

// remembers refuses to begin anew, in a ring of its own, where the home has a node's key and nothing else of
// what it knew: that has been lost, and who starts it is to know.
func (n *Node) remembers() error {
	key, store := n.home.Path(home.KeyName), n.home.Path(home.StoreName)
	if _, err := os.Stat(key); err != nil || n.cfg.Join != "" || n.opt.open != nil {
		return nil
	}
	if _, err := os.Stat(store); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return api.Errorf(api.Failed, "the home %s has a node's key, and what the node knew of its ring (%s) is gone: restore that from a backup, or enter the ring again with `phyllo up --join INVITATION`; to begin anew, in a ring of its own, move %s away", n.home.Dir, store, key)
}

// openLinks starts the transport, and lets member speak over it.
func (n *Node) openLinks(context.Context) (err error) {
	if n.carrier, err = n.newTransport(); err != nil {
		return err
	}
	n.member.Serve(n.carrier)
	return nil
}

// findRing redeems the invitation that was given, or founds a ring, unless the node
// is in one.
func (n *Node) findRing(ctx context.Context) error {
	_, err := n.member.Ring()
	inRing := err == nil
	if n.cfg.Join != "" {
		inv, err := invite.Parse(n.cfg.Join)
		if err != nil {
			return kind.Give(err)
		}
		if have, err := n.member.Ring(); err == nil && have.ID == inv.Ring {
			return nil
		}
		_, err = n.member.Redeem(ctx, inv)
		return kind.Give(err)
	}
	if inRing {
		return nil
	}
	return kind.Give(n.member.Found(n.cfg.RingName))
}

func (n *Node) openDoors(context.Context) error { return n.doors.Open() }

func (n *Node) startControl(context.Context) error {
	if n.opt.noControl {
		return nil
	}
	c, err := control.Start(n.controlConfig())
	n.mu.Lock()
	n.control = c // it is served by now, and may be asked how it is reached
	n.mu.Unlock()
	return err
}

// awaitReady waits until the node claims its keys. That it takes longer is no error.
func (n *Node) awaitReady(ctx context.Context, patience time.Duration) error {
	o := n.overlay()
	if o == nil {
		return nil
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-o.ready:
		return nil
	case <-late.C:
		n.log.Warn("nobody of this node's ring can be reached yet; it goes on trying")
		return nil
	case <-n.done:
		return n.brokenBy()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Done is closed when somebody has asked the node to stop, or it broke. Whoever
// started it then calls Stop.
func (n *Node) Done() <-chan struct{} { return n.done }

// end closes Done.
func (n *Node) end() { n.ask.Do(func() { close(n.done) }) }

// broke notes what ended the node.
func (n *Node) broke(err error) {
	n.mu.Lock()
	if n.fault == nil {
		n.fault = err
	}
	n.mu.Unlock()
	n.log.Error("this node is broken and ends", "err", err)
	n.end()
}

// server serves the control interface, or is nil.
func (n *Node) server() *control.Server {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.control
}

func (n *Node) brokenBy() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.fault
}

// overlay is the node's present place in its ring, or nil.
func (n *Node) overlay() *overlay {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.over
}

// Stop stops the node in order, in under 5 s, and frees its home. It returns what
// broke the node, if something did. It may be called at any time, and again.
func (n *Node) Stop(ctx context.Context) error {
	n.stop.Do(func() { n.stopErr = n.shutdown(ctx, false) })
	return n.stopErr
}

// Kill ends the node without a word to the others, as a power cut does, and frees
// its home.
func (n *Node) Kill() {
	n.stop.Do(func() { n.stopErr = n.shutdown(context.Background(), true) })
}

func (n *Node) shutdown(ctx context.Context, hard bool) error {
	n.end()
	n.mu.Lock()
	n.state = api.StateStopping
	n.killed = hard
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, stopTime-500*time.Millisecond)
	defer cancel()
	var errs []error
	note := func(err error) {
		if err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
	}
	n.feed.Close()
	note(n.lan.Hush())
	served := n.server()
	if served != nil {
		note(served.Close(ctx))
	}
	if n.doors != nil {
		n.doors.Close(ctx, hard, note)
	}
	if hard && n.carrier != nil {
		if c, can := n.carrier.(interface{ Cut() error }); can {
			note(c.Cut())
		}
		note(n.carrier.Close())
	}
	n.cancel()
	n.lan.End()
	note(n.stopOverlay(ctx, !hard))
	if n.member != nil {
		note(n.member.Close())
	}
	if n.carrier != nil && !hard {
		note(n.carrier.Close())
	}
	n.lan.Wait()
	n.wg.Wait()
	if n.store != nil {
		note(n.store.Close())
	}
	if n.home != nil {
		note(n.home.Close())
	}
	if served != nil {
		served.Release()
	}
	if err := n.brokenBy(); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// memberChanged is member.Config.Changed.
func (n *Node) memberChanged() {
	select {
	case n.upkeep <- struct{}{}:
	default:
	}
}

// upkeepGap is the shortest time between two looks at what is due in the membership,
// clockGap the longest between two at the clock: when that is set, other things are due.
const (
	upkeepGap = 2 * time.Second
	clockGap  = time.Minute
)

// watchMember renews what is due, and carries expulsions that were made here to the
// overlay, at once.
func (n *Node) watchMember() {
	var next, soon time.Time // when to look; when to look if something has happened
	var set time.Duration
	for {
		n.carryExpulsions()
		if now := n.clock.Set(n.clock.Read()); (now - set).Abs() > clock.SetAside {
			next, set = soon, now
		}
		if !time.Now().Before(next) {
			wait, err := n.member.Upkeep(n.ctx)
			if err != nil && n.ctx.Err() == nil {
				n.log.Info("membership: something could not be done yet", "err", err)
			}
			next, soon = time.Now().Add(wait), time.Now().Add(upkeepGap)
		}
		timer := time.NewTimer(min(time.Until(next), clockGap))
		select {
		case <-timer.C:
		case <-n.upkeep:
			next = soon
		case <-n.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// carryExpulsions gives the overlay the entries that it may not know, and closes
// the links of those who are out.
func (n *Node) carryExpulsions() {
	list := n.member.Expulsions()
	o := n.overlay()
	if o == nil || len(list) == 0 {
		return
	}
	err := o.host.Call(n.ctx, func() {
		for _, e := range list {
			o.pastry.Expel(e)
		}
		o.past.Expelled()
	})
	if err != nil && n.ctx.Err() == nil {
		n.log.Warn("expulsions could not be handed to the overlay", "err", err)
	}
	n.dropExpelled(list)
}

func (n *Node) dropExpelled(list []*peer.Expulsion) {
	for _, e := range list {
		if !e.Node.IsZero() && !e.Pardon {
			n.carrier.Disconnect(e.Node, true)
		}
	}
}

// addrsOf is member.Config.Lookup: where a node with this key was seen.
func (n *Node) addrsOf(key peer.Key) []string {
	if n.carrier == nil {
		return nil
	}
	for _, l := range n.carrier.Links() {
		if l.Peer.Key == key {
			return l.Peer.Addrs
		}
	}
	return nil
}
